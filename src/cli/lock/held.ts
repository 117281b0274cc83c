import type { Result } from "../../protocol/methods.ts";
import type { Session } from "../session.ts";
import { bold, dim, green, momentText, oneLine, red, spanText } from "../text.ts";
import type { Place } from "./place.ts";

type Checked = Result<"CheckResourceLocks">["locks"][number];
type Mode = Checked["mode"];

/** A key as a wish. */
export interface Wanted {
  resource_key: string;
  mode: Mode;
}

/** What stands in the way of these keys, for people: who, until when, and what to do. */
export async function explainHeld(
  session: Session,
  { scope }: Place,
  locks: readonly Wanted[],
  owner?: string,
): Promise<string> {
  const checked = await session.call("CheckResourceLocks", { locks: [...locks], scope });
  const held = checked.locks.filter(({ free }) => !free);
  if (held.length === 0) return "what stood in the way is free now; try again";
  const own = owner !== undefined && held.some(({ holders }) => holders.some((holder) => holder.owner === owner));
  const advice = own
    ? "add to your own lease with --lease LEASE, or queue with --wait 60s"
    : "queue with --wait 60s, or see: agentd lock list";
  return [...held.flatMap((one) => checkedLines(one, Date.now())), advice].join("\n");
}

/** One key: whether it is free, and line by line who holds or waits for what overlaps with it. */
export function checkedLines({ resource_key, free, holders, waiting }: Checked, nowMs: number): string[] {
  const key = bold(oneLine(resource_key, 200));
  if (free && holders.length === 0) return [`${key} is ${green("free")}`];
  const first = `${key} is ${free ? green("yours") : red(holders.length === 0 ? "waited for" : "held")}`;
  return [
    first,
    ...holders.map((holder) => `  ${holderText(holder, resource_key, nowMs)}`),
    ...waiting.map((one) => `  ${waiterText(one, nowMs)}`),
  ];
}

function holderText(holder: Checked["holders"][number], wanted: string, nowMs: number): string {
  const { owner, provider, intent, acquired_at, lease_expires_at_ms: untilMs, mode, resource_key } = holder;
  const what = resource_key === wanted ? "" : ` ${oneLine(resource_key, 120)}`;
  const sharing = mode === "shared" ? ", shared" : "";
  const node = holder.node_id === null ? "" : `, for node ${holder.node_id}`;
  return [
    `by ${partyText(owner, provider)}${what}${sharing} since ${momentText(acquired_at)}${node}`,
    `for ${spanText((untilMs - nowMs) / 1000)} more unless renewed`,
    ...(intent === null ? [] : [`to ${oneLine(intent, 120)}`]),
  ].join(", ");
}

function waiterText({ owner, provider, resource_key, since_ms: sinceMs }: Checked["waiting"][number], nowMs: number) {
  const since = spanText((nowMs - sinceMs) / 1000);
  return dim(`${partyText(owner, provider)} waits for ${oneLine(resource_key, 120)}, for ${since} now`);
}

export function partyText(owner: string, provider: string | null): string {
  const name = oneLine(JSON.stringify(owner), 60);
  return provider === null ? name : `${name} (${oneLine(provider, 40)})`;
}
