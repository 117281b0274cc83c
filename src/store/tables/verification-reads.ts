import type {
  ReplayedAttempt,
  ReplayedBundle,
  ReplayedLock,
  ReplayedNode,
  ReplayedTask,
} from "../../core/journal/replayed.ts";
import type { SliceBounds } from "./slices.ts";

/** What a verification reads: every table, some rows at a time. */
export interface VerificationReads {
  /** What of the schema is not as this agentd makes it; null when all is. */
  schemaFault(): SchemaFault | null;
  /** Compares what is held in memory of tasks after a row with their tables; of so many nodes, and one task at least. */
  memoryOfTasks(afterRow: number, nodesMax: number): MemorySlice;
  memoryOfLocks(afterRow: number, limit: number): MemorySlice;
  tasks(afterRow: number, bounds: SliceBounds): TaskSliceRow[];
  nodes(afterRow: number, bounds: SliceBounds): NodeSliceRow[];
  locks(afterRow: number, limit: number): LockSliceRow[];
  countLocks(): number;
  bundles(afterRow: number, bounds: SliceBounds): BundleSliceRow[];
  answers(afterRow: number, bounds: SliceBounds): AnswerRow[];
}

/** A table, index or trigger that is not as it should be; null where it is not there at all. */
export interface SchemaFault {
  name: string;
  expected: string | null;
  found: string | null;
}

export type TaskSliceRow = Omit<ReplayedTask, "place"> & { id: string; row: number };

/** A node as it is compared with a replay. */
export interface NodeSliceRow extends Omit<ReplayedNode, "attempts" | "place"> {
  id: string;
  row: number;
  leaseExpiresAtMs: number | null;
  leaseTtlMs: number | null;
  updatedAtMs: number;
  hasProgress: boolean;
  attempts: ReplayedAttempt[];
}

/** A field that follows from others, and is not as they say. */
export interface Misfit {
  field: string;
  expected: unknown;
  found: unknown;
}

/** Where what is held in memory is not as the tables say. */
export interface MemoryFault extends Misfit {
  where: string;
}

/** What one look at the memory found, and the row of the last it looked at; null where that was the last of all. */
export interface MemorySlice {
  fault: MemoryFault | null;
  lastRow: number | null;
}

export interface LockSliceRow extends Omit<ReplayedLock, "place"> {
  row: number;
  misfit: Misfit | null;
  expiresAtMs: number;
  ttlMs: number;
  /** Of the node it is held for. */
  nodeExpiresAtMs: number | null;
  nodeTtlMs: number | null;
  updatedAtMs: number;
}

export interface BundleSliceRow extends Omit<ReplayedBundle, "place"> {
  id: string;
  row: number;
  misfit: Misfit | null;
}

/** A remembered answer: the digest that was kept with it, and the one its columns have. */
export interface AnswerRow {
  row: number;
  key: string;
  expected: string;
  digest: string;
}
