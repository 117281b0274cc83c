import { type Decision, isRefusal, type Refusal, refuse } from "./decision.ts";
import type { NodeHead } from "./model.ts";

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

/** The node, when it is one of the task. Refusal: NOT_FOUND. */
export function ofTask(node: NodeHead | null, claim: { taskId: string; nodeId: string }): Decision<NodeHead> {
  if (node !== null && node.taskId === claim.taskId) return node;
  const message = `task ${claim.taskId} has no node ${claim.nodeId}; TaskStatus lists the nodes it has`;
  return refuse("NOT_FOUND", message, { task_id: claim.taskId, node_id: claim.nodeId });
}

/**
 * The node, when the claim is its current lease. Refusals: NOT_FOUND, INVALID_STATE (it has ended), LEASE_LOST (also
 * where a cancellation ended it: `data.reason` is then `CANCELED`).
 */
export function underLease(found: NodeHead | null, claim: LeaseClaim, wish: string, nowMs: number): Decision<NodeHead> {
  const node = ofTask(found, claim);
  if (isRefusal(node)) return node;
  if (node.failure === "canceled") return canceled(node, claim.leaseId, wish);
  if (node.status === "COMPLETED" || node.status === "FAILED") {
    const message = `node ${node.id} cannot be ${wish}: it is ${node.status} already; drop this or submit it as an event`;
    return refuse("INVALID_STATE", message, { node_id: node.id, status: node.status });
  }
  return node.lease?.id === claim.leaseId ? node : leaseLost(node, claim.leaseId, wish, nowMs);
}

export function leaseLost(node: NodeHead, leaseId: string | null, wish: string, nowMs: number): Refusal {
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
    const message = `${attempt}: lease ${leaseId} has ended and the node is PENDING again; acquire it anew`;
    return refuse("LEASE_LOST", message, facts);
  }
  const holder = `${JSON.stringify(lease.owner)} holds it for another ${secondsLeft(lease.expiresAtMs, nowMs)} s`;
  const message =
    leaseId === null
      ? `${attempt} without its lease_id while it is RUNNING: ${holder}`
      : `${attempt}: lease ${leaseId} is not its current one, ${holder}; drop this result`;
  return refuse("LEASE_LOST", message, facts);
}

function canceled(node: NodeHead, leaseId: string, wish: string): Refusal {
  const message = `node ${node.id} cannot be ${wish}: its task was canceled and no lease on it counts; stop working on it`;
  const facts = { node_id: node.id, status: node.status, lease_id: leaseId, held_by: null, lease_expires_at_ms: null };
  return refuse("LEASE_LOST", message, { ...facts, reason: "CANCELED" });
}

/** Whole seconds until a deadline, 0 when it has passed. */
export function secondsLeft(deadlineMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((deadlineMs - nowMs) / 1000));
}
