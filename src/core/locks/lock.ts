import type { KindAbout, Payload } from "../../protocol/transitions.ts";
import { type Decision, isRefusal, refuse } from "../decision.ts";
import { type EntryOf, entryOf } from "../journal/journal.ts";
import { secondsLeft } from "../lease/lease.ts";
import type { LockGrant, LockHead } from "../model.ts";

/*
 * The life of resource locks. A lease holds one or more keys and ends for all of them at one deadline; the lease of a
 * running node may hold some too, which then end with it. Each rule returns what the store is to apply and the journal
 * entry that records it.
 */

/** What records a transition of locks. */
export type LockEntry = EntryOf<KindAbout<"lock">>;

/**
 * The entry that records a grant: its seq is the fencing token of all that was granted. `over` are the leases that were
 * in the way and had expired.
 */
export function grantLocks(grant: LockGrant, over: readonly LockHead[]): LockEntry {
  const payload: Payload<"ACQUIRE_RESOURCE_LOCK"> = {
    lease_id: grant.leaseId,
    owner: grant.owner,
    provider: grant.provider,
    metadata: grant.metadata,
    locks: grant.locks.map(lockPayload),
    ...(grant.endsWithNode ? { ends_with_node: true } : {}),
  };
  if (over.length === 0) return entryOf("ACQUIRE_RESOURCE_LOCK", grant, payload, grant.acquiredAtMs);
  const from = over.map(({ leaseId, owner }) => ({ lease_id: leaseId, owner }));
  return entryOf("TAKE_OVER_RESOURCE_LOCK", grant, { ...payload, from }, grant.acquiredAtMs);
}

/** What names locks of a lease: all of them, or the one of a key. */
export interface LockClaim {
  leaseId: string;
  /** As the client wrote it, for its answer; null: whatever the lease holds. */
  resourceKey: string | null;
}

/**
 * The deadline a heartbeat gives a lease. `claimed` are its locks, or the one of them that the claim names; `others` are
 * those of other leases on that key. A lock that ends with a node has no heartbeat of its own.
 */
export function heartbeatLocks(
  claimed: readonly LockHead[],
  others: readonly LockHead[],
  claim: LockClaim,
  ttlMs: number,
  nowMs: number,
): Decision<number, "NOT_FOUND" | "INVALID_STATE" | "LEASE_LOST"> {
  const lock = underLease(claimed, others, claim, "kept alive", nowMs);
  if (isRefusal(lock)) return lock;
  const facts = factsOf(claim);
  if (lock.endsWithNode) {
    const message = `lease ${lock.leaseId} belongs to node ${lock.nodeId} and is renewed with it; use HeartbeatNode`;
    return refuse("INVALID_STATE", message, { ...facts, node_id: lock.nodeId });
  }
  if (!isOver(lock, nowMs)) return nowMs + ttlMs;
  const message = `${named(claim)} cannot be renewed: lease ${lock.leaseId} has expired; acquire it again`;
  return refuse("LEASE_LOST", message, facts);
}

/** Gives locks of one lease back. Those of an expired lease may still be released by their holder. */
export function releaseLocks(
  claimed: readonly LockHead[],
  others: readonly LockHead[],
  claim: LockClaim,
  nowMs: number,
): Decision<LockEntry, "NOT_FOUND" | "LEASE_LOST"> {
  const lock = underLease(claimed, others, claim, "released", nowMs);
  return isRefusal(lock) ? lock : entryOf("RELEASE_RESOURCE_LOCK", lock, ended(lock, claimed), nowMs);
}

/** Takes all locks of a lease that has expired. */
export function expireLocks(locks: readonly [LockHead, ...LockHead[]], nowMs: number): LockEntry {
  return entryOf("EXPIRE_RESOURCE_LOCK", locks[0], ended(locks[0], locks), nowMs);
}

/** Gives back what the lease of a node holds that runs no more. */
export function releaseWithNode(locks: readonly [LockHead, ...LockHead[]], nowMs: number): LockEntry {
  return entryOf("RELEASE_RESOURCE_LOCK", locks[0], ended(locks[0], locks), nowMs);
}

/** Takes all locks of a lease from its holder, as a person wished. */
export function forceRelease(locks: readonly [LockHead, ...LockHead[]], reason: string, nowMs: number): LockEntry {
  return entryOf("FORCE_RELEASE_RESOURCE_LOCK", locks[0], { ...ended(locks[0], locks), reason }, nowMs);
}

/** Whether nobody holds it any more. What ends with a node is held until that does. */
export function isOver(lock: LockHead, nowMs: number): boolean {
  return !lock.endsWithNode && lock.expiresAtMs <= nowMs;
}

/** Who holds a lock and for how long, in words. */
function heldBy({ owner, provider, expiresAtMs }: LockHead, nowMs: number): string {
  const of = provider === null ? "" : ` (${provider})`;
  return `${JSON.stringify(owner)}${of} holds it for another ${secondsLeft(expiresAtMs, nowMs)} s`;
}

function underLease(
  [first]: readonly LockHead[],
  [other]: readonly LockHead[],
  claim: LockClaim,
  action: string,
  nowMs: number,
): Decision<LockHead, "NOT_FOUND" | "LEASE_LOST"> {
  if (first !== undefined) return first;
  const facts = factsOf(claim);
  const attempt = `${named(claim)} cannot be ${action}`;
  if (claim.resourceKey === null) {
    const message = `${attempt}: lease ${claim.leaseId} holds nothing: it was released, has expired or was revoked; acquire again`;
    return refuse("LEASE_LOST", message, facts);
  }
  if (other === undefined) {
    const message = `nobody holds ${named(claim)}: it was released, has expired or was revoked; acquire it again`;
    return refuse("NOT_FOUND", message, facts);
  }
  const { owner, provider, expiresAtMs } = other;
  const message = `${attempt}: lease ${claim.leaseId} is not the current one, ${heldBy(other, nowMs)}; acquire it again`;
  return refuse("LEASE_LOST", message, { ...facts, held_by: owner, provider, lease_expires_at_ms: expiresAtMs });
}

const named = ({ resourceKey, leaseId }: LockClaim) =>
  resourceKey === null ? `lease ${leaseId}` : `lock ${resourceKey}`;

const factsOf = ({ resourceKey, leaseId }: LockClaim) => ({ resource_key: resourceKey, lease_id: leaseId });

/** What the journal tells of locks that have ended. */
function ended({ leaseId, owner }: LockHead, locks: readonly LockHead[]): Payload<"RELEASE_RESOURCE_LOCK"> {
  return { lease_id: leaseId, owner, locks: locks.map(keyPayload) };
}

/** What the journal tells of a key: beside what the original knew, only what is not the default. */
const keyPayload = ({ resourceKey, scope }: Pick<LockHead, "resourceKey" | "scope">) => ({
  resource_key: resourceKey,
  ...(scope === "" ? {} : { scope }),
});

const lockPayload = (lock: LockGrant["locks"][number]) => ({
  ...keyPayload(lock),
  ...(lock.mode === "exclusive" ? {} : { mode: lock.mode }),
  ...(lock.ignoreCase ? { ignore_case: true as const } : {}),
});
