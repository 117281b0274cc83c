import { type ClockReading, deadlineShift, readEveryMs } from "../../core/clock.ts";
import type { Entry } from "../../core/journal.ts";
import { WorkBudget } from "../../core/work-budget.ts";
import type { BadLine, Request } from "../../protocol/envelope.ts";
import { limits } from "../../protocol/limits.ts";
import type { Paths } from "../../protocol/paths.ts";
import type { Settings } from "../../protocol/settings.ts";
import type { Store } from "../../store/store.ts";
import { type Chores, GroupCommit, type Reports } from "../batch.ts";
import { type Job, turnChores } from "../chores.ts";
import type { Answer } from "./call.ts";
import { encodeError, encodeReply, prepareCall } from "../execute.ts";
import { type Context, isPending } from "../handler.ts";
import { Parked, type Waiting } from "../parked.ts";
import type { CheckPages } from "../page-check.ts";
import { Remembered } from "../remembered.ts";
import type { CaseProbe } from "../resource-keys.ts";
import { type Counter, noCounts, type Runtime } from "../runtime.ts";
import { type Recipient, Session, type Slot } from "./sessions.ts";

export interface DispatcherOptions {
  store: Store;
  settings: Settings;
  paths: Paths;
  pid: number;
  /** Whether a client started it, rather than a terminal or a supervisor. */
  background: boolean;
  readClock: () => ClockReading;
  newId: () => string;
  /** From 0 to below 1. */
  random: () => number;
  reports: Reports;
  /** Whether file names of a scope that differ by case only are one file. */
  ignoresCase: CaseProbe;
  checkPages: CheckPages;
}

