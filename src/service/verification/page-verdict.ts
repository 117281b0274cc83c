import type { State } from "../../store/store.ts";
import type { StillFile } from "../../store/files/still-file.ts";
import { wrong } from "./differences.ts";

/** A look at every page of the database's file, which goes on beside the daemon. */
export interface PageCheck {
  /** What is damaged, or why nobody can say; null while it goes on. */
  readonly outcome: { faults: readonly string[] } | { failed: string } | null;
  cancel(): void;
}

/** Starts one. Its end brings about a turn. */
export type CheckPages = (path: string) => PageCheck;

/** The file could not be looked at; that says nothing about what it holds. */
export class PagesUnknown extends Error {}

/** What a verification goes by: whether the pages are known to be sound. */
export interface PageVerdict {
  readonly known: boolean;
  /** They could not be looked at, as the disk is full. */
  readonly unchecked: boolean;
  /** Whether it waits for what brings about a turn: the end of the check, or that another lets go of the file. */
  readonly waits: boolean;
  /** @throws {FoundDifference | PagesUnknown} */
  goOn(): void;
  cancel(): void;
}

/** Pages that were looked at before. */
export function pagesWith(faults: readonly string[]): PageVerdict {
  return {
    known: faults.length === 0,
    unchecked: false,
    waits: false,
    goOn() {
      if (faults.length > 0) throw damaged(faults);
    },
    cancel: () => undefined,
  };
}

/** The pages of a store's file, as a verification has them looked at. */
export class Pages implements PageVerdict {
  readonly #store: State;
  readonly #path: string;
  readonly #check: CheckPages;
  #running: { still: StillFile; check: PageCheck } | null = null;
  #known = false;
  #unchecked = false;

  constructor(store: State, path: string, check: CheckPages) {
    this.#store = store;
    this.#path = path;
    this.#check = check;
  }

  /** Whether none is left to be looked at. */
  get known(): boolean {
    return this.#known;
  }

  get unchecked(): boolean {
    return this.#unchecked;
  }

  get waits(): boolean {
    if (this.#known) return false;
    return this.#running === null ? this.#store.isHeldStill : this.#running.check.outcome === null;
  }

  /** Starts the check as soon as the file can be held still, and takes its outcome. @throws {FoundDifference | PagesUnknown} */
  goOn(): void {
    if (this.#known) return;
    if (this.#running === null) {
      if (this.#store.isHeldStill) return;
      const still = this.#holdStill();
      if (still === null) return;
      this.#running = { still, check: this.#check(this.#path) };
    }
    const { still, check } = this.#running;
    if (check.outcome === null) return;
    this.#running = null;
    // Where the database was opened anew meanwhile, the file was written to.
    if (!still.active) return;
    still.release();
    if ("failed" in check.outcome) {
      throw unknown(check.outcome.failed);
    }
    const { faults } = check.outcome;
    if (faults.length > 0) throw damaged(faults);
    this.#known = true;
  }

  /** On a full disk the log cannot be folded in, and what can be read is verified all the same. */
  #holdStill(): StillFile | null {
    try {
      return this.#store.holdStill();
    } catch (error) {
      const failure = this.#store.failureIn(error);
      if (failure === null) throw error;
      // To hold it still is to write: that this fails says nothing of what is there.
      if (failure.kind !== "STORAGE_FULL") throw unknown(failure.message);
      this.#known = this.#unchecked = true;
      return null;
    }
  }

  cancel(): void {
    this.#running?.check.cancel();
    this.#running?.still.release();
    this.#running = null;
  }
}

const unknown = (why: string) => new PagesUnknown(`the pages of the database's file could not be looked at: ${why}`);

/** What SQLite, or the system, says of a file that is damaged. */
export function damaged(faults: readonly string[]) {
  const more = faults.length > 1 ? `, and ${faults.length - 1} more` : "";
  return wrong("database file", "pages", [], faults, `it is damaged: ${faults[0]}${more}`);
}
