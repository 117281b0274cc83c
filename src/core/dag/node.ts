import type { Json } from "../../protocol/json.ts";
import type { KindAbout } from "../../protocol/transitions.ts";
import type { AttemptOutcome } from "../../protocol/types.ts";
import { type Decision, isRefusal, refuse } from "../decision.ts";
import { type ClientEntry, type EntryOf, entryOf } from "../journal/journal.ts";
import { type LeaseClaim, type LeaseGrant, leaseLost, ofTask, underLease } from "../lease/lease.ts";
import type { FailureCause, NodeHead } from "../model.ts";
import { backoffMs } from "./backoff.ts";
import { present } from "../../protocol/present.ts";

/*
 * The transitions of a node, and what a client may do under its lease. Each returns what becomes of the node and the
 * journal entry that records it; the store applies both at once.
 *
 *                 acquire                        complete
 *    PENDING ----------------->  RUNNING  ------------------->  COMPLETED
 *     ^  ^ |                       |  |
 *     |  | |    roll back, release |  | fail, with no attempt left
 *     |  +-|- fail, with some left +  | lost once too often
 *     |    |                          | cancel
 *     |    |   skip, cancel           v
 *     |    +---------------------->  FAILED
 *     |           retry                |
 *     +--------------------------------+
 */

/** What becomes of a node that is not RUNNING any more, or never was. */
export interface After {
  status: "PENDING" | "COMPLETED" | "FAILED";
  /** Its result, or the error it FAILED with. */
  resultPayload: Json;
  failure: FailureCause | null;
  failedAttempts: number;
  lostAttempts: number;
  /** Nobody gets it earlier. */
  notBeforeMs: number | null;
  /** How the attempt that ran has ended, and with which error; null where none ran. */
  attempt: { outcome: AttemptOutcome; error?: Json } | null;
}

/** A node about to change status, and the journal entry that records it. */
export interface NodeChange {
  node: NodeHead;
  after: After;
  entry: EntryOf<KindAbout<"node">>;
}

/** PENDING → RUNNING, for a node that is runnable: the entry that records it. */
export function acquireNode(node: NodeHead, grant: LeaseGrant, nowMs: number): EntryOf<"ACQUIRE_NODE"> {
  return entryOf("ACQUIRE_NODE", of(node), { lease_id: grant.id, lease_owner: grant.owner }, nowMs);
}

/**
 * RUNNING → PENDING, for a node whose lease has expired; → FAILED with TOO_MANY_LOST_LEASES where that was one lease
 * too many. A lease without length, the original's test mode, counts for nothing.
 */
export function expireNode(node: NodeHead, lostMax: number, eventId: string, nowMs: number): NodeChange {
  const lease = { lease_id: node.lease?.id ?? null, lease_owner: node.lease?.owner ?? null };
  const lostAttempts = node.lostAttempts + (node.lease?.ttlMs === 0 ? 0 : 1);
  const max = node.policy.maxLostAttempts ?? lostMax;
  const attempt = { outcome: "EXPIRED" as const };
  if (max === 0 || lostAttempts < max) {
    const payload = { ...lease, lost_attempts: lostAttempts };
    const entry = entryOf("TIMEOUT_ROLLBACK", { ...of(node), id: eventId }, payload, nowMs);
    return { node, after: { ...pending(node), lostAttempts, attempt }, entry };
  }
  const error = { kind: "TOO_MANY_LOST_LEASES", lost_attempts: lostAttempts };
  const after: After = { ...failed(node, "lost", error), lostAttempts, attempt };
  return {
    node,
    after,
    entry: entryOf("FAIL_NODE", { ...of(node), id: eventId }, { error, cause: "lost", ...lease }, nowMs),
  };
}

/** RUNNING → COMPLETED. */
export function completeNode(
  found: NodeHead | null,
  claim: LeaseClaim,
  result: Json,
  eventId: string,
  nowMs: number,
): Decision<NodeChange, "NOT_FOUND" | "INVALID_STATE" | "LEASE_LOST"> {
  const node = underLease(found, claim, { verb: "completed", to: "COMPLETED" }, nowMs);
  if (isRefusal(node)) return node;
  const attempt = { outcome: "COMPLETED" as const };
  const after: After = { ...pending(node), status: "COMPLETED", resultPayload: result, attempt };
  return { node, after, entry: entryOf("COMPLETE_NODE", { ...of(node), id: eventId }, { result }, nowMs) };
}

/**
 * RUNNING → FAILED, or → PENDING while attempts are left, after a pause. `random` from 0 to below 1 decides how much of
 * the longest pause is waited.
 */
export function failNode(
  found: NodeHead | null,
  claim: LeaseClaim,
  error: Json,
  eventId: string,
  nowMs: number,
  random: number,
): Decision<NodeChange, "NOT_FOUND" | "INVALID_STATE" | "LEASE_LOST"> {
  const node = underLease(found, claim, { verb: "failed", to: "FAILED" }, nowMs);
  if (isRefusal(node)) return node;
  const attempt = { outcome: "FAILED" as const, error };
  const failedAttempts = node.failedAttempts + 1;
  if (failedAttempts >= node.policy.maxAttempts) {
    const after: After = { ...failed(node, "error", error), failedAttempts, attempt };
    return { node, after, entry: entryOf("FAIL_NODE", { ...of(node), id: eventId }, { error }, nowMs) };
  }
  const pauseMs = backoffMs(node.policy, failedAttempts, random);
  const notBeforeMs = pauseMs === 0 ? null : nowMs + pauseMs;
  const payload = { error, retry: { failed_attempts: failedAttempts, not_before_ms: notBeforeMs } };
  const after: After = { ...pending(node), failedAttempts, notBeforeMs, attempt };
  return { node, after, entry: entryOf("FAIL_NODE", { ...of(node), id: eventId }, payload, nowMs) };
}