/**
 * Runs requests in turns: each takes what arrived, a fair share from every client, settles it in one commit and sends
 * the answers. Expiry of leases and requests that wait are served in the same turns, so that everything that changes
 * state stands in one order.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #commit: GroupCommit;
  readonly #counts = noCounts();
  readonly #runtime: Runtime;
  readonly #parked: Parked;
  readonly remembered: Remembered;
  /** Sessions with requests that wait for a turn, in the order they came. */
  #ready = new Set<Session>();
  #clock: ClockReading;
  /** By how much all deadlines must move with the next commit. */
  #shiftMs = 0;
  /** Whether the next commit gives every lease its full time again, as nobody could renew one before the start. */
  #renew: boolean;
  /** Whether something leaves the database, a little each turn. */
  #prunes: boolean;
  /** When the next lease, lock or delay is over; null while there is none. */
  #nextDeadlineMs: number | null;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#commit = new GroupCommit(options.store, options.reports, () => options.readClock().monotonicMs);
    this.remembered = new Remembered(options.ignoresCase);
    this.#parked = new Parked(() => options.store.forgetHeldBack(), options.store.reads.nodes.isAnyHeldBack());
    this.#clock = options.readClock();
    this.#runtime = this.#makeRuntime(this.#clock.monotonicMs);
    this.#nextDeadlineMs = options.store.reads.leases.nextDeadlineMs();
    this.#renew = this.#nextDeadlineMs !== null;
    this.#prunes = options.store.reads.pruning.isUnderWay();
  }

  /** Adds a client, who gets answers in the order of the requests. */
  open(recipient: Recipient): Session {
    return new Session(recipient, this.#options.settings.unreadBytesMax);
  }

  submit(session: Session, request: Request | BadLine): void {
    session.enqueue(request);
    this.#ready.add(session);
  }

  /** Goes on with a client that has read enough of its answers. */
  resume(session: Session): void {
    if (session.queued > 0) this.#ready.add(session);
  }

  /**
   * Forgets a client that is gone: its waiting requests end, and what it has not been answered is dropped. True when
   * others may go on now, in a turn that should follow.
   */
  drop(session: Session): boolean {
    session.close();
    this.#ready.delete(session);
    this.#parked.drop(session);
    return this.#parked.stirred;
  }

  /** Runs one turn. True when the next should follow at once. */
  turn(): boolean {
    const now = this.#observeClock();
    const slots = this.#take(this.#options.settings.batchRequestsMax);
    const touched = new Set(slots.map(({ session }) => session));
    const jobs = slots.map(prepare).filter((job) => job !== null);
    const committed = this.#settle(jobs, now, touched);
    this.#wakeParked(now, committed, touched);
    for (const session of touched) this.#flush(session);
    // While the storage fails, what is due of the daemon's own is tried once a tick, and not over and over.
    const isDue = this.#prunes || this.#parked.behind || this.#parked.stirred || this.#isDue(now.wallMs);
    return this.#ready.size > 0 || this.#parked.busy || (this.#commit.problem === null && isDue);
  }

  /** The last turns: everything that was submitted is answered, and who waits is told that the wait is over. */
  drain(): void {
    while (this.#ready.size > 0) this.turn();
    const touched = new Set<Session>();
    const over = { ...this.#clock, monotonicMs: Number.POSITIVE_INFINITY };
    this.#wakeParked(over, [], touched, { takersToo: true, otherwise: stopping });
    for (const session of touched) this.#flush(session);
  }

  /** Milliseconds until a turn is needed although no request came; null when none ever is. */
  msUntilTurn(): number | null {
    const now = this.#options.readClock();
    const waits: number[] = [];
    // While a lease is live the clocks are read again and again, so that a stopped process or a step is noticed.
    if (this.#nextDeadlineMs !== null) {
      const untilDue = this.#commit.problem === null ? this.#nextDeadlineMs - now.wallMs : readEveryMs;
      waits.push(Math.min(readEveryMs, untilDue));
    }
    if (this.#prunes || this.#parked.behind || this.#parked.stirred)
      waits.push(this.#commit.problem === null ? 0 : readEveryMs);
    const parked = this.#parked.nextDeadlineMs();
    if (parked !== null) waits.push(parked - now.monotonicMs);
    return waits.length === 0 ? null : Math.max(0, Math.ceil(Math.min(...waits)));
  }

  /** A fair share of what waits: one request of each ready session after the other. */
  #take(most: number): Slot[] {
    const taken: Slot[] = [];
    // A session that is taken out and put back is visited again, after all others.
    for (const session of this.#ready) {
      if (taken.length === most) break;
      this.#ready.delete(session);
      if (session.congested) continue;
      const slot = session.next();
      if (slot !== undefined) taken.push(slot);
      if (session.queued > 0) this.#ready.add(session);
    }
    return taken;
  }

  /** Settles the jobs and what is due of the daemon's own; gives what was committed. */
  #settle(jobs: readonly Job[], now: ClockReading, touched: Set<Session>): readonly Entry[] {
    const { store } = this.#options;
    const tally: [Counter, number][] = [];
    const context = this.#context(now.wallMs, (counter, by = 1) => tally.push([counter, by]));
    const calls = jobs.map(({ call }) => call);
    const { committed, settled } = this.#commit.run(calls, context, this.#chores(jobs, context, now));
    const answer = (slot: Slot, its: Answer) => {
      slot.session.answer(slot, its);
      touched.add(slot.session);
    };
    const { problem } = this.#commit;
    if (committed) this.#parked.settleTakers(answer);
    else if (problem !== null) {
      const failure = encodeError(problem.kind, problem.message);
      this.#parked.undoTakers(now, failure, problem.kind === "OUTCOME_UNKNOWN", answer);
    }
    for (const [index, { call, slot }] of jobs.entries()) {
      const one = settled[index];
      if (one === undefined) slot.session.giveBack(slot);
      else if (!isPending(one)) slot.session.answer(slot, one);
      else if (!call.mutates) this.#parked.park({ slot, call, pending: one }, now.monotonicMs);
    }
    // What had no place in this turn goes first in the next.
    const left = jobs.slice(settled.length).map(({ slot }) => slot.session);
    if (left.length > 0) this.#ready = new Set([...left, ...this.#ready]);
    if (!committed) {
      if (problem?.kind === "OUTCOME_UNKNOWN") this.#doubt();
      return [];
    }
    this.#shiftMs = 0;
    this.#renew = false;
    this.#prunes = store.reads.pruning.isUnderWay();
    this.#nextDeadlineMs = store.reads.leases.nextDeadlineMs();
    for (const [counter, by] of tally) this.#counts[counter] += by;
    return store.appended;
  }

  /**
   * After a commit whose outcome is unknown: it may have left leases behind that will be over some day, and moved all
   * deadlines. Moved once more, live leases would end when the clock was set back, so all get their full time again.
   */
  #doubt(): void {
    this.#nextDeadlineMs = this.#options.store.reads.leases.nextDeadlineMs();
    this.#renew ||= this.#shiftMs !== 0 && this.#nextDeadlineMs !== null;
    this.#shiftMs = 0;
  }

  #flush(session: Session): void {
    session.flush();
    this.resume(session);
  }

  /** What the daemon itself has to do inside the turn's transaction. */
  #chores(jobs: readonly Job[], context: Context, now: ClockReading): Chores {
    const leases = this.#nextDeadlineMs !== null;
    return turnChores({
      jobs,
      context,
      now,
      parked: this.#parked,
      commit: this.#commit,
      renews: leases && this.#renew,
      shiftMs: leases ? this.#shiftMs : 0,
      expires: this.#expires(now),
      prunes: this.#prunes,
    });
  }

  /** Whether leases or delays may end in this turn. Deadlines put off are still looked at: a delay does not move so. */
  #expires({ wallMs }: ClockReading): boolean {
    return !this.#renew && this.#isDue(wallMs - Math.min(this.#shiftMs, 0));
  }

  #wakeParked(
    now: ClockReading,
    committed: readonly Entry[],
    touched: Set<Session>,
    stops: { takersToo: boolean; otherwise: Answer | null } = { takersToo: false, otherwise: null },
  ): void {
    const context = this.#context(now.wallMs, () => undefined);
    const resume = ({ call, pending }: Waiting, last: boolean) =>
      this.#commit.guard(call, () => {
        const ready = call.mutates ? null : pending.resume(context, last);
        return ready === null ? stops.otherwise : encodeReply(ready.reply, call, context);
      });
    const answer = (slot: Slot, its: Answer) => {
      slot.session.answer(slot, its);
      touched.add(slot.session);
    };
    this.#parked.wake(now, committed, resume, answer, stops);
  }

  #isDue(wallMs: number): boolean {
    return this.#nextDeadlineMs !== null && this.#nextDeadlineMs <= wallMs;
  }

  #observeClock(): ClockReading {
    const now = this.#options.readClock();
    this.#shiftMs += deadlineShift(this.#clock, now);
    this.#clock = now;
    return now;
  }

  #context(nowMs: number, count: Context["count"]): Context {
    const { store, settings, paths, newId, random, checkPages } = this.#options;
    const { reads } = store;
    const lockWishes: Context["lockWishes"] = (before = null) => this.#parked.lockWishes(before);
    const waitingUnder: Context["waitingUnder"] = (key) => this.#parked.waitingUnder(key);
    const { remembered } = this;
    const { keys, bundles } = remembered;
    const memory = { runtime: this.#runtime, keys, bundles, remembered, checkPages, lockWishes, waitingUnder };
    const budget = new WorkBudget(limits.lockStepsMax);
    return { store, reads, settings, paths, ...memory, nowMs, newId, random, budget, count };
  }

  #makeRuntime(startedAtMs: number): Runtime {
    const { readClock, pid, background } = this.#options;
    return {
      counts: this.#counts,
      pid,
      background,
      uptimeSecs: () => Math.floor((readClock().monotonicMs - startedAtMs) / 1000),
      monotonicMicros: () => Math.round(readClock().monotonicMs * 1000),
      storageProblem: () => this.#commit.problem?.message ?? null,
    };
  }
}

/** Reads a slot's request; null when it is answered already, being none. */
function prepare(slot: Slot): Job | null {
  const { session, request } = slot;
  const call = "error" in request ? JSON.stringify({ error: request.error }) : prepareCall(request);
  if (typeof call !== "string") return { call, slot };
  session.answer(slot, call);
  return null;
}

const stopping = encodeError(
  "SHUTTING_DOWN",
  "the daemon stopped before this answer was ready; ask again when it is back",
);
