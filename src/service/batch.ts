import { wireError } from "../protocol/errors.ts";
import type { Store } from "../store/store.ts";
import { StorageFailure } from "../store/store.ts";
import { type Call, execute, type Outcome } from "./execute.ts";
import type { Context, Later } from "./handler.ts";

/** What became of one call of a batch. */
export type Settled = Outcome | Later<unknown>;

/** Changes of the daemon's own that belong into the batch's transaction, before and after its calls. */
export interface Chores {
  before: (() => void) | null;
  after: (() => void) | null;
}

export const noChores: Chores = { before: null, after: null };

/** Called with what went wrong inside the daemon, for its log. */
export type ReportBug = (call: Call, error: unknown) => void;

/**
 * Group commit: all calls of one turn share one transaction and one sync, each undone alone if refused, and no answer
 * leaves before the commit. A batch that only reads opens no transaction.
 */
export class GroupCommit {
  readonly #store: Store;
  readonly #reportBug: ReportBug;
  #problem: StorageFailure | null = null;
  #mustReopen = false;

  constructor(store: Store, reportBug: ReportBug) {
    this.#store = store;
    this.#reportBug = reportBug;
  }

  /** What the storage's last write ended with; null when it worked. */
  get problem(): StorageFailure | null {
    return this.#problem;
  }

  /**
   * Settles every call, in order, and the daemon's own chores with them. True when a transaction was committed.
   */
  run(
    calls: readonly Call[],
    context: Context,
    chores: Chores,
    settle: (call: Call, settled: Settled) => void,
  ): boolean {
    const writes = chores.before !== null || chores.after !== null || calls.some((call) => call.mutates);
    if (!writes) {
      for (const call of calls) settle(call, this.#runAlone(call, context));
      return false;
    }
    const settled: Settled[] = [];
    try {
      this.#recover();
      this.#store.begin();
      chores.before?.();
      for (const call of calls) settled.push(this.#contain(call, () => execute(call, context)));
      chores.after?.();
      this.#store.commit();
      this.#problem = null;
    } catch (error) {
      this.#store.abandon();
      const failure = this.#store.failureIn(error);
      if (failure === null) throw error;
      this.#note(failure);
      this.#tryToRecover();
      for (const call of calls) settle(call, call.mutates ? failed(failure) : this.#runAlone(call, context));
      return false;
    }
    for (const [index, call] of calls.entries()) settle(call, settled[index] ?? failedInside);
    return true;
  }

  /** A bug in one handler refuses that call alone; a failing storage ends the batch. */
  #contain<T>(call: Call, work: () => T): T | Outcome {
    try {
      return work();
    } catch (error) {
      if (this.#store.failureIn(error) !== null) throw error;
      this.#reportBug(call, error);
      return failedInside;
    }
  }

  #runAlone(call: Call, context: Context): Settled {
    return this.guard(call, () => execute(call, context));
  }

  /** Reads outside any transaction, with failures turned into answers. */
  guard<T>(call: Call, read: () => T): T | Outcome {
    try {
      return this.#contain(call, read);
    } catch (error) {
      const failure = this.#store.failureIn(error);
      if (failure === null) throw error;
      this.#note(failure);
      return failed(failure);
    }
  }

  #note(failure: StorageFailure): void {
    this.#problem = failure;
    this.#mustReopen ||= failure.reopen;
  }

  #recover(): void {
    if (this.#mustReopen) this.#store.reopen();
    this.#mustReopen = false;
  }

  /** After a failed sync the file and the cache may differ: only what a fresh open reads may be answered from. */
  #tryToRecover(): void {
    try {
      this.#recover();
    } catch (error) {
      this.#note(this.#store.failureIn(error) ?? asFailure(error));
    }
  }
}

const asFailure = (error: unknown): StorageFailure =>
  new StorageFailure("STORAGE_FAILED", `the database cannot be opened again: ${String(error)}`, { reopen: true });

const failed = (failure: StorageFailure): Outcome => ({ error: wireError(failure.kind, failure.message) });

const failedInside: Outcome = {
  error: wireError("INTERNAL", "agentd failed on this request and changed nothing; its log has the details"),
};
