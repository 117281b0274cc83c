import { isRefusal, type Refusal } from "../core/decision.ts";
import { actions } from "../core/journal.ts";
import type { Node, NodeHead, Task } from "../core/model.ts";
import { acquireNode, completeNode, failNode, heartbeatNode, type LeaseClaim, rollBackNode } from "../core/node.ts";
import type { Json } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import type { Params, Result } from "../protocol/methods.ts";
import type { Context, Handlers, Later } from "./handler.ts";
import { noTask } from "./tasks.ts";
import { contextEventView, deadlineView, nodeView, taskView } from "./views.ts";

export const nodeHandlers = {
  AcquireNextNode(params, context) {
    const { store } = context;
    context.count("acquire_attempts");
    const acquired = acquireNext(params, context);
    if (acquired !== null || params.wait_ms === 0) return acquired;
    if (store.taskSummary(params.task_id)?.state !== "ACTIVE") return null;
    return waitForNode(params);
  },

  HeartbeatNode(params, context) {
    const { store, settings, nowMs } = context;
    const timeoutMs = settings.nodeTimeoutSecs * 1000;
    const kept = heartbeatNode(store.nodeHead(params.node_id), claimOf(params), timeoutMs, nowMs);
    if (isRefusal(kept)) return kept;
    const ttlMs = leaseTtlMs(params.ttl_secs) ?? kept.ttlMs;
    const expiresAtMs = nowMs + ttlMs;
    store.extendNodeLease(params.node_id, expiresAtMs, ttlMs, nowMs);
    context.count("heartbeats");
    return { ok: true, ...deadlineView(expiresAtMs), seq: store.head.seq };
  },

  CompleteNode(params, context) {
    const { store, nowMs } = context;
    const result = params.result_payload as Json;
    const eventId = context.newId();
    const transition = completeNode(store.nodeHead(params.node_id), claimOf(params), result, eventId, nowMs);
    if (isRefusal(transition)) return transition;
    context.count("completed_nodes");
    return { event_id: eventId, seq: store.completeNode(transition, result) };
  },

  FailNode(params, context) {
    const { store, nowMs } = context;
    const error = params.error_payload as Json;
    const eventId = context.newId();
    const transition = failNode(store.nodeHead(params.node_id), claimOf(params), error, eventId, nowMs);
    if (isRefusal(transition)) return transition;
    context.count("failed_nodes");
    return { event_id: eventId, seq: store.failNode(transition, error) };
  },
} satisfies Partial<Handlers>;

type Acquired = Result<"AcquireNextNode">;

/** Takes the first runnable node, after the task's leases that are over were rolled back. */
function acquireNext(params: Params<"AcquireNextNode">, context: Context): Acquired | Refusal {
  const { store, settings, runtime, nowMs } = context;
  const startedAt = runtime.monotonicMicros();
  const { task_id: taskId, lease_owner: owner } = params;
  const task = store.task(taskId);
  if (task === null) return noTask(taskId);
  for (const node of store.expiredNodes(taskId, nowMs, expiredPerTurnMax)) rollBack(node, context);
  const node = store.nextRunnable(taskId);
  if (node === null) return null;

  const ttlMs = leaseTtlMs(params.ttl_secs) ?? settings.nodeTimeoutSecs * 1000;
  const grant = { id: context.newId(), owner, expiresAtMs: nowMs + ttlMs, ttlMs };
  const seq = store.acquireNode(acquireNode(node, grant, nowMs), grant);
  const lease = { ...grant, fencingToken: seq };
  const running: Node = { ...node, status: "RUNNING", lease, acquiredAtMs: nowMs, updatedAtMs: nowMs };
  context.count("acquired_nodes");
  context.count("acquisition_latency_micros_total", runtime.monotonicMicros() - startedAt);
  return {
    task_id: taskId,
    node_id: node.id,
    lease_id: grant.id,
    lease_owner: owner,
    ...deadlineView(grant.expiresAtMs),
    fencing_token: seq,
    seq,
    context: nodeContext(task, running, context),
  };
}

/** What can make a node runnable, or end all hope for one. */
const movesOfATask: ReadonlySet<string> = new Set([actions.completeNode, actions.failNode, actions.rollBackNode]);

/** Tries again whenever something of the task has moved, until it has a node or the task can offer none any more. */
function waitForNode(params: Params<"AcquireNextNode">): Later<Acquired> {
  return {
    wakes: ({ taskId, origin, actionType }) =>
      taskId === params.task_id && origin === "daemon" && movesOfATask.has(actionType),
    waitMs: params.wait_ms,
    resume(context, last) {
      const acquired = acquireNext(params, context);
      if (acquired !== null) return { reply: acquired };
      const over = last || context.store.taskSummary(params.task_id)?.state !== "ACTIVE";
      return over ? { reply: null } : null;
    },
  };
}

function leaseTtlMs(ttlSecs: number | null | undefined): number | null {
  return ttlSecs === null || ttlSecs === undefined ? null : Math.min(ttlSecs, limits.ttlSecsMax) * 1000;
}

/** Leases of one kind ended at once: five thousand that are due take twenty turns, and nobody waits for all of them. */
export const expiredPerTurnMax = 256;

/** Rolls a node back whose lease is over. */
export function rollBack(node: NodeHead, context: Context): void {
  context.store.rollBackNode(rollBackNode(node, context.newId(), context.nowMs));
  context.count("timeout_rollbacks");
}

function claimOf(params: { task_id: string; node_id: string; lease_id: string }): LeaseClaim {
  return { taskId: params.task_id, nodeId: params.node_id, leaseId: params.lease_id };
}

/** All an agent needs to start on the node without asking again. */
function nodeContext(task: Task, node: Node, { store, settings }: Context) {
  return {
    task: taskView(task),
    node: nodeView(node),
    completed_dependencies: node.dependencies.map((id) => ({ node_id: id, result_payload: store.resultOf(id) })),
    event_journal_limit: settings.contextEventLimit,
    event_journal: store.taskEvents(task.id, settings.contextEventLimit).map(contextEventView),
  };
}
