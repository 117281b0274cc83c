import { newsOfState } from "../../core/journal/topics.ts";
import { isErrorAnswer } from "../answer.ts";
import { executePending } from "../execute.ts";
import { standsInQueue } from "./lock-queue.ts";
import { dueMicrosMax } from "./time-budget.ts";
import type { Turn } from "./turn.ts";
import { isWoken, type Waiter } from "./waiting-room.ts";
import type { DispatcherState } from "./dispatcher-state.ts";

/** Whether a waiter is asked, and whether for the last time. */
type Asked = "not" | "again" | "last";

/** Before the requests of a turn: who stood behind somebody who has left goes before who comes now. */
export function askQueue(turn: Turn, state: DispatcherState): void {
  const { queue } = state;
  const all = queue.hasChanged;
  const owed = new Set(turn.owed);
  queue.hasChanged = false;
  if (all) turn.context.apply({ kind: "forgetHeldBack" });
  ask(turn, state, (waiter) => (all || owed.has(waiter) ? "again" : "not"));
}

/** After each request: those for whom the unit has journalled something since the last time. */
export function askWoken(turn: Turn, state: DispatcherState): void {
  const { store, room } = state;
  const since = turn.told;
  // What is told may journal more, which is told with the next.
  turn.told = store.appended.length;
  if (turn.told === since || room.mutating.size === 0) return;
  const news = newsOfState(store.appended.slice(since));
  if (news.isEmpty) return;
  // Found out once for all who ask for the same.
  const known = new Map<string, boolean>();
  ask(turn, state, (waiter) => {
    const { dedupKey, wakes } = waiter.pending;
    // At the end of the turn, once.
    if (typeof wakes === "string") return "not";
    const woken = (dedupKey === undefined ? undefined : known.get(dedupKey)) ?? isWoken(waiter, news);
    if (dedupKey !== undefined) known.set(dedupKey, woken);
    return woken ? "again" : "not";
  });
}

/**
 * After all requests: for the last time those whose deadline has passed, then those that go on each turn, and all of them
 * when what they wait for may have come by time alone, or with a commit whose outcome is unknown.
 */
export function askDue(turn: Turn, state: DispatcherState): void {
  const all = turn.due.expires || state.room.outcomeUnknown;
  ask(turn, state, ({ deadlineMs, pending }) => {
    if (deadlineMs <= turn.now.monotonicMs) return "last";
    return all || typeof pending.wakes === "string" ? "again" : "not";
  });
}

/** Asks mutating waiters in their order, inside the turn's unit. Who is not asked for lack of time is owed it. */
function ask(turn: Turn, { storage, room }: DispatcherState, how: (waiter: Waiter) => Asked): void {
  const timeLeft = askingTime(turn);
  const inVain = new Set<string>();
  let isCleared = false;
  // Who leaves the queue without locks clears the way for those behind.
  const leave = (waiter: Waiter) => {
    if (!standsInQueue(waiter)) return;
    isCleared = true;
    inVain.clear();
    turn.context.apply({ kind: "forgetHeldBack" });
  };
  for (const waiter of room.mutating) {
    if (turn.served.has(waiter)) continue;
    if (!timeLeft()) {
      room.owed.add(waiter);
      continue;
    }
    const { call, pending, slot } = waiter;
    const its = how(waiter);
    const asked = isCleared && its === "not" ? "again" : its;
    if (asked === "not") continue;
    room.owed.delete(waiter);
    if (asked === "again" && pending.dedupKey !== undefined && inVain.has(pending.dedupKey)) continue;
    if (slot.session.gone) {
      room.remove(waiter);
      leave(waiter);
      continue;
    }
    const isLast = asked === "last";
    const answer = storage.contain(call.name, () => executePending(call, pending, isLast, turn.context));
    if (answer !== null) {
      turn.served.set(waiter, answer);
      // Without its locks: refused, or out of time.
      if (isLast || isErrorAnswer(answer)) leave(waiter);
    } else if (pending.dedupKey !== undefined) inVain.add(pending.dedupKey);
  }
}

/** Tells whether this turn may ask one more; all that are asked in it share the time. */
function askingTime(turn: Turn): () => boolean {
  const { runtime } = turn.context;
  const since = runtime.monotonicMicros() - turn.askedMicros;
  return () => {
    turn.askedMicros = runtime.monotonicMicros() - since;
    return turn.askedMicros < dueMicrosMax;
  };
}
