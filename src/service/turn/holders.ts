import { isOver } from "../../core/locks/lock.ts";
import type { Call } from "./call.ts";
import type { Context } from "../handler.ts";

/**
 * Holders are heard before anything expires: a lease whose time is over, and under which somebody asks in this turn, lasts
 * until its requests have had their answer, whoever's request comes before them.
 */
export function hearHolders(calls: readonly Call[], context: Context): void {
  for (const { mutates, params } of calls) {
    const { lease_id: leaseId, node_id: nodeId } = params as { lease_id?: string | null; node_id?: string | null };
    if (!mutates || typeof leaseId !== "string") continue;
    keepNode(nodeId ?? null, leaseId, context);
    keepLocks(leaseId, context);
  }
}

function keepNode(nodeId: string | null, leaseId: string, { apply, reads, nowMs }: Context): void {
  const lease = nodeId === null ? null : (reads.nodes.head(nodeId)?.lease ?? null);
  if (nodeId === null || lease?.id !== leaseId || lease.expiresAtMs > nowMs) return;
  // A lease without length, the original's test mode, is over from the beginning.
  if (lease.ttlMs > 0) apply({ kind: "extendNodeLease", nodeId, expiresAtMs: nowMs + 1, ttlMs: lease.ttlMs, nowMs });
}

function keepLocks(leaseId: string, { apply, reads, nowMs }: Context): void {
  const [lock] = reads.locks.ofLease(leaseId);
  if (lock === undefined || !isOver(lock, nowMs)) return;
  apply({ kind: "extendLocks", leaseId, expiresAtMs: nowMs + 1, ttlMs: lock.ttlMs, nowMs });
}
