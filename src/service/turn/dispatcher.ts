import { type ClockReading, readEveryMs } from "../../core/lease/clock.ts";
import { WorkBudget } from "../../core/work-budget.ts";
import type { BadLine, Request } from "../../protocol/envelope.ts";
import { limits } from "../../protocol/limits.ts";
import type { Paths } from "../../protocol/home.ts";
import type { Settings } from "../../protocol/settings.ts";
import type { Store } from "../../store/store.ts";
import type { Context } from "../handler.ts";
import type { CheckPages } from "../verification/page-verdict.ts";
import { Caches } from "../caches.ts";
import type { CaseProbe } from "../locks/resource-keys.ts";
import { noCounts, type Runtime } from "../runtime.ts";
import { close, endWaits } from "./close.ts";
import { Intake, readJobs, stopping } from "./intake.ts";
import { LockQueue, standsInQueue } from "./lock-queue.ts";
import { open } from "./open.ts";
import { Housekeeping } from "./housekeeping.ts";
import type { Observer } from "./observer.ts";
import { type Recipient, Session, type Slot } from "./sessions.ts";
import { StorageHealth } from "./storage-health.ts";
import { Slices } from "./slices.ts";
import type { Turn } from "./turn.ts";
import { WaitingRoom } from "./waiting-room.ts";
import type { DispatcherState } from "./dispatcher-state.ts";

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
  observer: Observer;
  /** Whether file names of a scope that differ by case only are one file. */
  ignoresCase: CaseProbe;
  checkPages: CheckPages;
}

