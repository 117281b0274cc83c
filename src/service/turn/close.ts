import type { Entry } from "../../core/journal/journal.ts";
import { newsOfJournal } from "../../core/journal/topics.ts";
import { encodeError, encodeReply } from "../answer.ts";
import { isPending, withBudget } from "../handler.ts";
import type { Answer } from "./call.ts";
import { answerWithout } from "./open.ts";
import type { Slot } from "./sessions.ts";
import type { Turn } from "./turn.ts";
import { isWoken, type Waiter } from "./waiting-room.ts";
import type { DispatcherState } from "./dispatcher-state.ts";

/**
 * Commits the unit of a turn or undoes it, then gives everybody their answers: the waiters it served, its requests, and
 * who waits to read what it journalled. Whether it was committed.
 */
export function close(turn: Turn, state: DispatcherState): boolean {
  const { storage, housekeeping, store } = state;
  const isCommitted = turn.writes && commit(turn, state);
  if (isCommitted) settleWaiters(turn, state);
  else if (storage.problem !== null) {
    undoWaiters(turn, state);
  }
  answerJobs(turn);
  if (isCommitted) {
    housekeeping.committed();
    for (const [counter, by] of turn.counted) state.counts[counter] += by;
  } else if (storage.problem?.kind === "OUTCOME_UNKNOWN") housekeeping.doubt();
  answerReaders(turn, state, isCommitted ? store.appended : []);
  return isCommitted;
}

/** As the last turn does: everybody who waits is told that the wait is over. */
export function endWaits(turn: Turn, state: DispatcherState, otherwise: Answer): void {
  const { room } = state;
  for (const waiter of room.mutating) {
    room.remove(waiter);
    answer(turn, waiter.slot, otherwise);
  }
  for (const waiter of room.reading) {
    answer(turn, waiter.slot, askReader(waiter, true, turn, state) ?? otherwise);
    room.remove(waiter);
  }
}

function commit(turn: Turn, state: DispatcherState): boolean {
  const { storage } = state;
  const failure = turn.failure ?? storage.commit();
  if (failure === null) return true;
  storage.abandon(failure);
  answerWithout(turn, state, failure);
  return false;
}

function settleWaiters(turn: Turn, { room }: DispatcherState): void {
  for (const [waiter, its] of turn.served) {
    room.remove(waiter);
    answer(turn, waiter.slot, its);
  }
  room.outcomeUnknown = false;
}

/**
 * After a commit that failed, mutating waiters wait on; who works instead or whose time is over is told of it, and those
 * that arrived have been, with the rest of their turn. Where the commit may have lasted, so is who was served by it, as what it
 * took may be taken; the others are asked again as soon as there is a commit.
 */
function undoWaiters(turn: Turn, { room, queue, storage }: DispatcherState): void {
  const { problem } = storage;
  if (problem === null) return;
  const isUnknown = problem.kind === "OUTCOME_UNKNOWN";
  const failure = encodeError(problem.kind, problem.message);
  for (const waiter of room.mutating) {
    const isOver = waiter.deadlineMs <= turn.now.monotonicMs || waiter.pending.keepsOrder === true;
    if (!isOver && !(isUnknown && turn.served.has(waiter))) continue;
    room.remove(waiter);
    answer(turn, waiter.slot, failure);
  }
  for (const waiter of turn.owed) if (room.mutating.has(waiter)) room.owed.add(waiter);
  room.outcomeUnknown ||= isUnknown;
  // Some may have gone in the unit that is undone.
  queue.hasChanged ||= !queue.isEmpty;
}

function answerJobs(turn: Turn): void {
  for (const job of turn.jobs) {
    const outcome = turn.outcomes.get(job);
    if (outcome !== undefined && !isPending(outcome)) answer(turn, job.slot, outcome);
  }
}

/** Asks every reading waiter whose time has come. Those that go on each turn have their slices in turn. */
function answerReaders(turn: Turn, state: DispatcherState, committed: readonly Entry[]): void {
  const { room } = state;
  if (room.reading.size === 0) return;
  const news = newsOfJournal(committed);
  turn.context.slices.renew();
  const isOver = ({ deadlineMs }: Waiter) => deadlineMs <= turn.now.monotonicMs;
  const asked = [...room.reading].filter((waiter) => isOver(waiter) || isWoken(waiter, news));
  for (const waiter of asked) {
    if (waiter.pending.wakes === "turn" && turn.context.slices.areSpent) continue;
    const its = askReader(waiter, isOver(waiter), turn, state);
    if (its === null) {
      room.putLast(waiter);
      continue;
    }
    room.remove(waiter);
    answer(turn, waiter.slot, its);
  }
}

function askReader(
  { call, pending }: Waiter,
  isLast: boolean,
  turn: Turn,
  { storage }: DispatcherState,
): Answer | null {
  return storage.guard(call, () => {
    const ready = pending.resume(withBudget(turn.context), isLast);
    return ready === null ? null : encodeReply(ready.reply, call, turn.context);
  });
}

function answer(turn: Turn, slot: Slot, its: Answer): void {
  slot.session.answer(slot, its);
  turn.touched.add(slot.session);
}
