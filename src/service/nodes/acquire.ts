import { type Decision, isRefusal } from "../../core/decision.ts";
import { movedNode } from "../../core/effects.ts";
import type { Entry } from "../../core/journal/journal.ts";
import type { LeaseGrant } from "../../core/lease/lease.ts";
import type { LockWish } from "../../core/locks/queue.ts";
import type { Node, Task } from "../../core/model.ts";
import { acquireNode } from "../../core/dag/node.ts";
import { topic, type Wait } from "../../core/journal/topics.ts";
import { encodeJson } from "../../protocol/json-text.ts";
import { limits } from "../../protocol/limits.ts";
import type { AcquiredNode } from "../../protocol/methods/nodes.ts";
import type { Params, Result } from "../../protocol/methods.ts";
import type { AnyPending, Context, Handlers, PendingAnswer, Preparations } from "../handler.ts";
import { expireForAcquire } from "../expiry.ts";
import { takeResources } from "./node-locks.ts";
import { noTask } from "../tasks/tasks.ts";
import { deadlineView, nodeView, taskView } from "../views.ts";

type NodeRequest = Params<"AcquireNextNode">;
type Acquired = Result<"AcquireNextNode">;

export const acquireHandlers = {
  AcquireNextNode(request, context) {
    context.count("acquire_attempts");
    const acquired = acquire(request, context);
    if (acquired === unfinished) return lookFurther(request, true, context);
    if (acquired !== null || request.wait_ms === 0 || isHopeless(request, context)) return acquired;
    return lookFurther(request, false, context);
  },
} satisfies Partial<Handlers>;

/** There are nodes that the request has not looked at, and looking costs more than it may at once. */
const unfinished = Symbol("unfinished");

/** What it costs to look at a node, beside comparing its resources; in steps. */
const nodeSteps = 2_000;

/** Takes as many runnable nodes as are asked for, and as it may look at. */
function acquire(
  request: NodeRequest,
  context: Context,
  waiting: AnyPending | null = null,
): Decision<Acquired, "NOT_FOUND" | "LIMIT_EXCEEDED"> | typeof unfinished {
  const { reads } = context;
  const taskId = request.task_id ?? null;
  const task = taskId === null ? null : reads.tasks.find(taskId);
  if (taskId !== null && task === null) return noTask(taskId);
  const inLine = context.lockWishes(waiting);
  if (request.count === null || request.count === undefined) return acquireOne(request, task, inLine, context);
  const nodes: AcquiredNode[] = [];
  for (let chars = 0; nodes.length < request.count && chars < limits.pageCharsMax;) {
    const node = acquireOne(request, task, inLine, context);
    if (nodes.length === 0 && (node === unfinished || isRefusal(node))) return node;
    if (node === null || node === unfinished || isRefusal(node)) break;
    nodes.push(node);
    chars += encodeJson(node).length;
  }
  return nodes.length === 0 ? null : { nodes, seq: reads.head.seq };
}

export const acquirePreparations = { AcquireNextNode: expireForAcquire } satisfies Preparations;

type Events = AcquiredNode["context"]["event_journal"];

/** They go into the answer as the text they are kept as, which the types of answers do not know. */
const eventsOf = (taskId: string, { events, settings, store }: Context): Events =>
  events.newest(taskId, settings.contextEventLimit, store) as unknown as Events;

function acquireOne(
  request: NodeRequest,
  named: Task | null,
  inLine: readonly LockWish[],
  context: Context,
): Decision<AcquiredNode | null, "LIMIT_EXCEEDED"> | typeof unfinished {
  const { apply, reads, runtime, nowMs } = context;
  const startedAt = runtime.monotonicMicros();
  const found = firstFree(request, inLine, context);
  if (found === unfinished || isRefusal(found)) return found;
  const task = named ?? (found === null ? null : reads.tasks.find(found.node.taskId));
  if (found === null || task === null) return null;

  const { node, grant } = found;
  const { owner } = grant;
  const seq = apply({ kind: "acquireNode", node: movedNode(node), grant, entry: acquireNode(node, grant, nowMs) });
  const lease = { ...grant, fencingToken: seq };
  const running: Node = { ...node, status: "RUNNING", lease, acquiredAtMs: nowMs, updatedAtMs: nowMs };
  context.count("acquired_nodes");
  context.count("acquisition_latency_micros_total", runtime.monotonicMicros() - startedAt);
  return {
    task_id: task.id,
    node_id: node.id,
    lease_id: grant.id,
    lease_owner: owner,
    ...deadlineView(grant.expiresAtMs),
    fencing_token: seq,
    seq,
    context: nodeContext(task, running, context),
  };
}

