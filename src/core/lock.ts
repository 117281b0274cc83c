import type { Json } from "../protocol/json.ts";
import { type Decision, isRefusal, refuse } from "./decision.ts";
import { actions, type Entry } from "./journal.ts";
import type { Lock, LockRequest } from "./model.ts";

/**
 * Grants a key that is free, or takes over one whose lease has expired. Null while another unexpired lease holds it,
 * also the same owner's: ownership belongs to the lease, and two agents of one name are still two.
 */
export function acquireLock(held: Lock | null, wanted: LockRequest, nowMs: number): Entry | null {
  if (held !== null && !isExpired(held, nowMs)) return null;
  const grant: Json = {
    resource_key: wanted.resourceKey,
    lease_id: wanted.leaseId,
    owner: wanted.owner,
    provider: wanted.provider,
    metadata: wanted.metadata,
  };
  if (held === null) return entry(wanted, actions.acquireLock, grant, nowMs);
  return entry(wanted, actions.takeOverLock, { ...grant, from: { lease_id: held.leaseId, owner: held.owner } }, nowMs);
}

/** The deadline a heartbeat gives. Refusals: NOT_FOUND, LEASE_LOST (another lease, or an expired one). */
export function heartbeatLock(held: Lock | null, claim: LockClaim, ttlMs: number, nowMs: number): Decision<number> {
  const lock = underLease(held, claim, "kept alive");
  if (isRefusal(lock)) return lock;
  if (!isExpired(lock, nowMs)) return nowMs + ttlMs;
  const message = `lock ${lock.resourceKey} cannot be kept alive: lease ${lock.leaseId} has expired; acquire it anew`;
  return refuse("LEASE_LOST", message, { resource_key: lock.resourceKey, lease_id: lock.leaseId });
}

/** Gives a lock back. Refusals: NOT_FOUND, LEASE_LOST. An expired lease may still be released by its holder. */
export function releaseLock(held: Lock | null, claim: LockClaim, nowMs: number): Decision<Entry> {
  const lock = underLease(held, claim, "released");
  return isRefusal(lock) ? lock : entry(lock, actions.releaseLock, ended(lock), nowMs);
}

/** Takes a lock from a holder whose lease has expired. */
export function expireLock(held: Lock, nowMs: number): Entry {
  return entry(held, actions.expireLock, ended(held), nowMs);
}

export function isExpired(lock: Lock, nowMs: number): boolean {
  return lock.expiresAtMs <= nowMs;
}

export interface LockClaim {
  resourceKey: string;
  leaseId: string;
}

function underLease(held: Lock | null, claim: LockClaim, wish: string): Decision<Lock> {
  const { resourceKey, leaseId } = claim;
  const facts = { resource_key: resourceKey, lease_id: leaseId };
  if (held === null) {
    const message = `nobody holds lock ${resourceKey}: it was released or has expired; acquire it anew`;
    return refuse("NOT_FOUND", message, facts);
  }
  if (held.leaseId === leaseId) return held;
  const holder = `${JSON.stringify(held.owner)} holds it now`;
  const message = `lock ${resourceKey} cannot be ${wish}: lease ${leaseId} is not its current one, ${holder}`;
  const { owner, provider, expiresAtMs } = held;
  return refuse("LEASE_LOST", message, { ...facts, held_by: owner, provider, lease_expires_at_ms: expiresAtMs });
}

const ended = (lock: Lock): Json => ({
  resource_key: lock.resourceKey,
  lease_id: lock.leaseId,
  owner: lock.owner,
});

function entry(lock: Pick<Lock, "taskId" | "nodeId">, actionType: string, payload: Json, nowMs: number): Entry {
  const { taskId, nodeId } = lock;
  return { id: null, taskId, nodeId, actionType, origin: "daemon", payload, timestampMs: nowMs };
}
