import type { Json } from "../protocol/json.ts";
import type { LockMode, NodeStatus } from "../protocol/types.ts";
import type { BundleStatus } from "./bundle.ts";
import type { FailureCause, NodePolicy } from "./model.ts";

/* The state as a replay of the journal rebuilds it. Payloads and labels are JSON text. */

export interface ReplayedTask {
  goal: string;
  context: string;
  createdAtMs: number;
  name: string | null;
  labels: string;
  priority: number;
  policy: string;
  paused: boolean;
  /** How many of its nodes have each status. */
  counts: Record<NodeStatus, number>;
}

export interface ReplayedNode {
  taskId: string;
  name: string | null;
  labels: string;
  priority: number;
  policy: NodePolicy;
  status: NodeStatus;
  failure: FailureCause | null;
  failedAttempts: number;
  lostAttempts: number;
  dependencies: string;
  payloadSchema: string;
  resources: string;
  /** JSON text, or null while there is none. */
  resultPayload: string | null;
  acquiredAtMs: number | null;
  leaseId: string | null;
  leaseOwner: string | null;
  fencingToken: number | null;
  /** How many nodes name it as a dependency. */
  dependents: number;
  /** It was put off when it became PENDING; whether that time is over is not journalled. */
  mayBeDelayed: boolean;
  /** All attempts that have ended, told by `withAttempt`. */
  attempts: string;
}

export interface ReplayedLock {
  leaseId: string;
  resourceKey: string;
  scope: string;
  mode: LockMode;
  ignoreCase: boolean;
  endsWithNode: boolean;
  owner: string;
  provider: string | null;
  taskId: string | null;
  nodeId: string | null;
  metadata: string;
  acquiredAtMs: number;
  fencingToken: number;
}

export interface ReplayedBundle {
  seq: number;
  status: BundleStatus;
  provider: string;
  owner: string;
  scope: string;
  baseRevision: string;
  pathCount: number;
  taskId: string | null;
  nodeId: string | null;
  decidedSeq: number | null;
  /** JSON text, or null while it is open. */
  decision: string | null;
}

/** A journal row that no daemon following the rules can have written. */
export class ImpossibleRow extends Error {}

/** An attempt as it is compared: its error as JSON text, null where it has none. */
export interface ReplayedAttempt {
  fencingToken: number;
  leaseId: string | null;
  leaseOwner: string | null;
  startedAtMs: number;
  endedAtMs: number;
  outcome: string;
  error: string | null;
}

/** Attempts so far and one more, in a text that `brief` keeps short however many there are. */
export function withAttempt(attempts: string, attempt: ReplayedAttempt, brief: (text: string) => string): string {
  const { fencingToken, leaseId, leaseOwner, startedAtMs, endedAtMs, outcome, error } = attempt;
  const told = [fencingToken, leaseId, leaseOwner, startedAtMs, endedAtMs, outcome, error];
  return brief(`${attempts}\n${JSON.stringify(told)}`);
}

export type Fields = Record<string, Json>;

export function fields(value: Json | undefined): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new ImpossibleRow("its payload is not what the daemon writes");
}

export function text(value: Json | undefined): string {
  if (typeof value === "string") return value;
  throw new ImpossibleRow("its payload is not what the daemon writes");
}

export function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
