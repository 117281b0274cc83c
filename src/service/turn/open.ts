import { encodeError } from "../answer.ts";
import { execute, prepareState } from "../execute.ts";
import { isPending } from "../handler.ts";
import { hearHolders } from "./holders.ts";
import { askDue, askQueue, askWoken } from "./ask.ts";
import { endWhatIsOver, moveDeadlines } from "./housekeeping.ts";
import type { StorageFailure } from "../../store/store.ts";
import type { Job } from "./sessions.ts";
import type { Outcome, Turn } from "./turn.ts";
import { type Waiter, waiterOf } from "./waiting-room.ts";
import type { DispatcherState } from "./dispatcher-state.ts";

/** After this many characters of answers, or this much time, a turn ends and the rest waits for the next. */
const answerCharsMax = 2 << 20;
const turnMsMax = 50;

/**
 * Runs everything of a turn: what is due of the daemon's own, its requests, each undone alone if refused, and who waits
 * for what they change. All of it stands in one unit of the store's, which is left open.
 */
export function open(turn: Turn, state: DispatcherState): void {
  if (!turn.writes) {
    runJobs(turn, state, (job) => alone(job, turn, state));
    return;
  }
  const { storage } = state;
  try {
    storage.begin();
    beforeRequests(turn, state);
    runJobs(turn, state, (job) => inUnit(job, turn, state));
    afterRequests(turn, state);
  } catch (error) {
    turn.failure = storage.failureOf(error);
  }
}

/** Answers a turn's requests once nothing of its unit was kept: what would change state is refused, the rest is read. */
export function answerWithout(turn: Turn, state: DispatcherState, { kind, message }: StorageFailure): void {
  turn.inOrder.clear();
  for (const waiter of turn.arrived) state.room.remove(waiter);
  turn.arrived.clear();
  const refusal = encodeError(kind, message);
  runJobs(turn, state, (job) => (job.call.mutates ? refusal : alone(job, turn, state)));
}

function beforeRequests(turn: Turn, state: DispatcherState): void {
  moveDeadlines(turn.due, turn.context);
  const calls = turn.jobs.map(({ call }) => call);
  if (turn.due.expires && calls.some(({ mutates }) => mutates)) hearHolders(calls, turn.context);
  if (turn.asksQueue) askQueue(turn, state);
}

function inUnit(job: Job, turn: Turn, state: DispatcherState): Outcome {
  const { storage } = state;
  const { call } = job;
  storage.contain(call.name, () => prepareState(call, turn.context));
  askWoken(turn, state);
  const outcome = storage.contain(call.name, () => execute(call, turn.context));
  const arrived = arrive(job, outcome, turn);
  askWoken(turn, state);
  if (arrived !== null) state.room.add(arrived);
  return outcome;
}

/** Who begins to wait, if the request does; from now on it ends with the turn should that fail. */
function arrive(job: Job, outcome: Outcome, turn: Turn): Waiter | null {
  if (!isPending(outcome)) return null;
  const waiter = waiterOf(job, outcome, turn.now.monotonicMs);
  turn.arrived.add(waiter);
  if (job.call.mutates && outcome.keepsOrder === true) turn.inOrder.add(job.slot.session);
  return waiter;
}

function afterRequests(turn: Turn, state: DispatcherState): void {
  turn.context.slices.renew();
  endWhatIsOver(turn.due, turn.context, state.storage);
  if (turn.due.expires || turn.due.prunes || turn.asksDue) askDue(turn, state);
  askWoken(turn, state);
}

function alone(job: Job, turn: Turn, { storage, room }: DispatcherState): Outcome {
  const outcome = storage.guard(job.call, () => execute(job.call, turn.context));
  const arrived = arrive(job, outcome, turn);
  if (arrived !== null) room.add(arrived);
  return outcome;
}

/** Runs requests in order. Fewer than there are when answers grow large or the turn gets long; at least one is. */
function runJobs(turn: Turn, { store, observer, monotonicMs }: DispatcherState, run: (job: Job) => Outcome): void {
  const { jobs, outcomes, inOrder } = turn;
  outcomes.clear();
  let nowMs = monotonicMs();
  const endMs = nowMs + turnMsMax;
  let chars = 0;
  for (const job of jobs) {
    if (inOrder.has(job.slot.session)) continue;
    const startedMs = nowMs;
    const outcome = run(job);
    outcomes.set(job, outcome);
    nowMs = monotonicMs();
    const answerChars = isPending(outcome) ? null : outcome.length;
    observer.served?.({ call: job.call, seq: store.reads.head.seq, tookMs: nowMs - startedMs, answerChars });
    chars += answerChars ?? 0;
    if (chars > answerCharsMax || nowMs > endMs) return;
  }
}
