import type { JournalRow } from "../core/journal.ts";
import type { Lock, Node, Task } from "../core/model.ts";
import type { LockView } from "../protocol/methods/locks.ts";
import type { JournalRowView, NodeView, TaskView } from "../protocol/methods/views.ts";

/* The one crossing from the domain's camel case and milliseconds to the wire's snake case and seconds. */

export const unixSecs = (ms: number): number => Math.floor(ms / 1000);
export const iso = (ms: number): string => new Date(ms).toISOString();

export function taskView(task: Task): TaskView {
  return { id: task.id, goal: task.goal, context: task.context, created_at: iso(task.createdAtMs) };
}

export function nodeView(node: Node): NodeView {
  const { lease } = node;
  return {
    id: node.id,
    task_id: node.taskId,
    status: node.status,
    dependencies: node.dependencies,
    payload_schema: node.payloadSchema,
    result_payload: node.resultPayload,
    acquired_at: node.acquiredAtMs === null ? null : unixSecs(node.acquiredAtMs),
    lease_id: lease?.id ?? null,
    lease_owner: lease?.owner ?? null,
    lease_expires_at: lease === null ? null : unixSecs(lease.expiresAtMs),
    lease_expires_at_ms: lease?.expiresAtMs ?? null,
    fencing_token: lease?.fencingToken ?? null,
    updated_at: unixSecs(node.updatedAtMs),
  };
}

export function lockView(lock: Lock): LockView {
  return {
    resource_key: lock.resourceKey,
    lease_id: lock.leaseId,
    owner: lock.owner,
    provider: lock.provider,
    task_id: lock.taskId,
    node_id: lock.nodeId,
    metadata: lock.metadata,
    acquired_at: unixSecs(lock.acquiredAtMs),
    ...deadlineView(lock.expiresAtMs),
    fencing_token: lock.fencingToken,
    updated_at: unixSecs(lock.updatedAtMs),
  };
}

/** A deadline in the original's seconds, rounded down so that nobody believes a lease to last longer, and exactly. */
export function deadlineView(expiresAtMs: number) {
  return { lease_expires_at: unixSecs(expiresAtMs), lease_expires_at_ms: expiresAtMs };
}

export function journalRowView(row: JournalRow): JournalRowView {
  return {
    seq: row.seq,
    id: row.id,
    task_id: row.taskId,
    node_id: row.nodeId,
    action_type: row.actionType,
    origin: row.origin,
    payload: row.payload,
    timestamp: iso(row.timestampMs),
  };
}

/** An event in an acquired node's context. */
export function contextEventView(row: JournalRow) {
  return {
    id: row.id ?? "",
    task_id: row.taskId ?? "",
    node_id: row.nodeId ?? "",
    action_type: row.actionType,
    payload: row.payload,
    timestamp: iso(row.timestampMs),
  };
}
