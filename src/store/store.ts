import { type Decision, type Refusal, refuse } from "../core/decision.ts";
import type { Effect } from "../core/effects.ts";
import type { Entry, JournalHead } from "../core/journal/journal.ts";
import type { Reads } from "./reads.ts";
import type { StillFile } from "./files/still-file.ts";

export type { SliceBounds } from "./tables/slices.ts";

/** What changes together: all of it lasts, or none. All calls are synchronous. */
export interface Unit {
  /** @throws {StorageFailure} */
  begin(): void;
  /** The journal's seq afterwards, which is that of the effect's own row where it has one. Not outside a unit. */
  apply(effect: Effect): number;
  /** Runs `work`; what it changed stays only if `keep` says so of its result, and never if it throws. */
  savepoint<T>(work: () => T, keep: (result: T) => boolean): T;
  /** What the unit that is open, or was last, has journalled. */
  readonly appended: readonly Entry[];
  /**
   * @throws {StorageFailure} with OUTCOME_UNKNOWN unless it is certain that nothing was kept, as when the database file
   * is no longer the one that was opened.
   */
  commit(): void;
  /**
   * Leaves the unit, whatever state it is in. After a failure that leaves it open what is on the disk, that is read
   * afterwards: by now, or, where this fails, by the next unit. @throws {StorageFailure}
   */
  abandon(because?: StorageFailure): void;
  /** While this is set nothing can be read or changed: it is being decided whether what is open is kept. */
  isSealed: boolean;
}

/** The state as everybody may use it who neither begins nor ends a unit: what can be asked of it, and its file. */
export interface State {
  /** The same object as long as the store is open. */
  readonly reads: Reads;
  readonly schemaVersion: number;
  /** How often something that was journalled has been taken back: what was read before may be other than what is there. */
  readonly undoings: number;
  /** What a caught error says about the storage; null when it says nothing, and is a bug. */
  failureIn(error: unknown): StorageFailure | null;
  /** What is wrong with the storage now; null when it can be read. */
  check(): StorageFailure | null;
  /** Whether a copy is being made. */
  readonly isBackingUp: boolean;
  /** Starts a consistent copy to a file that does not exist yet; one at a time. */
  startBackup(path: string): Decision<Backup, "INVALID_STATE">;
  /** Whether no write touches the database's file now, as a copy or a check of it is made. */
  readonly isHeldStill: boolean;
  /** Keeps every write from the database's file; not while it is held already. @throws {StorageFailure} */
  holdStill(): StillFile;
}

/** The durable state. Nothing changes it but effects. */
export interface Store extends State, Unit {
  /** What was noted beside the database of a newer journal than the one it held when it was opened; null: nothing. */
  readonly lostHead: JournalHead | null;
  close(): void;
}

/** A copy of the database as it was when the backup started, made in steps between other work. */
export interface Backup {
  readonly bytes: number;
  /** Neither complete nor given up. */
  readonly active: boolean;
  /** Goes on; true when the copy is complete under its name. @throws {StorageFailure} */
  step(): boolean;
  /** Gives it up and removes what was written. */
  cancel(): void;
}

/** The storage could not do it; `kind` is the refusal every affected request gets. */
export class StorageFailure extends Error {
  readonly kind: "STORAGE_FULL" | "STORAGE_FAILED" | "OUTCOME_UNKNOWN";
  /** Whether the store must read anew what is on the disk before it is trusted again; else the next try may simply succeed. */
  readonly reopen: boolean;

  constructor(kind: StorageFailure["kind"], message: string, { reopen }: { reopen: boolean }) {
    super(message);
    this.kind = kind;
    this.reopen = reopen;
  }
}

/** What refuses whoever met a failing storage before any commit. */
export type StorageRefused = Exclude<StorageFailure["kind"], "OUTCOME_UNKNOWN">;

/** A storage failure that one request met, as its refusal; anything else is thrown on. */
export function storageRefusal(error: unknown): Refusal<StorageRefused> {
  // What became of a commit is for the turn to say.
  if (!(error instanceof StorageFailure) || error.kind === "OUTCOME_UNKNOWN") throw error;
  return refuse(error.kind, error.message);
}
