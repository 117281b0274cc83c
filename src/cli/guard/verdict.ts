import { TIMED_OUT, within } from "../../client/deadline.ts";
import type { LockHolderView } from "../../protocol/methods/views.ts";
import type { Result } from "../../protocol/methods.ts";
import { toFailure } from "../failures.ts";
import { partyText } from "../lock/text.ts";
import { clip, harmless, momentText, oneLine, spanText } from "../text.ts";

/** How long finding out may take, the start of a daemon included. */
const checkMs = 15_000;

export type WaitingView = Result<"CheckResourceLocks">["locks"][number]["waiting"][number];

/** A path others hold, or wait for in front of whoever asks. */
export interface Held {
  /** From the work tree's top, or absolute outside of one. */
  path: string;
  holders: readonly LockHolderView[];
  waiting: readonly WaitingView[];
}

/** What a guard found. What could not be checked is refused as well, but by another name: the way on is another. */
export type Verdict =
  { outcome: "allowed" } | { outcome: "refused"; held: readonly Held[] } | { outcome: "unchecked"; why: string };

/** The verdict on paths of which `find` gives those that others hold. It throws nothing: what fails was not checked. */
export async function verdictOf(find: () => Promise<readonly Held[]>): Promise<Verdict> {
  try {
    const held = await within(find(), checkMs);
    if (held === TIMED_OUT) return unchecked(`there was no answer within ${checkMs / 1000} s; see: agentd doctor`);
    return held.length === 0 ? { outcome: "allowed" } : { outcome: "refused", held };
  } catch (cause) {
    return unchecked(reasonOf(cause));
  }
}

export function unchecked(why: string): Verdict {
  return { outcome: "unchecked", why };
}

function reasonOf(cause: unknown): string {
  const { kind, message } = toFailure(cause);
  return kind === "UNKNOWN_METHOD" ? `the daemon that runs is older than this agentd; run: agentd restart` : message;
}

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
  const why = intent === null ? "" : `: "${oneLine(intent, 120)}"`;
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
