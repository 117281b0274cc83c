import type { Entry } from "../core/journal.ts";
import { failedInside } from "../protocol/errors.ts";
import type { Store } from "../store/store.ts";
import { StorageFailure } from "../store/store.ts";
import type { Answer, Call } from "./turn/call.ts";
import { encodeError, execute } from "./execute.ts";
import { type Context, isPending, type PendingAnswer } from "./handler.ts";

/** What became of one call of a batch. */
export type Settled = Answer | PendingAnswer<unknown>;

/** Changes of the daemon's own that belong into the batch's transaction, before and after its calls. */
export interface Chores {
  before: (() => void) | null;
  /** What is due before a call has its turn. */
  prepare: (call: Call) => void;
  /** A call that changes state has no answer yet, and waits for it from here on; which of the batch. */
  waits: (index: number, later: PendingAnswer<unknown>) => void;
  /** Called inside the transaction with what was journalled since the last time: after each call, and at the end. */
  journalled: ((entries: readonly Entry[]) => void) | null;
  after: (() => void) | null;
}

/** What a request's line in the log is made of. */
export interface Served {
  call: Call;
  /** The journal's seq when it was done. */
  seq: number;
  tookMs: number;
  /** Characters of its answer; null while that is not ready. */
  answerChars: number | null;
}

/** What the daemon's log should know. */
export interface Reports {
  /** A request was run; null leaves that unreported. */
  served: ((served: Served) => void) | null;
  /** A request, or something of the daemon's own, met a bug in agentd. */
  bug(what: string, error: unknown): void;
  /** The storage began to fail, fails differently, or (null) works again. */
  storage(problem: StorageFailure | null): void;
}

/** After this many characters of answers, or this much time, a turn ends and the rest waits for the next. */
const answerCharsMax = 2 << 20;
const turnMsMax = 50;

/**
 * Group commit: all calls of one turn share one transaction and one sync, each undone alone if refused, and no answer
 * leaves before the commit. A batch that only reads opens no transaction.
 */
export class GroupCommit {
  readonly #store: Store;
  readonly #reports: Reports;
  readonly #monotonicMs: () => number;
  #problem: StorageFailure | null = null;
  #mustReopen = false;
  /** How many of the transaction's entries were told to its chores. */
  #told = 0;

  constructor(store: Store, reports: Reports, monotonicMs: () => number) {
    this.#store = store;
    this.#reports = reports;
    this.#monotonicMs = monotonicMs;
  }

  /** What the storage's last write ended with; null when it worked. */
  get problem(): StorageFailure | null {
    return this.#problem;
  }

  /**
   * Settles calls in order, and the daemon's own chores with them. Fewer are settled than there are calls when their
   * answers grow large or the turn gets long; at least one is.
   */
  run(calls: readonly Call[], context: Context, chores: Chores): { committed: boolean; settled: Settled[] } {
    const writes = chores.before !== null || chores.after !== null || calls.some((call) => call.mutates);
    if (!writes) return { committed: false, settled: this.#settle(calls, (call) => this.#alone(call, context)) };
    try {
      this.#recover();
      this.#store.begin();
      this.#told = 0;
      chores.before?.();
      const settled = this.#settle(calls, (call, index) => {
        this.contain(call.name, () => chores.prepare(call));
        this.#tell(chores.journalled);
        const one = this.contain(call.name, () => execute(call, context));
        this.#tell(chores.journalled);
        if (call.mutates && isPending(one)) chores.waits(index, one);
        return one;
      });
      chores.after?.();
      this.#tell(chores.journalled);
      this.#store.commit();
      this.#note(null);
      return { committed: true, settled };
    } catch (error) {
      const failure = this.#store.failureIn(error) ?? broken(error);
      this.#abandon(failure);
      const refusal = encodeError(failure.kind, failure.message);
      return {
        committed: false,
        settled: this.#settle(calls, (call) => (call.mutates ? refusal : this.#alone(call, context))),
      };
    }
  }

  /** Reads outside any transaction, with failures turned into answers. */
  guard<T>(call: Call, read: () => T): T | Answer {
    try {
      return this.contain(call.name, read);
    } catch (error) {
      const failure = this.#store.failureIn(error) ?? broken(error);
      this.#note(failure);
      return encodeError(failure.kind, failure.message);
    }
  }

  /** A bug refuses what met it alone; a failing storage ends the batch. */
  contain<T>(what: string, work: () => T): T | Answer {
    try {
      return work();
    } catch (error) {
      if (this.#store.failureIn(error) !== null) throw error;
      this.#reports.bug(what, error);
      return refusedInside;
    }
  }

  #alone(call: Call, context: Context): Settled {
    return this.guard(call, () => execute(call, context));
  }

  #settle(calls: readonly Call[], settle: (call: Call, index: number) => Settled): Settled[] {
    const settled: Settled[] = [];
    let nowMs = this.#monotonicMs();
    const endMs = nowMs + turnMsMax;
    let chars = 0;
    for (const [index, call] of calls.entries()) {
      const startedMs = nowMs;
      const one = settle(call, index);
      settled.push(one);
      nowMs = this.#monotonicMs();
      const answerChars = isPending(one) ? null : one.length;
      this.#reports.served?.({ call, seq: this.#store.reads.head.seq, tookMs: nowMs - startedMs, answerChars });
      chars += answerChars ?? 0;
      if (chars > answerCharsMax || nowMs > endMs) break;
    }
    return settled;
  }

  #tell(journalled: Chores["journalled"]): void {
    // What is told may journal more, which is told with the next.
    const { appended } = this.#store;
    const since = this.#told;
    this.#told = appended.length;
    if (journalled !== null && appended.length > since) journalled(appended.slice(since));
  }

  /** After a failed sync the file and the cache may differ: only what a fresh open reads may be answered from. */
  #abandon(failure: StorageFailure): void {
    try {
      this.#store.abandon();
      this.#note(failure);
      this.#recover();
    } catch (error) {
      this.#note(this.#store.failureIn(error) ?? broken(error));
    }
  }

  #recover(): void {
    if (this.#mustReopen) this.#store.reopen();
    this.#mustReopen = false;
  }

  #note(problem: StorageFailure | null): void {
    if (problem?.message !== this.#problem?.message) this.#reports.storage(problem);
    this.#problem = problem;
    this.#mustReopen ||= problem?.reopen ?? false;
  }
}

/** What nobody foresaw is treated as the storage's failure: nothing is answered from a state that is not understood. */
const broken = (error: unknown): StorageFailure =>
  new StorageFailure("STORAGE_FAILED", `the database cannot be used: ${String(error)}`, { reopen: true });

const refusedInside = encodeError("INTERNAL", failedInside);
