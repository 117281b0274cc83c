import { isRefusal } from "../core/decision.ts";
import { acquireLock, expireLock, heartbeatLock, isExpired, releaseLock } from "../core/lock.ts";
import type { Lock, LockRequest } from "../core/model.ts";
import type { Json } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import type { Context, Handlers } from "./handler.ts";
import { deadlineView, lockView } from "./views.ts";

export const lockHandlers = {
  AcquireResourceLock(params, context) {
    const { store, nowMs } = context;
    const ttlMs = lockTtlMs(params.ttl_secs, context);
    const wanted: LockRequest = {
      resourceKey: params.resource_key,
      leaseId: context.newId(),
      owner: params.owner,
      provider: params.provider ?? null,
      taskId: params.task_id ?? null,
      nodeId: params.node_id ?? null,
      metadata: params.metadata as Json,
      acquiredAtMs: nowMs,
      expiresAtMs: nowMs + ttlMs,
      ttlMs,
      updatedAtMs: nowMs,
    };
    const entry = acquireLock(store.lock(wanted.resourceKey), wanted, nowMs);
    if (entry === null) return null;
    const seq = store.putLock(wanted, entry);
    context.count("acquired_resource_locks");
    const { updated_at: _, ...view } = lockView({ ...wanted, fencingToken: seq });
    return { ...view, seq };
  },

  HeartbeatResourceLock(params, context) {
    const { store, nowMs } = context;
    const ttlMs = lockTtlMs(params.ttl_secs, context);
    const expiresAtMs = heartbeatLock(store.lock(params.resource_key), claimOf(params), ttlMs, nowMs);
    if (isRefusal(expiresAtMs)) return expiresAtMs;
    store.extendLock(params.resource_key, expiresAtMs, ttlMs, nowMs);
    return { ok: true, ...deadlineView(expiresAtMs), seq: store.head.seq };
  },

  ReleaseResourceLock(params, context) {
    const { store, nowMs } = context;
    const entry = releaseLock(store.lock(params.resource_key), claimOf(params), nowMs);
    if (isRefusal(entry)) return entry;
    context.count("released_resource_locks");
    return { ok: true, seq: store.removeLock(params.resource_key, entry) };
  },

  ListResourceLocks(_params, { store, nowMs }) {
    const live = store.locks().filter((lock) => !isExpired(lock, nowMs));
    return { locks: live.map(lockView) };
  },
} satisfies Partial<Handlers>;

/** Takes a lock from a holder whose lease is over. */
export function expire(lock: Lock, { store, nowMs }: Context): void {
  store.removeLock(lock.resourceKey, expireLock(lock, nowMs));
}

function claimOf(params: { resource_key: string; lease_id: string }) {
  return { resourceKey: params.resource_key, leaseId: params.lease_id };
}

/** The wish, the node timeout when there is none, and never less than the contract's second. */
function lockTtlMs(ttlSecs: number | null | undefined, { settings }: Context): number {
  return Math.min(Math.max(ttlSecs ?? settings.nodeTimeoutSecs, 1), limits.ttlSecsMax) * 1000;
}
