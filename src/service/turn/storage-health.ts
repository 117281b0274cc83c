import { failedInside } from "../../protocol/errors.ts";
import { type Store, StorageFailure } from "../../store/store.ts";
import { encodeError } from "../answer.ts";
import type { Answer, Call } from "./call.ts";
import type { Observer } from "./observer.ts";

/**
 * The store as turns meet it, and what its last write ended with. A failure becomes an answer, and a bug refuses what met it alone.
 */
export class StorageHealth {
  readonly #store: Store;
  readonly #observer: Observer;
  #problem: StorageFailure | null = null;

  constructor(store: Store, observer: Observer) {
    this.#store = store;
    this.#observer = observer;
  }

  /** What the storage's last write ended with; null when it worked. */
  get problem(): StorageFailure | null {
    return this.#problem;
  }

  /** @throws {StorageFailure} */
  begin(): void {
    this.#store.begin();
  }

  /** What was wrong; null where it was committed. */
  commit(): StorageFailure | null {
    try {
      this.#store.commit();
    } catch (error) {
      return this.failureOf(error);
    }
    this.#note(null);
    return null;
  }

  abandon(failure: StorageFailure): void {
    this.#note(failure);
    try {
      this.#store.abandon(failure);
    } catch (error) {
      this.#note(this.failureOf(error));
    }
  }

  /** What is thrown inside a unit, as the storage's failure. */
  failureOf(error: unknown): StorageFailure {
    return this.#store.failureIn(error) ?? broken(error);
  }

  /** Reads outside any unit, with failures turned into answers. */
  guard<T>(call: Call, read: () => T): T | Answer {
    try {
      return this.contain(call.name, read);
    } catch (error) {
      const failure = this.failureOf(error);
      this.#note(failure);
      return encodeError(failure.kind, failure.message);
    }
  }

  /** A bug refuses what met it alone; a failing storage is thrown on. */
  contain<T>(what: string, work: () => T): T | Answer {
    try {
      return work();
    } catch (error) {
      if (this.#store.failureIn(error) !== null) throw error;
      this.#observer.bug(what, error);
      return refusedInside;
    }
  }

  #note(problem: StorageFailure | null): void {
    if (problem?.message !== this.#problem?.message) this.#observer.storage(problem);
    this.#problem = problem;
  }
}

/** What nobody foresaw is treated as the storage's failure: nothing is answered from a state that is not understood. */
const broken = (error: unknown): StorageFailure =>
  new StorageFailure("STORAGE_FAILED", `the database cannot be used: ${String(error)}`, { reopen: true });

const refusedInside = encodeError("INTERNAL", failedInside);
