import type { ArchivedRow } from "../protocol/chain.ts";
import type { NodeStatus } from "../protocol/types.ts";

/** What leaves the database, as it is old. */
export interface PruningReads {
  /** What is under way; null when nothing is. */
  current(): Pruning | null;
  /** Whether something is: cheaper to ask. */
  isUnderWay(): boolean;
  isDeparting(taskId: string): boolean;
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
