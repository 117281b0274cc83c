import type { JournalRow } from "../core/journal/journal.ts";
import { present } from "../protocol/present.ts";
import { policyShown } from "../core/dag/node-policy.ts";
import type { Attempt, LockGrant, LockHead, Node, Task } from "../core/model.ts";
import type { Json } from "../protocol/json.ts";
import type { LockView } from "../protocol/methods/locks.ts";
import type {
  AttemptView,
  JournalRowView,
  LockHolderView,
  NodeStatusView,
  NodeView,
  TaskView,
} from "../protocol/methods/views.ts";

/* The one crossing from the domain's camel case and milliseconds to the wire's snake case and seconds. */

export const unixSecs = (ms: number): number => Math.floor(ms / 1000);
export const iso = (ms: number): string => new Date(ms).toISOString();

export function taskView(task: Task): TaskView {
  return { ...listedTaskView(task), context: task.context };
}

/** A task in a list: all but its context. */
export function listedTaskView(task: Omit<Task, "context">): Omit<TaskView, "context"> {
  return {
    id: task.id,
    goal: task.goal,
    created_at: iso(task.createdAtMs),
    name: task.name,
    labels: task.labels,
    priority: task.priority,
    paused: task.paused,
    policy: {
      require_intent: task.policy.requireIntent,
      require_progress: task.policy.requireProgress,
      require_result: task.policy.requireResult,
      require_bundle: task.policy.requireBundle,
    },
  };
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
    // As the original, which forgets it with the lease.
    acquired_at: lease === null || node.acquiredAtMs === null ? null : unixSecs(node.acquiredAtMs),
    lease_id: lease?.id ?? null,
    lease_owner: lease?.owner ?? null,
    lease_expires_at: lease === null ? null : unixSecs(lease.expiresAtMs),
    lease_expires_at_ms: lease?.expiresAtMs ?? null,
    fencing_token: lease?.fencingToken ?? null,
    updated_at: unixSecs(node.updatedAtMs),
    name: node.name,
    labels: node.labels,
    priority: node.priority,
    failed_attempts: node.failedAttempts,
    lost_attempts: node.lostAttempts,
    resources: node.resources.map(({ resourceKey, mode, scope }) => ({
      resource_key: resourceKey,
      mode,
      scope: scopeView(scope),
    })),
  };
}

/** A null scope is the global one. */
export const scopeView = (scope: string): string | null => (scope === "" ? null : scope);

export function nodeStatusView(node: Node, blockers: string[]): NodeStatusView {
  return {
    ...nodeView(node),
    ...policyShown(node.policy),
    not_before_ms: node.notBeforeMs,
    progress: node.progress,
    blocked_by: blockers,
    held_back_by: node.heldBackBy,
  };
}

/** All attempts at a node, oldest first; the one that runs is the last. */
export function attemptViews(ended: readonly Attempt[], { lease, acquiredAtMs }: Node): AttemptView[] {
  const views: AttemptView[] = ended.map(
    ({ leaseId, owner, fencingToken, startedAtMs, endedAtMs, outcome, error }) => ({
      lease_id: leaseId,
      lease_owner: owner,
      fencing_token: fencingToken,
      started_at_ms: startedAtMs,
      ended_at_ms: endedAtMs,
      outcome,
      error_payload: error,
    }),
  );
  if (lease === null) return views;
  const { id: lease_id, owner: lease_owner, fencingToken: fencing_token } = lease;
  // A node of the original's may run since nobody knows when.
  const running = { lease_id, lease_owner, fencing_token, started_at_ms: acquiredAtMs ?? 0 };
  return [...views, { ...running, ended_at_ms: null, outcome: null, error_payload: null }];
}

/** `metadata` is null where it was too much for one answer. */
export function lockView(lock: LockHead, metadata: { json: Json } | null, waiting: number): LockView {
  return {
    resource_key: lock.resourceKey,
    scope: scopeView(lock.scope),
    mode: lock.mode,
    lease_id: lock.leaseId,
    owner: lock.owner,
    provider: lock.provider,
    task_id: lock.taskId,
    node_id: lock.nodeId,
    metadata: metadata?.json ?? null,
    ...(metadata === null && { metadata_omitted: true as const }),
    acquired_at: unixSecs(lock.acquiredAtMs),
    ...deadlineView(lock.expiresAtMs),
    fencing_token: lock.fencingToken,
    updated_at: unixSecs(lock.updatedAtMs),
    ends_with_node: lock.endsWithNode,
    waiting,
  };
}

/** The one lock of a grant, as its holder gets it: under the key he wrote. */
export function grantedLockView(grant: LockGrant, resource_key: string, seq: number) {
  const { scope, mode } = present(grant.locks[0], "the lock of a grant");
  return {
    resource_key,
    scope: scopeView(scope),
    mode,
    lease_id: grant.leaseId,
    owner: grant.owner,
    provider: grant.provider,
    task_id: grant.taskId,
    node_id: grant.nodeId,
    metadata: grant.metadata,
    acquired_at: unixSecs(grant.acquiredAtMs),
    ...deadlineView(grant.expiresAtMs),
    fencing_token: seq,
    seq,
  };
}

/** A lock as those see it who want what overlaps with it; `metadata` is null where it was too much for one answer. */
export function lockHolderView(lock: LockHead, metadata: { json: Json } | null, own: boolean): LockHolderView {
  return {
    resource_key: lock.resourceKey,
    scope: scopeView(lock.scope),
    mode: lock.mode,
    lease_id: lock.leaseId,
    owner: lock.owner,
    provider: lock.provider,
    task_id: lock.taskId,
    node_id: lock.nodeId,
    intent: metadata === null ? null : intentOf(metadata.json),
    ...(metadata === null && { intent_omitted: true as const }),
    acquired_at: unixSecs(lock.acquiredAtMs),
    ...deadlineView(lock.expiresAtMs),
    fencing_token: lock.fencingToken,
    own,
  };
}

/** What a holder says it is doing: `intent` of the metadata, where that is a text. */
function intentOf(metadata: Json): string | null {
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata) || JSON.isRawJSON(metadata))
    return null;
  return typeof metadata.intent === "string" ? metadata.intent : null;
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

/** An event in an acquired node's context, without its payload. */
export function contextEventHead(row: Omit<JournalRow, "payload">) {
  return {
    id: present(row.id, "the id of an event"),
    task_id: present(row.taskId, "the task of an event"),
    node_id: present(row.nodeId, "the node of an event"),
    action_type: row.actionType,
    timestamp: iso(row.timestampMs),
  };
}
