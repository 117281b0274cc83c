import type { Json } from "../protocol/json.ts";
import type { AttemptOutcome, DependencyPolicy, Labels, NodeStatus } from "../protocol/types.ts";

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

/** How a node is tried: what its registration says beyond what it is. */
export interface NodePolicy {
  /** How often FailNode makes it PENDING again, and one. */
  maxAttempts: number;
  /** How many leases may expire before it fails; 0: any number; null: as many as the daemon's setting says. */
  maxLostAttempts: number | null;
  /** The longest pause before the second attempt; doubled before each further one. */
  backoffMs: number;
  backoffMaxMs: number;
  /** How long its leases run where the worker does not say; null: the node timeout. */
  ttlMs: number | null;
  onDependencyFailure: DependencyPolicy;
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
}

/** A node as it is registered. */
export interface NewNode extends Pick<Node, "id" | "name" | "labels" | "priority" | "dependencies" | "payloadSchema"> {
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

/** A leased resource key. */
export interface Lock {
  resourceKey: string;
  leaseId: string;
  owner: string;
  provider: string | null;
  taskId: string | null;
  nodeId: string | null;
  metadata: Json;
  acquiredAtMs: number;
  expiresAtMs: number;
  ttlMs: number;
  fencingToken: number;
  updatedAtMs: number;
}

/** A lock about to be granted; the journal gives it its fencing token. */
export type LockRequest = Omit<Lock, "fencingToken">;
