import { type ClockReading, deadlineShift, readEveryMs } from "../../core/lease/clock.ts";
import type { Store } from "../../store/store.ts";
import { expireDue } from "../expiry.ts";
import type { Context } from "../handler.ts";
import { goOnPruning } from "../journal/prune.ts";
import type { StorageHealth } from "./storage-health.ts";

/** What the daemon itself has to do in one turn. */
export interface Due {
  /** Every lease gets its full time again, as nobody could renew one before the start. */
  readonly renews: boolean;
  /** By how much all deadlines move. */
  readonly shiftMs: number;
  /** Leases or delays may end. */
  readonly expires: boolean;
  /** Something leaves the database. */
  readonly prunes: boolean;
}

/** What the daemon has to do of its own accord: deadlines are moved and kept, and what was pruned leaves. */
export class Housekeeping {
  readonly #store: Store;
  readonly #readClock: () => ClockReading;
  #clock: ClockReading;
  /** By how much all deadlines must move with the next commit. */
  #shiftMs = 0;
  /** Whether the next commit renews all leases. */
  #renew: boolean;
  /** When the next lease, lock or delay is over, or what follows from changes of nodes is due; null while nothing is. */
  #nextDeadlineMs: number | null = null;
  /** Whether something leaves the database, a little each turn. */
  #prunes = false;

  constructor(store: Store, readClock: () => ClockReading) {
    this.#store = store;
    this.#readClock = readClock;
    this.#clock = readClock();
    this.#look();
    this.#renew = this.#nextDeadlineMs !== null;
  }

  /** Looks what is due next. All of it stands in memory. */
  #look(): void {
    const { dag, leases, pruning } = this.#store.reads;
    this.#nextDeadlineMs = dag.isSettled() ? leases.nextDeadlineMs() : 0;
    this.#prunes = pruning.isUnderWay();
  }

  /** The clocks as they were read last. */
  get clock(): ClockReading {
    return this.#clock;
  }

  /** Reads the clocks, for one turn. */
  readClock(): ClockReading {
    const now = this.#readClock();
    this.#shiftMs += deadlineShift(this.#clock, now);
    this.#clock = now;
    return now;
  }

  due({ wallMs }: ClockReading): Due {
    const leases = this.#nextDeadlineMs !== null;
    return {
      renews: leases && this.#renew,
      shiftMs: leases ? this.#shiftMs : 0,
      // Deadlines put off are still looked at: a delay does not move so.
      expires: !this.#renew && this.#isOver(wallMs - Math.min(this.#shiftMs, 0)),
      prunes: this.#prunes,
    };
  }

  committed(): void {
    this.#shiftMs = 0;
    this.#renew = false;
    this.#look();
  }

  /**
   * After a commit whose outcome is unknown: it may have left leases behind that will be over some day, and moved all
   * deadlines. Moved once more, live leases would end when the clock was set back, so all get their full time again.
   */
  doubt(): void {
    this.#look();
    this.#renew ||= this.#shiftMs !== 0 && this.#nextDeadlineMs !== null;
    this.#shiftMs = 0;
  }

  /** Whether some of it is due by now. */
  isDue({ wallMs }: ClockReading): boolean {
    return this.#prunes || this.#isOver(wallMs);
  }

  /** Milliseconds until a turn is needed for it, after one whose writes worked or did not; infinite when none is. */
  msUntilDue({ wallMs }: ClockReading, storageWorks: boolean): number {
    const retryMs = storageWorks ? 0 : readEveryMs;
    // While a lease is live the clocks are read again and again, so that a stopped process or a step is noticed.
    const deadlineMs = storageWorks && this.#nextDeadlineMs !== null ? this.#nextDeadlineMs - wallMs : readEveryMs;
    const leasesMs = this.#nextDeadlineMs === null ? Number.POSITIVE_INFINITY : Math.min(readEveryMs, deadlineMs);
    return this.#prunes ? Math.min(retryMs, leasesMs) : leasesMs;
  }

  #isOver(wallMs: number): boolean {
    return this.#nextDeadlineMs !== null && this.#nextDeadlineMs <= wallMs;
  }
}

/** Before the requests of a turn. */
export function moveDeadlines({ renews, shiftMs }: Due, { apply, nowMs }: Context): void {
  if (renews) apply({ kind: "renewLeases", nowMs });
  else if (shiftMs !== 0) apply({ kind: "shiftDeadlines", byMs: shiftMs });
}

/** After them; a bug in one undoes that alone. */
export function endWhatIsOver({ expires, prunes }: Due, context: Context, storage: StorageHealth): void {
  const doKept = (what: string, work: (context: Context) => unknown) =>
    storage.contain(what, () =>
      context.savepoint(
        () => work(context),
        () => true,
      ),
    );
  if (expires) doKept("expiry", expireDue);
  if (prunes) doKept("pruning", goOnPruning);
}
