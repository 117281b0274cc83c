import type { Result } from "../../protocol/methods.ts";
import type { Session } from "../session.ts";
import { type Here, locateHere } from "./keys.ts";
import { bold, dim, green, momentText, oneLine, red, spanText } from "../text.ts";

type Checked = Result<"CheckResourceLocks">["locks"][number];
type Mode = Checked["mode"];

/** A key as a wish; without a scope of the global one. */
export interface Wanted {
  resource_key: string;
  scope: string | undefined;
  top: string | undefined;
  mode: Mode;
}

/** What stands in the way of these keys, for people: who, until when, and what to do. */
export async function explainHeld(session: Session, locks: readonly Wanted[], owner?: string): Promise<string> {
  const checked = await session.call("CheckResourceLocks", { locks: [...locks] });
  const held = checked.locks.filter(({ free }) => !free);
  if (held.length === 0) return "what stood in the way is free now; try again";
  const own = owner !== undefined && held.some(({ holders }) => holders.some((holder) => holder.owner === owner));
  const advice = own
    ? "add to your own lease with --lease LEASE, or queue with --wait 60s"
    : "queue with --wait 60s, or see: agentd lock list";
  const here = await locateHere();
  return [...held.flatMap((one) => checkedLines(one, here, Date.now())), advice].join("\n");
}

/** Who holds these keys, a line each for those that are held; nothing where none is. */
export async function holdersOf(session: Session, keys: readonly Omit<Wanted, "mode">[]): Promise<string> {
  const locks = keys.map(({ resource_key, scope }) => ({ resource_key, scope }));
  const checked = await session.call("CheckResourceLocks", { locks });
  const here = await locateHere();
  const held = checked.locks.filter(({ holders }) => holders.length > 0);
  return held.flatMap((one) => ["", ...checkedLines(one, here, Date.now())]).join("\n");
}

/** One key: whether it is free, and line by line who holds or waits for what overlaps with it. */
export function checkedLines(checked: Checked, here: Here, nowMs: number): string[] {
  const { free, holders, waiting, namesakes } = checked;
  const key = bold(oneLine(here.nameOf(checked), 200));
  const state = free
    ? green(holders.length === 0 ? "free" : "yours")
    : red(holders.length === 0 ? "waited for" : "held");
  return [
    `${key} is ${state}`,
    ...holders.map((holder) => `  ${holderText(holder, checked, here, nowMs)}`),
    ...waiting.map((one) => `  ${waiterText(one, here, nowMs)}`),
    ...namesakes.map(
      (holder) => `  perhaps the same: ${holderText(holder, checked, here, nowMs)}, in the global scope`,
    ),
  ];
}

function holderText(holder: Checked["holders"][number], wanted: Checked, here: Here, nowMs: number): string {
  const { owner, provider, intent, acquired_at, lease_expires_at_ms: untilMs, mode } = holder;
  const isTheSame = holder.resource_key === wanted.resource_key && holder.scope === wanted.scope;
  const what = isTheSame ? "" : ` ${oneLine(here.nameOf(holder), 120)}`;
  const sharing = mode === "shared" ? ", shared" : "";
  const node = holder.node_id === null ? "" : `, for node ${holder.node_id}`;
  return [
    `by ${partyText(owner, provider)}${what}${sharing} since ${momentText(acquired_at)}${node}`,
    `for ${spanText((untilMs - nowMs) / 1000)} more unless renewed${intent === null ? "" : `: "${oneLine(intent, 120)}"`}`,
  ].join(", ");
}

function waiterText(waiter: Checked["waiting"][number], here: Here, nowMs: number) {
  const since = spanText((nowMs - waiter.since_ms) / 1000);
  const who = partyText(waiter.owner, waiter.provider);
  return dim(`${who} waits for ${oneLine(here.nameOf(waiter), 120)}, for ${since} now`);
}

export function partyText(owner: string, provider: string | null): string {
  const name = oneLine(JSON.stringify(owner), 60);
  return provider === null ? name : `${name} (${oneLine(provider, 40)})`;
}
