import type { Json } from "../../../src/protocol/json.ts";

/* What the reference model keeps, and how the contract shows it. */

export interface Lease {
  id: string;
  owner: string;
  until: number;
  ttl: number;
  token: number;
}

export interface ModelNode {
  id: string;
  task: string;
  dependencies: string[];
  schema: Json;
  status: "PENDING" | "RUNNING" | "COMPLETED" | "FAILED";
  lease: Lease | null;
  result: Json;
  acquired: number | null;
  updated: number;
  failedAttempts: number;
  lostAttempts: number;
}

export interface ModelLock extends Lease {
  key: string;
  provider: Json;
  task: Json;
  node: Json;
  metadata: Json;
  acquired: number;
  updated: number;
}

export const secs = (ms: number | null) => (ms === null ? null : Math.floor(ms / 1000));
export const iso = (ms: number) => new Date(ms).toISOString();

/** A refusal on its way out of a method. */
export class Refused extends Error {
  readonly kind: string;

  constructor(kind: string) {
    super(kind);
    this.kind = kind;
  }
}

/** A parameter that is a string in every request a story makes. */
export const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");

export const isRead = (method: string) => method.startsWith("List") || method === "TaskStatus";

export const until = (ms: number) => ({ lease_expires_at: Math.floor(ms / 1000), lease_expires_at_ms: ms });

export function lockView(lock: ModelLock) {
  return {
    resource_key: lock.key,
    lease_id: lock.id,
    owner: lock.owner,
    provider: lock.provider,
    task_id: lock.task,
    node_id: lock.node,
    metadata: lock.metadata,
    acquired_at: secs(lock.acquired),
    ...until(lock.until),
    fencing_token: lock.token,
    updated_at: secs(lock.updated),
  };
}

export function countStatuses(nodes: readonly ModelNode[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of nodes) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** The failed nodes a node waits behind. */
export function failedBefore(node: ModelNode, nodes: ReadonlyMap<string, ModelNode>): string[] {
  const failed = node.dependencies.flatMap((id) => {
    const dependency = nodes.get(id);
    if (dependency === undefined) return [];
    return dependency.status === "FAILED" ? [id] : failedBefore(dependency, nodes);
  });
  return [...new Set(failed)];
}

/** Takes away nodes that wait for nobody, again and again: what is left stands in or behind a cycle. */
export function hasCycle(nodes: readonly { id: string; dependencies: string[] }[]): boolean {
  let left = [...nodes];
  for (;;) {
    const ids = new Set(left.map(({ id }) => id));
    const waiting = left.filter(({ dependencies }) => dependencies.some((id) => ids.has(id)));
    if (waiting.length === left.length) return left.length > 0;
    left = waiting;
  }
}

export function sorted(params: { [name: string]: Json }): string {
  return JSON.stringify(Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export function nodeView(node: ModelNode) {
  const { lease } = node;
  return {
    id: node.id,
    task_id: node.task,
    status: node.status,
    dependencies: node.dependencies,
    payload_schema: node.schema,
    result_payload: node.result,
    acquired_at: secs(node.acquired),
    lease_id: lease?.id ?? null,
    lease_owner: lease?.owner ?? null,
    lease_expires_at: secs(lease?.until ?? null),
    lease_expires_at_ms: lease?.until ?? null,
    fencing_token: lease?.token ?? null,
    updated_at: secs(node.updated),
    name: null,
    labels: {},
    priority: 0,
    failed_attempts: node.failedAttempts,
    lost_attempts: node.lostAttempts,
  };
}

/** A node as TaskStatus shows it. */
export function nodeStatusView(node: ModelNode, blockedBy: string[]) {
  return {
    ...nodeView(node),
    max_attempts: 1,
    max_lost_attempts: null,
    backoff_secs: 0,
    backoff_max_secs: 3_600,
    ttl_secs: null,
    on_dependency_failure: "wait",
    not_before_ms: null,
    progress: null,
    blocked_by: blockedBy,
  };
}

/** What no story changes of a task. */
export const plainTask = { name: null, labels: {}, priority: 0, paused: false };