/** RUNNING → PENDING: its worker gives it back. */
export function releaseNode(
  found: NodeHead | null,
  claim: LeaseClaim,
  delayMs: number,
  nowMs: number,
): Decision<NodeChange, "NOT_FOUND" | "INVALID_STATE" | "LEASE_LOST"> {
  const node = underLease(found, claim, { verb: "released", to: "PENDING" }, nowMs);
  if (isRefusal(node)) return node;
  const notBeforeMs = delayMs === 0 ? null : nowMs + delayMs;
  const payload = { lease_id: claim.leaseId, lease_owner: node.lease?.owner ?? null, not_before_ms: notBeforeMs };
  const after: After = { ...pending(node), notBeforeMs, attempt: { outcome: "RELEASED" } };
  return { node, after, entry: entryOf("RELEASE_NODE", of(node), payload, nowMs) };
}

/** PENDING → FAILED, for a node that is to be skipped where a dependency FAILED. */
export function skipNode(node: NodeHead, failedDependencies: readonly string[], nowMs: number): NodeChange {
  const error = { kind: "DEPENDENCY_FAILED" as const, node_ids: [...failedDependencies] };
  return {
    node,
    after: failed(node, "skipped", error),
    entry: entryOf("SKIP_NODE", of(node), { error }, nowMs),
  };
}

/**
 * FAILED → PENDING, with all attempts. A node to be skipped while a dependency is FAILED would fail again at once:
 * `failedDependencies` must be empty for it.
 */
export function retryNode(
  found: NodeHead | null,
  claim: { taskId: string; nodeId: string },
  failedDependencies: readonly string[],
  nowMs: number,
): Decision<NodeChange, "NOT_FOUND" | "INVALID_STATE"> {
  const node = ofTask(found, claim);
  if (isRefusal(node)) return node;
  if (node.status !== "FAILED") {
    const message = `node ${node.id} cannot be retried: ${node.status} -> PENDING does not exist, only FAILED -> PENDING does`;
    return refuse("INVALID_STATE", message, { node_id: node.id, status: node.status, to: "PENDING" });
  }
  if (node.policy.onDependencyFailure === "skip" && failedDependencies.length > 0) {
    const message = `node ${node.id} cannot be retried: it would be skipped again, as ${failedDependencies.join(", ")} FAILED; retry that first${node.failure === "skipped" ? ", and this node follows" : ", then this node"}`;
    const facts = { node_id: node.id, status: node.status, to: "PENDING", node_ids: failedDependencies };
    return refuse("INVALID_STATE", message, facts);
  }
  const after: After = { ...pending(node), failedAttempts: 0, lostAttempts: 0 };
  return { node, after, entry: entryOf("RETRY_NODE", of(node), {}, nowMs) };
}

/** How long a heartbeat makes the lease run from now: its own time, or `ttlMs` where it has none. */
export function heartbeatNode(
  found: NodeHead | null,
  claim: LeaseClaim,
  ttlMs: number,
  nowMs: number,
): Decision<{ ttlMs: number }, "NOT_FOUND" | "INVALID_STATE" | "LEASE_LOST"> {
  const node = underLease(found, claim, { verb: "kept alive", to: "RUNNING" }, nowMs);
  if (isRefusal(node)) return node;
  const { ttlMs: own } = present(node.lease, "the lease of a node that is under it");
  return { ttlMs: own > 0 ? own : ttlMs };
}

/**
 * A client's own event. While the node is RUNNING only the holder of its lease may add to its story; before and after,
 * anyone may.
 */
export function commitEvent(
  found: NodeHead | null,
  claim: Omit<LeaseClaim, "leaseId"> & { leaseId: string | null },
  event: { id: string; actionType: string; payload: Json },
  nowMs: number,
): Decision<ClientEntry, "NOT_FOUND" | "LEASE_LOST"> {
  const node = ofTask(found, claim);
  if (isRefusal(node)) return node;
  if (node.status === "RUNNING" && node.lease?.id !== claim.leaseId) {
    return leaseLost(node, claim.leaseId, { verb: "written to", to: node.status }, nowMs);
  }
  return { ...event, ...of(node), origin: "client", timestampMs: nowMs };
}

function pending({ failedAttempts, lostAttempts }: NodeHead): After {
  return {
    status: "PENDING",
    resultPayload: null,
    failure: null,
    failedAttempts,
    lostAttempts,
    notBeforeMs: null,
    attempt: null,
  };
}

function failed(node: NodeHead, failure: FailureCause, error: Json): After {
  return { ...pending(node), status: "FAILED", failure, resultPayload: error };
}

const of = ({ id, taskId }: NodeHead) => ({ taskId, nodeId: id });