/**
 * Runs requests in turns: each takes what arrived, a fair share from every client, runs it in one unit of the store's,
 * commits that, and sends the answers. Expiry of leases and requests that wait are served in the same turns, so that
 * everything that changes state stands in one order.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #state: DispatcherState;
  readonly #runtime: Runtime;
  readonly caches: Caches;
  readonly #intake = new Intake();
  /** The turn that was opened and not closed. */
  #openTurn: Turn | null = null;
  /** Clients that went while it was. */
  readonly #gone = new Set<Session>();

  constructor(options: DispatcherOptions) {
    const { store, observer, readClock } = options;
    const room = new WaitingRoom();
    this.#options = options;
    this.#state = {
      store,
      storage: new StorageHealth(store, observer),
      room,
      queue: new LockQueue(room),
      housekeeping: new Housekeeping(store, readClock),
      observer,
      counts: noCounts(),
      monotonicMs: () => readClock().monotonicMs,
    };
    this.caches = new Caches(options.ignoresCase);
    this.#runtime = this.#makeRuntime(this.#state.housekeeping.clock.monotonicMs);
  }

  /** Adds a client, who gets answers in the order of the requests. */
  connect(recipient: Recipient): Session {
    return new Session(recipient);
  }

  /** `bytes` is what the request takes in memory, where that is to be counted. */
  submit(session: Session, request: Request | BadLine, bytes = 0): void {
    session.enqueue(request, bytes);
    this.#intake.add(session);
  }

  /** Goes on with a client that has read enough of its answers. */
  resume(session: Session): void {
    this.#intake.add(session);
  }

  /**
   * Forgets a client that is gone: its waiting requests end, and what it has not been answered is dropped. True when
   * others may go on now, in a turn that should follow.
   */
  drop(session: Session): boolean {
    if (this.#openTurn === null) this.#forget(session);
    else {
      session.close();
      this.#gone.add(session);
    }
    const { room } = this.#state;
    return this.#asksQueue || room.reads || room.mutates;
  }

  /** Runs one turn. True when the next should follow at once. */
  turn(): boolean {
    return this.closeTurn(this.openTurn());
  }

  /**
   * Takes a turn's requests and runs everything of it, and leaves its unit open. Until it is closed nothing else reads the
   * state, runs, or is answered; requests may be submitted and clients go.
   */
  openTurn(): Turn {
    if (this.#openTurn !== null) throw new Error("the last turn is still open");
    const { housekeeping, room, store } = this.#state;
    const now = housekeeping.readClock();
    const turn = this.#newTurn(now, this.#intake.take(this.#options.settings.batchRequestsMax, room.clientsInOrder));
    open(turn, this.#state);
    store.isSealed = true;
    this.#openTurn = turn;
    return turn;
  }

  /** Commits a turn's unit or undoes it, and answers. True when the next turn should follow at once. */
  closeTurn(turn: Turn): boolean {
    if (turn !== this.#openTurn) throw new Error("this turn is not open");
    const { store, storage, room, housekeeping } = this.#state;
    store.isSealed = false;
    this.#openTurn = null;
    close(turn, this.#state);
    this.#intake.giveBack(turn.jobs.filter((job) => !turn.outcomes.has(job)));
    for (const session of this.#gone) this.#forget(session);
    this.#gone.clear();
    this.#flush(turn);
    // While the storage fails, what no client has just asked for is tried once a tick, and not over and over.
    const isDue = room.mutates || this.#asksQueue || housekeeping.isDue(turn.now);
    return this.#intake.hasNext(room.clientsInOrder) || room.reads || (storage.problem === null && isDue);
  }

  /**
   * The last turns: everything that was submitted is answered, and who waits is told that the wait is over. What a client
   * sent after a request that works through several turns is not begun, as that is not finished.
   */
  drain(): void {
    if (this.#openTurn !== null) throw new Error("the last turn is still open");
    const { room, housekeeping } = this.#state;
    while (this.#intake.hasNext(room.clientsInOrder)) this.turn();
    const turn = this.#newTurn({ ...housekeeping.clock, monotonicMs: Number.POSITIVE_INFINITY }, []);
    endWaits(turn, this.#state, stopping);
    for (const session of this.#intake.refuse(stopping)) turn.touched.add(session);
    this.#flush(turn);
  }

  /** Milliseconds until a turn is needed although no request came; null when none ever is. */
  msUntilTurn(): number | null {
    const { housekeeping, room, storage } = this.#state;
    const now = this.#options.readClock();
    const works = storage.problem === null;
    const retryMs = works ? 0 : readEveryMs;
    const ms = Math.min(
      housekeeping.msUntilDue(now, works),
      room.nextDeadlineMs - now.monotonicMs,
      room.mutates || this.#asksQueue ? retryMs : Number.POSITIVE_INFINITY,
    );
    return ms === Number.POSITIVE_INFINITY ? null : Math.max(0, Math.ceil(ms));
  }

  /** Whether waiters are to be asked before anybody who comes now. */
  get #asksQueue(): boolean {
    const { room, queue } = this.#state;
    return queue.hasChanged || room.owed.size > 0;
  }

  #newTurn(now: ClockReading, slots: readonly Slot[]): Turn {
    const { room, housekeeping } = this.#state;
    const jobs = readJobs(slots, this.#options.settings);
    const due = housekeeping.due(now);
    const asksQueue = this.#asksQueue;
    const asksDue = room.isDue(now);
    const isDue = due.renews || due.shiftMs !== 0 || due.expires || due.prunes;
    const served: Turn["served"] = new Map();
    const counted: Turn["counted"] = [];
    return {
      now,
      jobs,
      context: this.#context(now.wallMs, { served, counted }),
      due,
      asksQueue,
      asksDue,
      writes: isDue || asksQueue || asksDue || jobs.some(({ call }) => call.mutates),
      outcomes: new Map(),
      inOrder: new Set(),
      owed: [...room.owed],
      arrived: new Set(),
      served,
      counted,
      touched: new Set(slots.map(({ session }) => session)),
      told: 0,
      askedMicros: 0,
      failure: null,
    };
  }

  #flush({ touched }: Turn): void {
    for (const session of touched) {
      session.flush();
      this.resume(session);
    }
  }

  #forget(session: Session): void {
    const { room, queue } = this.#state;
    session.close();
    this.#intake.remove(session);
    for (const waiter of room.of(session)) {
      queue.hasChanged ||= standsInQueue(waiter);
      room.remove(waiter);
    }
  }

  #context(nowMs: number, { served, counted }: Pick<Turn, "served" | "counted">): Context {
    const { store, settings, paths, newId, random, checkPages } = this.#options;
    const { caches } = this;
    const { keys, bundles, events } = caches;
    const { room, queue } = this.#state;
    return {
      store,
      reads: store.reads,
      apply: (effect) => store.apply(effect),
      savepoint: (work, keep) => store.savepoint(work, keep),
      settings,
      paths,
      runtime: this.#runtime,
      keys,
      bundles,
      events,
      caches,
      checkPages,
      nowMs,
      newId,
      random,
      lockWishes: (before = null) => queue.wishes(before, served),
      waitingUnder: (key) => room.under(key),
      budget: new WorkBudget(limits.lockStepsMax),
      slices: new Slices(() => this.#runtime.monotonicMicros()),
      count: (counter, by = 1) => counted.push([counter, by]),
    };
  }

  #makeRuntime(startedAtMs: number): Runtime {
    const { readClock, pid, background } = this.#options;
    const { counts, storage } = this.#state;
    return {
      counts,
      pid,
      background,
      uptimeSecs: () => Math.floor((readClock().monotonicMs - startedAtMs) / 1000),
      monotonicMicros: () => Math.round(readClock().monotonicMs * 1000),
      storageProblem: () => storage.problem?.message ?? null,
    };
  }
}
