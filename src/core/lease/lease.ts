import { type Decision, isRefusal, refuse } from "../decision.ts";
import type { NodeStatus } from "../../protocol/types.ts";
import type { NodeHead } from "../model.ts";

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

/** The node, when it is one of the task. */
export function ofTask(node: NodeHead | null, claim: Omit<LeaseClaim, "leaseId">): Decision<NodeHead, "NOT_FOUND"> {
  if (node !== null && node.taskId === claim.taskId) return node;
  const message = `task ${claim.taskId} has no node ${claim.nodeId}; TaskStatus lists the nodes it has`;
  return refuse("NOT_FOUND", message, { task_id: claim.taskId, node_id: claim.nodeId });
}

/** What somebody wants to do with a node, in words, and the status it would have then. */
export interface NodeAction {
  verb: string;
  to: NodeStatus;
}

/**
 * The node, when the claim is its current lease. Refusals name the status it has and the one it would get; where a
 * cancellation ended the node, its lease is lost, and `data.reason` is `CANCELED`.
 */
export function underLease(
  found: NodeHead | null,
  claim: LeaseClaim,
  action: NodeAction,
  nowMs: number,
): Decision<NodeHead, "NOT_FOUND" | "INVALID_STATE" | "LEASE_LOST"> {
  const node = ofTask(found, claim);
  if (isRefusal(node)) return node;
  if (node.failure === "canceled") return canceled(node, claim.leaseId, action);
  if (node.status === "COMPLETED" || node.status === "FAILED") {
    const message = `node ${node.id} cannot be ${action.verb}: it is ${node.status}, and ${node.status} -> ${action.to} does not exist here; drop this or submit it as an event`;
    return refuse("INVALID_STATE", message, { node_id: node.id, status: node.status, to: action.to });
  }
  return node.lease?.id === claim.leaseId ? node : leaseLost(node, claim.leaseId, action, nowMs);
}

export function leaseLost(node: NodeHead, leaseId: string | null, { verb, to }: NodeAction, nowMs: number) {
  const { lease } = node;
  const facts = {
    node_id: node.id,
    status: node.status,
    to,
    lease_id: leaseId,
    held_by: lease?.owner ?? null,
    lease_expires_at_ms: lease?.expiresAtMs ?? null,
  };
  const attempt = `node ${node.id} cannot be ${verb}`;
  if (lease === null) {
    const message = `${attempt}: it is PENDING, not RUNNING under lease ${leaseId}; acquire it again and drop this result`;
    return refuse("LEASE_LOST", message, facts);
  }
  const holder = `${JSON.stringify(lease.owner)} holds it for another ${secondsLeft(lease.expiresAtMs, nowMs)} s`;
  const message =
    leaseId === null
      ? `${attempt} without its lease_id while it is RUNNING: ${holder}`
      : `${attempt}: lease ${leaseId} is not the current one, ${holder}; drop this result`;
  return refuse("LEASE_LOST", message, facts);
}

function canceled(node: NodeHead, leaseId: string, { verb, to }: NodeAction) {
  const message = `node ${node.id} cannot be ${verb}: its task was canceled and no lease on it counts; stop working on it`;
  const held = { lease_id: leaseId, held_by: null, lease_expires_at_ms: null };
  return refuse("LEASE_LOST", message, { node_id: node.id, status: node.status, to, ...held, reason: "CANCELED" });
}

/** Whole seconds until a deadline, 0 when it has passed. */
export function secondsLeft(deadlineMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((deadlineMs - nowMs) / 1000));
}
