import { policyFrom } from "../../core/dag/node-policy.ts";
import type { FailureCause, Lease, Node, NodeHead, NodeResource, Progress } from "../../core/model.ts";
import { type StoredPolicy, policyFields } from "../../protocol/node-fields.ts";
import { type Json, parseStored } from "../../protocol/json.ts";
import { present } from "../../protocol/present.ts";
import type { Labels, LockMode, NodeStatus } from "../../protocol/types.ts";
import type { FreshState } from "../heads/entries.ts";
import type { NodeSliceRow } from "./verification-reads.ts";

export interface HeadRow extends StoredPolicy {
  id: string;
  task_id: string;
  status: NodeStatus;
  lease_id: string | null;
  lease_owner: string | null;
  lease_expires_at_ms: number | null;
  lease_ttl_ms: number | null;
  fencing_token: number | null;
  failed_attempts: number;
  lost_attempts: number;
  failure: FailureCause | null;
}

const stateColumns = `
  status, lease_id, lease_owner, lease_expires_at_ms, lease_ttl_ms, fencing_token,
  ${policyFields.map(({ stored }) => stored).join(", ")}, failed_attempts, lost_attempts, failure`;

export const headColumns = `id, task_id, ${stateColumns}`;

export interface Row extends HeadRow {
  row: number;
  name: string | null;
  labels: string;
  priority: number;
  dependencies: string;
  payload_schema: string;
  resources: string;
  result_payload: string | null;
  acquired_at_ms: number | null;
  not_before_ms: number | null;
  progress: string | null;
  updated_at_ms: number;
}

/** What of a row decides what may become of the node: all that comes into memory. Its task is told by its row. */
export interface ActiveRow extends Omit<HeadRow, "task_id"> {
  row: number;
  task: number;
  priority: number;
  labels: string;
  dependencies: string;
  acquired_at_ms: number | null;
  not_before_ms: number | null;
}

export const activeColumns = `
  nodes.row, nodes.id, ${stateColumns}, priority, labels, dependencies, acquired_at_ms, not_before_ms`;

export const json = (text: string | null): Json => (text === null ? null : parseStored(text));

export function toHead(row: HeadRow): NodeHead {
  return {
    id: row.id,
    taskId: row.task_id,
    status: row.status,
    lease: toLease(row),
    policy: policyFrom(row),
    failedAttempts: row.failed_attempts,
    lostAttempts: row.lost_attempts,
    failure: row.failure,
  };
}

function toLease(row: Omit<HeadRow, "task_id">): Lease | null {
  if (row.status !== "RUNNING") return null;
  return {
    id: row.lease_id,
    owner: row.lease_owner,
    expiresAtMs: present(row.lease_expires_at_ms, "the deadline of a lease"),
    ttlMs: present(row.lease_ttl_ms, "the length of a lease"),
    fencingToken: present(row.fencing_token, "the fencing token of a lease"),
  };
}

/** What keeps a node from being handed out is known in memory alone. */
export function toNode(row: Row, heldBackBy: string | null): Node {
  return {
    ...toHead(row),
    name: row.name,
    labels: toLabels(row.labels),
    priority: row.priority,
    dependencies: toIds(row.dependencies),
    payloadSchema: parseStored(row.payload_schema),
    resultPayload: json(row.result_payload),
    acquiredAtMs: row.acquired_at_ms,
    notBeforeMs: row.not_before_ms,
    progress: row.progress === null ? null : (JSON.parse(row.progress) as Progress),
    updatedAtMs: row.updated_at_ms,
    resources: toResources(row.resources),
    heldBackBy,
  };
}

const noResources: NodeResource[] = [];

function toResources(text: string): NodeResource[] {
  if (text === "[]") return noResources;
  const stored = JSON.parse(text) as { resource_key: string; mode?: LockMode; scope?: string }[];
  return stored.map(({ resource_key: resourceKey, mode = "exclusive", scope = "" }) => ({ resourceKey, mode, scope }));
}

const noLabels: Labels = {};

/** @throws where somebody altered them */
export const toLabels = (text: string): Labels =>
  text === "{}" ? noLabels : present(JSON.parse(text) as Labels | null, "labels");

const noIds: string[] = [];

/** @throws where somebody altered them */
export function toIds(text: string): string[] {
  if (text === "[]") return noIds;
  const ids = JSON.parse(text) as string[] | null;
  if (!Array.isArray(ids) || ids.some((id) => typeof id !== "string")) throw new TypeError(`ids are ${text}`);
  return ids;
}

/** A node as its row tells it, for comparison with a replay; its attempts stand in a table of their own. */
export type ReplayedRow = Omit<NodeSliceRow, "attempts">;

export function toReplayed(row: Row): ReplayedRow {
  return {
    row: row.row,
    id: row.id,
    notBeforeMs: row.not_before_ms,
    leaseExpiresAtMs: row.lease_expires_at_ms,
    leaseTtlMs: row.lease_ttl_ms,
    hasProgress: row.progress !== null,
    updatedAtMs: row.updated_at_ms,
    taskId: row.task_id,
    name: row.name,
    labels: row.labels,
    priority: row.priority,
    policy: policyFrom(row),
    status: row.status,
    failure: row.failure,
    failedAttempts: row.failed_attempts,
    lostAttempts: row.lost_attempts,
    dependencies: row.dependencies,
    payloadSchema: row.payload_schema,
    resources: row.resources,
    resultPayload: row.result_payload,
    acquiredAtMs: row.acquired_at_ms,
    leaseId: row.lease_id,
    leaseOwner: row.lease_owner,
    fencingToken: row.fencing_token,
  };
}

/** A node as it comes into memory, where one text serves all that have the same. */
export function toState(row: ActiveRow, taskId: string): FreshState {
  return {
    id: row.id,
    taskId,
    status: statuses[row.status],
    lease: toLease(row),
    policy: policyFrom(row),
    failedAttempts: row.failed_attempts,
    lostAttempts: row.lost_attempts,
    failure: row.failure,
    priority: row.priority,
    acquiredAtMs: row.acquired_at_ms,
    notBeforeMs: row.not_before_ms,
    heldBackBy: null,
    waitingOn: 0,
    failingOn: 0,
  };
}

const statuses = {
  PENDING: "PENDING",
  RUNNING: "RUNNING",
  COMPLETED: "COMPLETED",
  FAILED: "FAILED",
} as const satisfies Record<NodeStatus, NodeStatus>;
