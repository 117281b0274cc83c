import { isRefusal, type Refusal } from "../../core/decision.ts";
import { nodeChanged } from "../../core/effects.ts";
import type { LeaseClaim } from "../../core/lease/lease.ts";
import { completeNode, failNode, heartbeatNode, releaseNode, retryNode } from "../../core/dag/node.ts";
import type { ErrorKind } from "../../protocol/errors.ts";
import type { Json } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import { followChanges } from "./dependents.ts";
import type { Context, Handlers } from "../handler.ts";
import { changeNode } from "./node-locks.ts";
import { noRoom } from "../tasks/new-nodes.ts";
import { inStoredNames } from "../tasks/plan-names.ts";
import { unmetPolicy } from "./event-policy.ts";
import { deadlineView, nodeView } from "../views.ts";

export const nodeHandlers = {
  HeartbeatNode(params, context) {
    const { apply, reads, settings, nowMs } = context;
    const claim = claimOf(params);
    const timeoutMs = settings.nodeTimeoutSecs * 1000;
    const kept = heartbeatNode(reads.nodes.head(claim.nodeId), claim, timeoutMs, nowMs);
    if (isRefusal(kept)) return withReason(kept, claim, context);
    const { ttl_secs: ttlSecs, progress } = params;
    const ttlMs = ttlSecs === null || ttlSecs === undefined ? kept.ttlMs : ttlSecs * 1000;
    const expiresAtMs = nowMs + ttlMs;
    apply({ kind: "extendNodeLease", nodeId: claim.nodeId, expiresAtMs, ttlMs, nowMs });
    if (progress !== null && progress !== undefined) {
      const { percent = null, message = null } = progress;
      apply({ kind: "setProgress", nodeId: claim.nodeId, progress: { percent, message } });
    }
    context.count("heartbeats");
    return { ok: true, ...deadlineView(expiresAtMs), seq: reads.head.seq };
  },

  CompleteNode(params, context) {
    const { reads, nowMs } = context;
    const claim = claimOf(params);
    const eventId = context.newId();
    const result = params.result_payload as Json;
    const transition = completeNode(reads.nodes.head(claim.nodeId), claim, result, eventId, nowMs);
    if (isRefusal(transition)) return withReason(transition, claim, context);
    const unmet = unmetPolicy(transition.node, context);
    if (unmet !== null) return inStoredNames(unmet, reads);
    context.count("completed_nodes");
    return { event_id: eventId, seq: changeNode(transition, context) };
  },

  FailNode(params, context) {
    const { reads, nowMs } = context;
    const claim = claimOf(params);
    const eventId = context.newId();
    const error = params.error_payload as Json;
    const transition = failNode(reads.nodes.head(claim.nodeId), claim, error, eventId, nowMs, context.random());
    if (isRefusal(transition)) return withReason(transition, claim, context);
    changeNode(transition, context);
    const { status, notBeforeMs } = transition.after;
    if (status === "FAILED") followChanges(claim.taskId, context);
    context.count("failed_nodes");
    const became = status === "FAILED" ? status : "PENDING";
    return { event_id: eventId, status: became, not_before_ms: notBeforeMs, seq: reads.head.seq };
  },

  ListRunningNodes({ limit }, { reads }) {
    const nodes = reads.nodes.running({ rows: limit, chars: limits.pageCharsMax });
    const views = nodes.map((node) => ({ ...nodeView(node), progress: node.progress }));
    return { nodes: views, total: reads.totals.nodes.RUNNING };
  },

  ReleaseNode(params, context) {
    const { reads, nowMs } = context;
    const claim = claimOf(params);
    const transition = releaseNode(reads.nodes.head(claim.nodeId), claim, params.delay_secs * 1000, nowMs);
    if (isRefusal(transition)) return withReason(transition, claim, context);
    return { ok: true, not_before_ms: transition.after.notBeforeMs, seq: changeNode(transition, context) };
  },

  RetryNode({ task_id: taskId, node_id: nodeId }, context) {
    const { apply, reads, nowMs } = context;
    const claim = { taskId, nodeId };
    const transition = retryNode(reads.nodes.head(nodeId), claim, reads.dag.failedOf(nodeId), nowMs);
    if (isRefusal(transition)) return inStoredNames(transition, reads);
    const excess = noRoom(taskId, 0, context);
    if (excess !== null) return excess;
    apply(nodeChanged(transition));
    const followed = followChanges(taskId, context);
    return { ok: true, node_ids: [nodeId, ...followed.map(({ id }) => id)], seq: reads.head.seq };
  },
} satisfies Partial<Handlers>;

function claimOf(params: { task_id: string; node_id: string; lease_id: string }): LeaseClaim {
  return { taskId: params.task_id, nodeId: params.node_id, leaseId: params.lease_id };
}

/** A worker whose lease is lost also learns how it ended, where it once was one of this node. */
export function withReason<Kind extends ErrorKind>(
  refusal: Refusal<Kind>,
  { nodeId, leaseId }: { nodeId: string; leaseId: string | null },
  { reads }: Context,
): Refusal<Kind> {
  const ended = refusal.refused === "LEASE_LOST" && leaseId !== null ? reads.nodes.attemptUnder(nodeId, leaseId) : null;
  const named = inStoredNames(refusal, reads);
  if (ended === null) return named;
  return { ...named, facts: { ...named.facts, reason: ended.outcome, ended_at_ms: ended.endedAtMs } };
}
