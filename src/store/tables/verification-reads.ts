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
  tasks(afterRow: number, bounds: SliceBounds): TaskSliceRow[];
  nodes(afterRow: number, bounds: SliceBounds): NodeSliceRow[];
  locks(afterRow: number, limit: number): LockSliceRow[];
  countLocks(): number;
  bundles(afterRow: number, bounds: SliceBounds): BundleSliceRow[];
  /** Who waits for whom, all of one dependency together. */
  edges(after: Pick<EdgeRow, "dependency" | "dependent">, limit: number): EdgeRow[];
  /** Nodes whose change is not told to all of their dependents yet. */
  countings(): CountingRow[];
  labelSets(afterRow: number, limit: number): LabelSetRow[];
  labelMembers(after: Omit<LabelMemberRow, "labels">, limit: number): LabelMemberRow[];
  /** Whether a search for this label finds the set. */
  hasLabel(set: number, name: string, value: string): boolean;
  answers(afterRow: number, bounds: SliceBounds): AnswerRow[];
}

/** A table, index or trigger that is not as it should be; null where it is not there at all. */
export interface SchemaFault {
  name: string;
  expected: string | null;
  found: string | null;
}

export type TaskSliceRow = Omit<ReplayedTask, "place"> & { id: string; row: number };

/** A node as it is compared with a replay, and what of it must follow from the rest. */
export interface NodeSliceRow extends Omit<ReplayedNode, "attempts" | "dependents" | "place"> {
  id: string;
  row: number;
  waitingOn: number;
  failingOn: number;
  /** What the store keeps of it for itself, and does not follow from the rest; null when all does. */
  misfit: Misfit | null;
  leaseExpiresAtMs: number | null;
  leaseTtlMs: number | null;
  updatedAtMs: number;
  hasProgress: boolean;
  hasDependents: boolean;
  attempts: ReplayedAttempt[];
}

/** A field that follows from others, and is not as they say. */
export interface Misfit {
  field: string;
  expected: unknown;
  found: unknown;
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

/** Ids are null where there is no such node. */
export interface EdgeRow {
  dependency: number;
  dependent: number;
  dependencyId: string | null;
  dependentId: string | null;
}

/** Its dependents after `afterRow` and up to `lastRow` are not told yet. */
export interface CountingRow {
  nodeId: string | null;
  taskId: string;
  change: "completed" | "failed" | "retried";
  afterRow: number;
  lastRow: number;
}

export interface LabelSetRow {
  row: number;
  labels: string;
}

/** A label under which a set is found; `labels` are the set's, null where there is none. */
export interface LabelMemberRow {
  name: string;
  value: string;
  row: number;
  labels: string | null;
}

/** A remembered answer: the digest that was kept with it, and the one its columns have. */
export interface AnswerRow {
  row: number;
  key: string;
  expected: string;
  digest: string;
}
