import type { Json } from "../protocol/json.ts";
import type { NodeStatus } from "../protocol/types.ts";

/** Times are milliseconds since the epoch. Ids are lower-case UUIDs. */
export interface Task {
  id: string;
  goal: string;
  context: Json;
  createdAtMs: number;
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

/** What the transition rules need to know of a node. */
export interface NodeHead {
  id: string;
  taskId: string;
  status: NodeStatus;
  /** Present exactly while RUNNING. */
  lease: Lease | null;
}

/** A node with all it carries. */
export interface Node extends NodeHead {
  dependencies: string[];
  payloadSchema: Json;
  resultPayload: Json;
  acquiredAtMs: number | null;
  updatedAtMs: number;
}

/** A node as it is registered. */
export interface NewNode {
  id: string;
  dependencies: string[];
  payloadSchema: Json;
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