/**
 * The first runnable node whose resources are free, and its lease, which has them now. A node that is passed over is held
 * back until a lease ends that is in its way, so that none is looked at again and again.
 */
function firstFree(
  request: NodeRequest,
  inLine: readonly LockWish[],
  context: Context,
): Decision<{ node: Node; grant: LeaseGrant } | null, "LIMIT_EXCEEDED"> | typeof unfinished {
  const { apply, reads, budget } = context;
  while (!budget.isSpent) {
    // What the first one costs it costs alone.
    const isFirst = budget.isWhole;
    budget.spend(nodeSteps);
    const node = reads.nodes.next(request.task_id ?? null, request.labels ?? {});
    if (node === null) return null;
    const grant = grantOf(request, node, context);
    const taken = takeResources(node, grant, { inLine, isFirst }, context);
    if (taken === "taken") return { node, grant };
    if (taken === "later") return null;
    if (taken === "unread") return unfinished;
    if (isRefusal(taken)) return taken;
    apply({ kind: "holdBack", nodeId: node.id, leaseId: taken.heldBackBy });
  }
  return unfinished;
}

function grantOf({ ttl_secs: wished, lease_owner: owner }: NodeRequest, node: Node, context: Context): LeaseGrant {
  const wishedMs = wished === null || wished === undefined ? null : wished * 1000;
  const ttlMs = wishedMs ?? node.policy.ttlMs ?? context.settings.nodeTimeoutSecs * 1000;
  return { id: context.newId(), owner, expiresAtMs: context.nowMs + ttlMs, ttlMs };
}

/** Whether the one task that is asked can offer nothing any more. Of any task there is always hope. */
function isHopeless({ task_id: taskId }: NodeRequest, { reads }: Context): boolean {
  return taskId !== null && taskId !== undefined && reads.tasks.summary(taskId)?.state !== "ACTIVE";
}

/** Whether an entry tells of a completion that lets nobody go on: no node waited for it, and its task is not over. */
function freesNothing({ actionType, nodeId, taskId }: Entry, { reads }: Context): boolean {
  if (actionType !== "COMPLETE_NODE" || nodeId === null || taskId === null) return false;
  return !reads.dag.hasDependents(nodeId) && reads.tasks.summary(taskId)?.state === "ACTIVE";
}

/**
 * Looks at some more nodes each turn as long as there are any (`isLooking`); then tries again whenever something has moved,
 * until there is a node or the task can offer none any more. A request that may not wait ends with its search.
 */
function lookFurther(request: NodeRequest, isLooking: boolean, started: Context) {
  const { task_id: taskId, labels, wait_ms: waitMs } = request;
  const dedupKey = JSON.stringify([taskId ?? null, labels ?? {}]);
  const something: Wait = {
    // A lock may be in the way of nodes of any task.
    topics: [topic.work(taskId ?? null), topic.locks],
    concerns: (entry) => !freesNothing(entry, started),
  };
  let looking = isLooking;
  const pending: PendingAnswer<Acquired, "NOT_FOUND" | "LIMIT_EXCEEDED"> = {
    get wakes() {
      return looking ? "turn" : something;
    },
    // What one has found until now says nothing of what others will.
    get dedupKey() {
      return looking ? undefined : dedupKey;
    },
    keepsOrder: waitMs === 0,
    waitMs: waitMs === 0 ? null : waitMs,
    resume(context, last) {
      const acquired = acquire(request, context, pending);
      looking = acquired === unfinished;
      if (acquired !== null && acquired !== unfinished) return { reply: acquired };
      if (looking && !last) return null;
      return last || waitMs === 0 || isHopeless(request, context) ? { reply: null } : null;
    },
  };
  return pending;
}

/** All an agent needs to start on the node without asking again. */
function nodeContext(task: Task, node: Node, context: Context) {
  const { reads, settings } = context;
  let left: number = limits.contextCharsMax;
  return {
    task: taskView(task),
    node: nodeView(node),
    completed_dependencies: node.dependencies.map((id) => {
      const ended = reads.nodes.outcome(id, left);
      left -= ended?.result === null ? 0 : (ended?.bytes ?? 0);
      const omitted = ended?.result === null ? { result_omitted: true as const } : {};
      const dependency = { node_id: id, result_payload: ended?.result?.told ?? null, ...omitted };
      // An addition the original's clients never meet: their nodes run after COMPLETED ones only.
      return ended?.status === "FAILED" ? { ...dependency, status: "FAILED" as const } : dependency;
    }),
    event_journal_limit: settings.contextEventLimit,
    event_journal: eventsOf(task.id, context),
  };
}
