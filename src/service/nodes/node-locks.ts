import { type Decision, isRefusal, type Refusal, type Unusable } from "../../core/decision.ts";
import { locksEnded, nodeChanged } from "../../core/effects.ts";
import type { LeaseGrant } from "../../core/lease/lease.ts";
import { grantLocks, releaseWithNode } from "../../core/locks/lock.ts";
import { type Blocked, blockingLease, type LockWish } from "../../core/locks/queue.ts";
import type { Node, NodeResource } from "../../core/model.ts";
import type { NodeChange } from "../../core/dag/node.ts";
import type { LockMode } from "../../protocol/types.ts";
import type { Context } from "../handler.ts";
import { inItsScope, readKeys, withinBytes } from "../locks/requests.ts";
import { isSome, lockConflicts } from "../locks/conflicts.ts";

/* Locks that a node's worker holds under the node's own lease: taken with it, and ended with it. */

type NamedResource = { resource_key: string; mode: LockMode; scope?: string | null | undefined };

/** What a node declares, each key once. */
export function nodeResources(named: readonly NamedResource[], context: Context): Decision<NodeResource[], Unusable> {
  const read = readKeys(named.map(inItsScope), context);
  if (isRefusal(read)) return read;
  return read.map(({ held: { resourceKey, mode, scope } }) => ({ resourceKey, mode, scope }));
}

/**
 * Whether the node's resources are its worker's now, or whose lease has to end first; `later` when nobody can say, `unread`
 * when reading them has used up what the request may cost. It is refused where the owner's name would be stored too often.
 */
export type ResourcesOutcome = "taken" | "later" | "unread" | { heldBackBy: string } | Refusal<"LIMIT_EXCEEDED">;

/** Whom a node's resources are compared with, and after whom. */
interface Comparing {
  /** The lock requests that came before. */
  inLine: readonly LockWish[];
  /** Nothing was compared before it: what takes too much now always would. */
  isFirst: boolean;
}

/** Takes a node's resources under the lease it is about to get. */
export function takeResources(
  node: Node,
  lease: LeaseGrant,
  { inLine, isFirst }: Comparing,
  context: Context,
): ResourcesOutcome {
  if (node.resources.length === 0) return "taken";
  const { apply, nowMs } = context;
  const named = node.resources.map(({ resourceKey, mode, scope }) => ({ resource_key: resourceKey, mode, scope }));
  const read = readKeys(named, context, true);
  if (isRefusal(read)) return "unread";
  const locks = read.map(({ wanted }) => wanted);
  const wish: LockWish = { locks, leaseId: null, owner: lease.owner, provider: null, sinceMs: nowMs };
  const blocked = blockingLease(wish, lockConflicts(context, inLine, "held"));
  if (blocked !== "none") return waitsFor(blocked, isFirst);
  const grant = withinBytes(
    {
      leaseId: lease.id,
      owner: lease.owner,
      provider: null,
      taskId: node.taskId,
      nodeId: node.id,
      metadata: {},
      endsWithNode: true,
      acquiredAtMs: nowMs,
      expiresAtMs: lease.expiresAtMs,
      ttlMs: lease.ttlMs,
      locks: read.map(({ held }) => held),
    },
    [],
  );
  if (isRefusal(grant)) return grant;
  apply({ kind: "grantLocks", grant, entry: grantLocks(grant, []) });
  context.count("acquired_resource_locks", grant.locks.length);
  return "taken";
}

/** A node that takes too much comparing even by itself waits for the lease it came to. */
function waitsFor(blocked: Blocked, isFirst: boolean): ResourcesOutcome {
  if ("tooMuch" in blocked && !isFirst) return "unread";
  const heldBackBy = "tooMuch" in blocked ? (blocked.tooMuch.lock?.leaseId ?? null) : blocked.leaseId;
  return heldBackBy === null ? "later" : { heldBackBy };
}

/** Applies a change of a node, and before it ends the locks its lease held. */
export function changeNode(change: NodeChange, context: Context): number {
  const { lease } = change.node;
  if (lease !== null && lease.id !== null) releaseLease(lease.id, context);
  return context.apply(nodeChanged(change));
}

/** Ends all locks of a node's lease. */
export function releaseLease(leaseId: string, context: Context): void {
  const { apply, reads, nowMs } = context;
  const locks = reads.locks.ofLease(leaseId);
  if (!isSome(locks)) return;
  apply(locksEnded(locks, releaseWithNode(locks, nowMs)));
  context.count("released_resource_locks", locks.length);
}
