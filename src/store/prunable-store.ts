import type { Entry } from "../core/journal.ts";
import type { ArchivedRow, ArchiveHeader, ChainedRow } from "../protocol/chain.ts";
import type { NodeStatus } from "../protocol/types.ts";

/** The part of a store by which what is old leaves it. */
export interface PrunableStore {
  /** The last row written before this moment, as far as the journal's times go up; 0 when there is none. */
  lastSeqBefore(beforeMs: number): number;
  /**
   * Some tasks, from the first after `afterRow`, that have ended: nothing of them came after `cutSeq`, and its last row is
   * older than this moment too, as a clock that was set back makes `cutSeq` a guess.
   */
  idleTasks(afterRow: number, cutSeq: number, olderThanMs: number): IdleTasks;
  /** Starts an archive of rows in a directory, which is made. @throws {StorageFailure} */
  startArchive(directory: string, name: string, header: Omit<ArchiveHeader, "agentd_archive">): Archive;
  /**
   * From here on the tasks are gone, and their rows with those of no task leave the journal up to `cutSeq`, but for the
   * leases and bundles that stay: `goOnPruning` takes them out. Not while another is under way.
   */
  beginPruning(leaving: LeavingTasks, rows: LeavingRows, entry: Entry): number;
  /** What is under way; null when nothing is. */
  readonly pruning: Pruning | null;
  /** Whether it is: cheaper to ask. */
  readonly isPruning: boolean;
  isDeparting(taskId: string): boolean;
  /** Takes rows out of the journal that leave, up to one that was looked at; bundles go with their submissions. */
  takeOutRows(rows: readonly ChainedRow[], bundles: readonly string[], uptoSeq: number): void;
  /** Takes some more of the rest out; false when that was all. */
  goOnPruning(): boolean;
  /** The gap in the journal that begins with this seq. */
  gapFrom(firstSeq: number): { lastSeq: number; hash: string } | null;
  /** The last row of those that have left the journal with this one; null where this one is there, or never was. */
  lastGoneFrom(seq: number): number | null;
}

/** Something leaves the database: rows of the journal, then nodes, then the pages they took. */
export interface Pruning {
  stage: "rows" | "nodes" | "pages";
  cutSeq: number;
  /** Up to here rows were looked at. */
  afterSeq: number;
  /** Leases of locks and bundles all of whose rows stay. */
  staying: ReadonlySet<string>;
}

export interface LeavingTasks {
  tasks: readonly string[];
  /** What locks name as their task and nobody registered: rows of it leave too. */
  strangers: readonly string[];
  cutSeq: number;
  staying: readonly string[];
}

/** How many rows leave, and how many of them the original's journal would hold. */
export interface LeavingRows {
  rows: number;
  events: number;
}

export interface IdleTasks {
  tasks: { id: string; counts: Record<NodeStatus, number> }[];
  /** From where to go on; null when these were the last. */
  afterRow: number | null;
}

/** An archive that is being written. */
export interface Archive {
  readonly path: string;
  /** @throws {StorageFailure} */
  append(rows: readonly ArchivedRow[]): void;
  /** Gives it its name; from then on it outlives a power loss. @throws {StorageFailure} */
  finish(): { sha256: string };
  /** Removes what was written of it. */
  cancel(): void;
  /** Removes it although it is finished. */
  remove(): void;
}
