import type { LockHolderView } from "../../protocol/methods/views.ts";
import { partyText } from "../lock/text.ts";
import { clip, harmless, momentText, oneLine, spanText } from "../text.ts";
import type { Held, WaitingView } from "./verdict.ts";

const pathsShown = 20;
const holdersShown = 3;
const pathShownMax = 1_000;

/** How a guard is passed, in the words every guard uses. */
export const bypass = "AGENTD_GUARD=off passes the guard, and is journalled";

/** Paths others hold, a block of lines: each path, and under it who holds it, as what, why and for how long yet. */
export function heldText(held: readonly Held[], nowMs: number): string {
  const lines = held.slice(0, pathsShown).flatMap((each) => pathLines(each, nowMs));
  return [...lines, ...more(held.length - pathsShown, "  and", "more paths")].join("\n");
}

function pathLines({ path, holders, waiting }: Held, nowMs: number): string[] {
  return [
    `  ${quoted(path)}`,
    ...holders.slice(0, holdersShown).map((holder) => `    ${holderText(path, holder, nowMs)}`),
    ...more(holders.length - holdersShown, "    and", "more holders"),
    ...(holders.length === 0 ? [`    ${waitingText(waiting)}`] : []),
  ];
}

/** A name with a line end in it would else read as two, or as another. */
function quoted(path: string): string {
  return clip(harmless(/["\p{Cc}\p{Cf}]/u.test(path) ? JSON.stringify(path) : path), pathShownMax);
}

function holderText(path: string, holder: LockHolderView, nowMs: number): string {
  const { owner, provider, resource_key, mode, intent, acquired_at, lease_expires_at_ms } = holder;
  const who = partyText(owner, provider);
  const as = resource_key === `file:${path}` ? "" : ` as ${quoted(resource_key)}`;
  const shared = mode === "shared" ? " (shared)" : "";
  const left = spanText((lease_expires_at_ms - nowMs) / 1000);
  const why = intent === null ? "" : `, to ${oneLine(intent, 120)}`;
  return `held by ${who}${as}${shared} since ${momentText(acquired_at)}, for ${left} more unless renewed${why}`;
}

function waitingText([first]: readonly WaitingView[]): string {
  if (first === undefined) return "was held a moment ago, and is free now: try again";
  return `is free, but ${partyText(first.owner, first.provider)} queues for it`;
}

function more(count: number, before: string, what: string): string[] {
  return count > 0 ? [`${before} ${count} ${what}`] : [];
}

/** The owners a refusal names, each once. */
export function ownersOf(held: readonly Held[]): string[] {
  return [...new Set(held.flatMap(({ holders }) => holders.map(({ owner }) => owner)))];
}
