import type { Json } from "../../../src/protocol/json.ts";
import type { ModelKey } from "./keys.ts";

/* What the reference model keeps, and how the contract shows it. */

export type Params = { [name: string]: Json };

export interface Lease {
  id: string;
  owner: string;
  until: number;
  ttl: number;
  token: number;
}

/** One lease of a node, as TaskStatus shows it once it has ended. */
export interface Attempt {
  lease_id: string;
  lease_owner: string;
  fencing_token: number;
  started_at_ms: number;
  ended_at_ms: number;
  outcome: string;
  error_payload: Json;
}

export interface ModelTask {
  id: string;
  goal: Json;
  context: Json;
  name: Json;
  labels: Params;
  priority: number;
  paused: boolean;
  /** What it demands of whoever completes a node, by name. */
  policy: Params;
  created: number;
  nodes: ModelNode[];
}

export interface ModelNode {
  id: string;
  task: ModelTask;
  name: string | null;
  labels: Params;
  priority: number;
  dependencies: string[];
  schema: Json;
  attemptsMax: number;
  /** Null: as many as the daemon's setting says. */
  lostMax: number | null;
  backoffSecs: number;
  backoffMaxSecs: number;
  ttlSecs: number | null;
  onDependencyFailure: "wait" | "skip" | "run";
  resources: ModelKey[];
  status: "PENDING" | "RUNNING" | "COMPLETED" | "FAILED";
  lease: Lease | null;
  progress: Json;
  result: Json;
  acquired: number | null;
  /** Nobody gets it before. */
  notBefore: number | null;
  updated: number;
  failedAttempts: number;
  lostAttempts: number;
  attempts: Attempt[];
  /** Why it FAILED, where that was not its worker's doing. */
  endedBy: "skip" | "cancel" | null;
}

/** A lease of resource locks. */
export interface ModelLease extends Lease {
  provider: Json;
  /** The node whose lease it is, with which it ends. */
  node: ModelNode | null;
  /** In the order they were granted. */
  locks: ModelLock[];
}

export interface ModelLock extends ModelKey {
  task: Json;
  node: Json;
  metadata: Json;
  acquired: number;
  updated: number;
  token: number;
  /** Counts up with every lock there ever was. */
  row: number;
}

export const secs = (ms: number | null) => (ms === null ? null : Math.floor(ms / 1000));
export const iso = (ms: number) => new Date(ms).toISOString();

/** A refusal on its way out of a method. */
export class Refused extends Error {
  readonly kind: string;
  /** How the lease ended that was lost, where the refusal says so. */
  readonly reason: string | undefined;

  constructor(kind: string, reason?: string) {
    super(kind);
    this.kind = kind;
    this.reason = reason;
  }
}

/** A parameter that is a string in every request a story makes. */
export const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");

export const isRead = (method: string) => /^(List|Check|Get)/.test(method) || method === "TaskStatus";

/** Whether a request may stand in line for locks. */
export const wantsLocks = (method: string) => method.startsWith("AcquireResourceLock");

export const until = (ms: number) => ({ lease_expires_at: Math.floor(ms / 1000), lease_expires_at_ms: ms });

export function lockView(lock: ModelLock, lease: ModelLease, times: ReturnType<typeof until>, waiting: number) {
  return {
    resource_key: lock.key,
    scope: lock.scope,
    mode: lock.mode,
    lease_id: lease.id,
    owner: lease.owner,
    provider: lease.provider,
    task_id: lock.task,
    node_id: lock.node,
    metadata: lock.metadata,
    acquired_at: secs(lock.acquired),
    ...times,
    fencing_token: lock.token,
    updated_at: secs(lock.updated),
    ends_with_node: lease.node !== null,
    waiting,
  };
}

export function countStatuses(nodes: readonly ModelNode[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of nodes) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

export function sorted(params: Params): string {
  return JSON.stringify(Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const noPolicy = { require_intent: false, require_progress: false, require_result: false, require_bundle: false };

export function taskView({ id, goal, context, created, name, labels, priority, paused, policy }: ModelTask) {
  return {
    id,
    goal,
    context,
    created_at: iso(created),
    name,
    labels,
    priority,
    paused,
    policy: { ...noPolicy, ...policy },
  };
}

export function nodeView(node: ModelNode) {
  const { lease } = node;
  return {
    id: node.id,
    task_id: node.task.id,
    status: node.status,
    dependencies: node.dependencies,
    payload_schema: node.schema,
    result_payload: node.result,
    acquired_at: node.lease === null ? null : secs(node.acquired),
    lease_id: lease?.id ?? null,
    lease_owner: lease?.owner ?? null,
    lease_expires_at: secs(lease?.until ?? null),
    lease_expires_at_ms: lease?.until ?? null,
    fencing_token: lease?.token ?? null,
    updated_at: secs(node.updated),
    name: node.name,
    labels: node.labels,
    priority: node.priority,
    failed_attempts: node.failedAttempts,
    lost_attempts: node.lostAttempts,
    resources: node.resources.map(({ key: resource_key, mode, scope }) => ({ resource_key, mode, scope })),
  };
}

/** A node as TaskStatus shows it. */
export function nodeStatusView(node: ModelNode, blockedBy: string[]) {
  return {
    ...nodeView(node),
    max_attempts: node.attemptsMax,
    max_lost_attempts: node.lostMax,
    backoff_secs: node.backoffSecs,
    backoff_max_secs: node.backoffMaxSecs,
    ttl_secs: node.ttlSecs,
    on_dependency_failure: node.onDependencyFailure,
    not_before_ms: node.notBefore,
    progress: node.progress,
    blocked_by: blockedBy,
  };
}

/** Every attempt at a node; the one that runs is the last. */
export function attemptViews({ attempts, lease, acquired }: ModelNode): Json[] {
  const ended: Json[] = attempts.map((attempt) => ({ ...attempt }));
  if (lease === null) return ended;
  const running = { lease_id: lease.id, lease_owner: lease.owner, fencing_token: lease.token, started_at_ms: acquired };
  return [...ended, { ...running, ended_at_ms: null, outcome: null, error_payload: null }];
}
