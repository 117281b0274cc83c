import { encodeError, execute, prepareState } from "../execute.ts";
import { isPending } from "../handler.ts";
import { hearHolders } from "./holders.ts";
import { askDue, askQueue, askWoken } from "./ask.ts";
import { endWhatIsOver, moveDeadlines } from "./own-work.ts";
import type { StorageFailure } from "../../store/store.ts";
import type { Job } from "./sessions.ts";
import type { Outcome, Turn } from "./turn.ts";
import { type Waiter, waiterOf } from "./waiting-room.ts";
import type { Workplace } from "./workplace.ts";

/** After this many characters of answers, or this much time, a turn ends and the rest waits for the next. */
const answerCharsMax = 2 << 20;
const turnMsMax = 50;

/**
 * Runs everything of a turn: what is due of the daemon's own, its requests, each undone alone if refused, and who waits
 * for what they change. All of it stands in one unit of the store's, which is left open.
 */
export function open(turn: Turn, workplace: Workplace): void {
  if (!turn.writes) {
    runJobs(turn, workplace, (job) => alone(job, turn, workplace));
    return;
  }
  const { storage } = workplace;
  try {
    storage.begin();
    begin(turn, workplace);
    runJobs(turn, workplace, (job) => inUnit(job, turn, workplace));
    end(turn, workplace);
  } catch (error) {
    turn.failure = storage.failureOf(error);
  }
}

/** Answers a turn's requests once nothing of its unit was kept: what would change state is refused, the rest is read. */
export function answerWithout(turn: Turn, workplace: Workplace, { kind, message }: StorageFailure): void {
  turn.inOrder.clear();
  for (const waiter of turn.arrived) workplace.room.remove(waiter);
  turn.arrived.clear();
  const refusal = encodeError(kind, message);
  runJobs(turn, workplace, (job) => (job.call.mutates ? refusal : alone(job, turn, workplace)));
}

function begin(turn: Turn, workplace: Workplace): void {
  moveDeadlines(turn.due, turn.context);
  const calls = turn.jobs.map(({ call }) => call);
  if (turn.due.expires && calls.some(({ mutates }) => mutates)) hearHolders(calls, turn.context);
  if (turn.asksQueue) askQueue(turn, workplace);
}

function inUnit(job: Job, turn: Turn, workplace: Workplace): Outcome {
  const { storage } = workplace;
  const { call } = job;
  storage.contain(call.name, () => prepareState(call, turn.context));
  askWoken(turn, workplace);
  const outcome = storage.contain(call.name, () => execute(call, turn.context));
  const arrived = arrive(job, outcome, turn);
  askWoken(turn, workplace);
  if (arrived !== null) workplace.room.add(arrived);
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

function end(turn: Turn, workplace: Workplace): void {
  turn.context.slices.renew();
  endWhatIsOver(turn.due, turn.context, workplace.storage);
  if (turn.due.expires || turn.due.prunes || turn.asksDue) askDue(turn, workplace);
  askWoken(turn, workplace);
}

function alone(job: Job, turn: Turn, { storage, room }: Workplace): Outcome {
  const outcome = storage.guard(job.call, () => execute(job.call, turn.context));
  const arrived = arrive(job, outcome, turn);
  if (arrived !== null) room.add(arrived);
  return outcome;
}

/** Runs requests in order. Fewer than there are when answers grow large or the turn gets long; at least one is. */
function runJobs(turn: Turn, { store, reports, monotonicMs }: Workplace, run: (job: Job) => Outcome): void {
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
    reports.served?.({ call: job.call, seq: store.reads.head.seq, tookMs: nowMs - startedMs, answerChars });
    chars += answerChars ?? 0;
    if (chars > answerCharsMax || nowMs > endMs) return;
  }
}
