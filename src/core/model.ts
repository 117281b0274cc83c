import type { Json } from "../protocol/json.ts";
import type { NodePolicy } from "../protocol/node-fields.ts";
import type { AttemptOutcome, Labels, LockMode, NodeStatus } from "../protocol/types.ts";

/** Times are milliseconds since the epoch. Ids are lower-case UUIDs. */
export interface Task {
  id: string;
  goal: string;
  context: Json;
  createdAtMs: number;
  name: string | null;
  labels: Labels;
  /** Among tasks, where a worker takes nodes of any. The higher goes first. */
  priority: number;
  /** Nothing new is handed out. */
  paused: boolean;
  policy: TaskPolicy;
}

/** What a node's worker must have told, under the lease it completes the node with. */
export interface TaskPolicy {
  requireIntent: boolean;
  requireProgress: boolean;
  requireResult: boolean;
  requireBundle: boolean;
}

/** The right to work on a node until `expiresAtMs`. */
export interface Lease {
  /** Null on a node that a database older than leases left RUNNING: nobody can present it. */
  id: string | null;
  owner: string | null;
  expiresAtMs: number;
  /** What a heartbeat extends it by. 0 is the original's test mode: anyone may take the node over at once. */
  ttlMs: number;
  /** The journal seq of the grant: a later grant of anything has a greater one. */
  fencingToken: number;
}

/** Why a node FAILED. */
export type FailureCause = "error" | "lost" | "skipped" | "canceled";

/** What the transition rules need to know of a node. */
export interface NodeHead {
  id: string;
  taskId: string;
  status: NodeStatus;
  /** Present exactly while RUNNING. */
  lease: Lease | null;
  policy: NodePolicy;
  failedAttempts: number;
  lostAttempts: number;
  /** Present exactly while FAILED. */
  failure: FailureCause | null;
}

/** How far a node's worker says it is. */
export interface Progress {
  percent: number | null;
  message: string | null;
}

/** A node with all it carries. */
export interface Node extends NodeHead {
  name: string | null;
  labels: Labels;
  priority: number;
  dependencies: string[];
  payloadSchema: Json;
  resultPayload: Json;
  acquiredAtMs: number | null;
  /** Nobody gets it earlier. */
  notBeforeMs: number | null;
  progress: Progress | null;
  updatedAtMs: number;
  /** What its worker holds while it runs. */
  resources: readonly NodeResource[];
  /** The lease whose locks, or those before whom it would go, kept it from being handed out; null: nobody's so far. */
  heldBackBy: string | null;
}

/** A node as it is registered. */
export interface NewNode extends Pick<
  Node,
  "id" | "name" | "labels" | "priority" | "dependencies" | "payloadSchema" | "resources"
> {
  policy: NodePolicy;
}

/** One lease of a node that has ended. */
export interface Attempt {
  leaseId: string | null;
  owner: string | null;
  fencingToken: number;
  startedAtMs: number;
  endedAtMs: number;
  outcome: AttemptOutcome;
  error: Json;
}

/** A resource key as a node declares it; `""` is the global scope. */
export interface NodeResource {
  resourceKey: string;
  mode: LockMode;
  scope: string;
}

/** A resource key that is held, as it was written and as it is compared. */
export interface HeldKey extends NodeResource {
  /** One spelling for keys that differ in spelling only. */
  normalKey: string;
  /** How the keys of its scope are read, as long as one of them is held. */
  ignoreCase: boolean;
}

/** One key of a lease. All keys of a lease have its owner, deadline and length. */
export interface Lock extends HeldKey {
  leaseId: string;
  owner: string;
  provider: string | null;
  taskId: string | null;
  nodeId: string | null;
  metadata: Json;
  /** It is held under the lease of the node `nodeId`, and ends with that. */
  endsWithNode: boolean;
  acquiredAtMs: number;
  expiresAtMs: number;
  ttlMs: number;
  /** The journal seq of the grant: a later grant of anything has a greater one. */
  fencingToken: number;
  updatedAtMs: number;
}

/** A lock as it is compared, which is all but what may be large. */
export type LockHead = Omit<Lock, "metadata">;

/** Keys about to be granted under one lease; the journal gives them their fencing token. */
export interface LockGrant extends Omit<Lock, keyof HeldKey | "fencingToken" | "updatedAtMs"> {
  locks: readonly HeldKey[];
}
