import type { Json } from "../protocol/json.ts";
import { type Decision, isRefusal, type Refusal, refuse } from "./decision.ts";
import { actions, type Entry } from "./journal.ts";
import type { NodeHead } from "./model.ts";

/*
 * The four transitions of a node, and what a client may do under its lease. Each returns the journal entry that
 * records it; the store applies both at once.
 *
 *                 acquire                    complete
 *    PENDING ----------------->  RUNNING  -------------->  COMPLETED
 *       ^                          |  |        fail
 *       +--------------------------+  +----------------->  FAILED
 *           roll back on timeout
 */

/** Which lease a client presents, and of which task it thinks the node is. */
export interface LeaseClaim {
  taskId: string;
  nodeId: string;
  leaseId: string;
}

/** A lease about to be granted; its fencing token is the seq of the journal row that records it. */
export interface LeaseGrant {
  id: string;
  owner: string;
  expiresAtMs: number;
  ttlMs: number;
}

/** A node about to change status, and the journal entry that records it. */
export interface Transition {
  node: NodeHead;
  entry: Entry;
}

/** PENDING → RUNNING, for a node whose dependencies are all COMPLETED. */
export function acquireNode(node: NodeHead, grant: LeaseGrant, nowMs: number): Transition {
  return transition(null, node, actions.acquireNode, { lease_id: grant.id, lease_owner: grant.owner }, nowMs);
}

/** RUNNING → PENDING, for a node whose lease has expired. */
export function rollBackNode(node: NodeHead, eventId: string, nowMs: number): Transition {
  const payload = { lease_id: node.lease?.id ?? null, lease_owner: node.lease?.owner ?? null };
  return transition(eventId, node, actions.rollBackNode, payload, nowMs);
}

/** RUNNING → COMPLETED. Refusals: NOT_FOUND, INVALID_STATE, LEASE_LOST. */
export function completeNode(
  found: NodeHead | null,
  claim: LeaseClaim,
  result: Json,
  eventId: string,
  nowMs: number,
): Decision<Transition> {
  const node = underLease(found, claim, "completed", nowMs);
  return isRefusal(node) ? node : transition(eventId, node, actions.completeNode, { result }, nowMs);
}

/** RUNNING → FAILED. Refusals: NOT_FOUND, INVALID_STATE, LEASE_LOST. */
export function failNode(
  found: NodeHead | null,
  claim: LeaseClaim,
  error: Json,
  eventId: string,
  nowMs: number,
): Decision<Transition> {
  const node = underLease(found, claim, "failed", nowMs);
  return isRefusal(node) ? node : transition(eventId, node, actions.failNode, { error }, nowMs);
}

/**
 * How long a heartbeat makes the lease run from now: its own time, or `ttlMs` where it has none.
 * Refusals: NOT_FOUND, INVALID_STATE, LEASE_LOST.
 */
export function heartbeatNode(
  found: NodeHead | null,
  claim: LeaseClaim,
  ttlMs: number,
  nowMs: number,
): Decision<{ ttlMs: number }> {
  const node = underLease(found, claim, "kept alive", nowMs);
  if (isRefusal(node)) return node;
  const own = node.lease?.ttlMs ?? 0;
  return { ttlMs: own > 0 ? own : ttlMs };
}

/**
 * A client's own event. While the node is RUNNING only the holder of its lease may add to its story; before and after,
 * anyone may. Refusals: NOT_FOUND, LEASE_LOST.
 */
export function commitEvent(
  found: NodeHead | null,
  claim: Omit<LeaseClaim, "leaseId"> & { leaseId: string | null },
  event: { id: string; actionType: string; payload: Json },
  nowMs: number,
): Decision<Entry> {
  const node = ofTask(found, claim);
  if (isRefusal(node)) return node;
  if (node.status === "RUNNING" && node.lease?.id !== claim.leaseId) {
    return leaseLost(node, claim.leaseId, "written to", nowMs);
  }
  return {
    id: event.id,
    taskId: node.taskId,
    nodeId: node.id,
    actionType: event.actionType,
    origin: "client",
    payload: event.payload,
    timestampMs: nowMs,
  };
}

function ofTask(node: NodeHead | null, claim: { taskId: string; nodeId: string }): Decision<NodeHead> {
  if (node !== null && node.taskId === claim.taskId) return node;
  const message = `task ${claim.taskId} has no node ${claim.nodeId}; TaskStatus lists the nodes it has`;
  return refuse("NOT_FOUND", message, { task_id: claim.taskId, node_id: claim.nodeId });
}

function underLease(found: NodeHead | null, claim: LeaseClaim, wish: string, nowMs: number): Decision<NodeHead> {
  const node = ofTask(found, claim);
  if (isRefusal(node)) return node;
  if (node.status === "COMPLETED" || node.status === "FAILED") {
    const message = `node ${node.id} cannot be ${wish}: it is ${node.status} already; drop this or submit it as an event`;
    return refuse("INVALID_STATE", message, { node_id: node.id, status: node.status });
  }
  return node.lease?.id === claim.leaseId ? node : leaseLost(node, claim.leaseId, wish, nowMs);
}

function leaseLost(node: NodeHead, leaseId: string | null, wish: string, nowMs: number): Refusal {
  const { lease } = node;
  const facts = {
    node_id: node.id,
    status: node.status,
    lease_id: leaseId,
    held_by: lease?.owner ?? null,
    lease_expires_at_ms: lease?.expiresAtMs ?? null,
  };
  const attempt = `node ${node.id} cannot be ${wish}`;
  if (lease === null) {
    const message = `${attempt}: lease ${leaseId} was rolled back and the node is PENDING again; acquire it anew`;
    return refuse("LEASE_LOST", message, facts);
  }
  const holder = `${JSON.stringify(lease.owner)} holds it for another ${secondsLeft(lease.expiresAtMs, nowMs)} s`;
  const message =
    leaseId === null
      ? `${attempt} without its lease_id while it is RUNNING: ${holder}`
      : `${attempt}: lease ${leaseId} is not its current one, ${holder}; drop this result`;
  return refuse("LEASE_LOST", message, facts);
}

/** Whole seconds until a deadline, 0 when it has passed. */
export function secondsLeft(deadlineMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((deadlineMs - nowMs) / 1000));
}

function transition(id: string | null, node: NodeHead, actionType: string, payload: Json, nowMs: number): Transition {
  const { id: nodeId, taskId } = node;
  return { node, entry: { id, taskId, nodeId, actionType, origin: "daemon", payload, timestampMs: nowMs } };
}
