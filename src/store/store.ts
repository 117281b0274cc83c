import type { BundleRecord, BundleStatus } from "../core/bundle.ts";
import type { Decision } from "../core/decision.ts";
import type { Entry, JournalHead } from "../core/journal.ts";
import type { LeaseGrant } from "../core/lease.ts";
import type { Lock, LockGrant, NewNode, NodeHead, Progress, Task } from "../core/model.ts";
import type { Transition } from "../core/node.ts";
import type { ArchiveHeader, ChainedRow } from "../protocol/chain.ts";
import type { Json } from "../protocol/json.ts";
import type { Archive, LeavingRows, LeavingTasks } from "./pruning-reads.ts";
import type { Reads, RememberedAnswer } from "./reads.ts";
import type { StillFile } from "./still-file.ts";

export type { SliceBounds } from "./slices.ts";

/**
 * The durable state. Every method that changes it takes the journal entry that records the change, applies both, and
 * returns the entry's seq. All calls are synchronous. Changes happen between `begin` and `commit`.
 */
export interface Store {
  /** What can be asked of it. The same object as long as the store is open, whatever is reopened. */
  readonly reads: Reads;
  readonly schemaVersion: number;
  /** What was noted beside the database of a newer journal than the one it held when it was opened; null: nothing. */
  readonly lostHead: JournalHead | null;
  /** What the transaction that is open, or was last, has journalled. */
  readonly appended: readonly Entry[];

  /** @throws {StorageFailure} */
  begin(): void;
  /**
   * @throws {StorageFailure} with OUTCOME_UNKNOWN unless it is certain that nothing was kept, as when the database file
   * is no longer the one that was opened.
   */
  commit(): void;
  /** Leaves the transaction, whatever state it is in. */
  abandon(): void;
  /** While this is set nothing can be read or changed: it is being decided whether what is open is kept. */
  isSealed: boolean;
  /** Runs `work`; what it changed stays only if `keep` says so of its result, and never if it throws. */
  attempt<T>(work: () => T, keep: (result: T) => boolean): T;
  /** Closes and opens the database anew, as after a failed commit. @throws {StorageFailure} */
  reopen(): void;
  /** What a caught error says about the storage; null when it says nothing, and is a bug. */
  failureIn(error: unknown): StorageFailure | null;
  /** What is wrong with the storage now; null when it can be read. */
  check(): StorageFailure | null;
  close(): void;

  registerTask(task: Task, nodes: readonly NewNode[], entry: Entry): number;
  /** Adds nodes, for all of which those of `expandBefore` wait from then on. */
  addNodes(task: Task, nodes: readonly NewNode[], expandBefore: readonly string[], entry: Entry): number;
  /** Everything of the task that has not ended becomes FAILED with this error. */
  cancelTask(taskId: string, error: Json, entry: Entry): number;
  /** Sets what `task` says of priority and pause. */
  steerTask(task: Task, entry: Entry): number;
  /** Counts some more of the dependents of nodes that changed and have very many; false when there are none left. */
  countDependents(): boolean;
  /** Makes nodes runnable whose delay is over; whether there were any. */
  endDelays(nowMs: number, limit: number): boolean;
  /** Keeps a node from being handed out as long as this lease holds locks. */
  holdBack(nodeId: string, leaseId: string): void;
  /** Lets all of them be tried again. */
  forgetHeldBack(): void;
  acquireNode(node: NodeHead, grant: LeaseGrant, entry: Entry): number;
  changeNode(transition: Transition): number;
  setNodePriority(nodeId: string, priority: number, entry: Entry): number;
  extendNodeLease(nodeId: string, expiresAtMs: number, ttlMs: number, nowMs: number): void;
  setProgress(nodeId: string, progress: Progress): void;
  /** Appends the row with which the journal goes on at `seq`, which is above all before it. */
  beginEpoch(seq: number, entry: Entry): number;
  appendEvent(entry: Entry): number;
  /** Grants keys to a lease; one it holds already gets mode, purpose and fencing token of this grant. */
  grantLocks(grant: LockGrant, entry: Entry): number;
  extendLocks(leaseId: string, expiresAtMs: number, ttlMs: number, nowMs: number): void;
  /** Ends some or all locks of one lease; nodes it held back may be tried again. */
  endLocks(locks: readonly Lock[], entry: Entry): number;
  submitBundle(bundle: BundleRecord, paths: readonly string[], entry: Entry): number;
  decideBundle(bundleId: string, status: BundleStatus, entry: Entry): number;
  shiftDeadlines(byMs: number): void;
  /** Gives every live lease and lock its full time again. */
  renewLeases(nowMs: number): void;
  rememberAnswer(key: string, answer: RememberedAnswer, nowMs: number): void;
  /**
   * From here on the tasks are gone, and their rows with those of no task leave the journal up to `cutSeq`, but for the
   * leases and bundles that stay: `goOnPruning` takes them out. Not while another is under way.
   */
  beginPruning(leaving: LeavingTasks, rows: LeavingRows, entry: Entry): number;
  /** Takes rows out of the journal that leave, up to one that was looked at; bundles go with their submissions. */
  takeOutRows(rows: readonly ChainedRow[], bundles: readonly string[], uptoSeq: number): void;
  /** Takes some more of the rest out; false when that was all. */
  goOnPruning(): boolean;

  /** Starts an archive of rows in a directory, which is made. @throws {StorageFailure} */
  startArchive(directory: string, name: string, header: Omit<ArchiveHeader, "agentd_archive">): Archive;
  /** Whether a copy is being made. */
  readonly isBackingUp: boolean;
  /** Starts a consistent copy to a file that does not exist yet; one at a time. Refusal: INVALID_STATE. */
  startBackup(path: string): Decision<Backup>;
  /** Whether no write touches the database's file now, as a copy or a check of it is made. */
  readonly isHeldStill: boolean;
  /** Keeps every write from the database's file; not while it is held already. @throws {StorageFailure} */
  holdStill(): StillFile;
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
  /** Whether the database must be reopened before it is trusted again; else the next try may simply succeed. */
  readonly reopen: boolean;

  constructor(kind: StorageFailure["kind"], message: string, { reopen }: { reopen: boolean }) {
    super(message);
    this.kind = kind;
    this.reopen = reopen;
  }
}
