import { expireNode } from "../core/dag/node.ts";
import type { NodeHead } from "../core/model.ts";
import type { Params } from "../protocol/methods.ts";
import type { Context } from "./handler.ts";
import { expireLeases } from "./locks/conflicts.ts";
import { followChanges } from "./nodes/dependents.ts";
import { changeNode } from "./nodes/node-locks.ts";
import { duePerTurnMax, hasTime } from "./turn/time-budget.ts";

/**
 * Rolls back nodes, ends locks and hands out again nodes whose time is over, the longest overdue first, and goes on with
 * what follows from failures.
 */
export function expireDue(context: Context): void {
  const { apply, reads, nowMs } = context;
  expire(reads.leases.due(nowMs, duePerTurnMax), context);
  followChanges(null, context);
  apply({ kind: "endDelays", nowMs, limit: duePerTurnMax });
}

/**
 * Rolls back what has expired of the task, or of any, before a request may choose: those who wait already are asked in
 * between, as they came first.
 */
export function expireForAcquire({ task_id: taskId }: Params<"AcquireNextNode">, context: Context): void {
  const expired = context.reads.leases.expired(taskId ?? null, context.nowMs, duePerTurnMax);
  expire(expired, context);
  if (expired.length > 0) followChanges(taskId ?? null, context);
}

/** Ends the leases of these nodes, and then, as one of them may keep a node from being handed out, those of locks. */
function expire(nodes: readonly NodeHead[], context: Context): void {
  const { reads, nowMs } = context;
  const timeLeft = hasTime(context);
  for (const node of nodes) {
    expireNodeLease(node, context);
    if (!timeLeft()) break;
  }
  for (const leaseId of reads.leases.dueLocks(nowMs, duePerTurnMax)) {
    expireLeases([leaseId], context);
    if (!timeLeft()) break;
  }
}

/** Rolls a node back whose lease is over, or fails it where that was once too often. */
function expireNodeLease(node: NodeHead, context: Context): void {
  const { settings, nowMs } = context;
  changeNode(expireNode(node, settings.maxLostAttempts, context.newId(), nowMs), context);
  context.count("timeout_rollbacks");
}
