import type { LockMode } from "../protocol/types.ts";
import type { Json } from "../protocol/json.ts";
import { actions, type JournalRow } from "./journal.ts";
import { type Fields, fields, ImpossibleRow, list, type ReplayedLock, text } from "./replayed.ts";

/** The part of a replay that resource locks are. */
interface Locks {
  readonly locks: ReplayedLocks;
  readonly brief: (text: string) => string;
}

type Apply = (state: Locks, row: JournalRow, payload: Fields) => void;

/** Locks by their name, and those of each lease. */
export class ReplayedLocks {
  readonly all = new Map<string, ReplayedLock>();
  readonly #ofLease = new Map<string, Set<string>>();
  #granted = 0;
  /** The names of all locks on a key. */
  readonly #onKey = new Map<string, Set<string>>();

  holds(leaseId: string): boolean {
    return this.#ofLease.has(leaseId);
  }

  /** What the lease of a node held that was canceled, and was not released with it, is over and ends by itself. */
  outlive(leaseId: string): void {
    for (const name of this.#ofLease.get(leaseId) ?? []) {
      const lock = this.all.get(name);
      if (lock !== undefined) lock.endsWithNode = false;
    }
  }

  /** Grants what no other lease may hold, but two that share. */
  put(name: string, key: string, lock: Omit<ReplayedLock, "place">): void {
    const onKey = this.#onKey.get(key) ?? new Set();
    for (const other of onKey) {
      const held = other === name ? undefined : this.all.get(other);
      if (held === undefined || (held.mode === "shared" && lock.mode === "shared")) continue;
      throw new ImpossibleRow(`lease ${held.leaseId} held it already`);
    }
    this.#ofLease.set(lock.leaseId, (this.#ofLease.get(lock.leaseId) ?? new Set()).add(name));
    this.all.set(name, { ...lock, place: this.all.get(name)?.place ?? this.#granted++ });
    this.#onKey.set(key, onKey.add(name));
  }

  /** Ends what the lease must hold. */
  end(name: string, key: string, leaseId: string): void {
    if (!this.all.delete(name)) throw new ImpossibleRow(`lease ${leaseId} did not hold it`);
    const ofLease = this.#ofLease.get(leaseId);
    ofLease?.delete(name);
    if (ofLease?.size === 0) this.#ofLease.delete(leaseId);
    const onKey = this.#onKey.get(key);
    onKey?.delete(name);
    if (onKey?.size === 0) this.#onKey.delete(key);
  }
}

/** What tells a lock from all others: a lease holds a key of a scope once. */
export function lockName(leaseId: string, scope: string, resourceKey: string): string {
  return JSON.stringify([leaseId, scope, resourceKey]);
}

/** What each journalled transition of locks makes of those there are. */
export const lockAppliers: Record<string, Apply> = {
  [actions.acquireLock]: (state, row, payload) => grant(state, row, payload, row.timestampMs),
  [actions.takeOverLock]: (state, row, payload) => {
    for (const { lease_id: leaseId } of list(payload.from).map(fields)) {
      if (state.locks.holds(text(leaseId))) throw new ImpossibleRow(`lease ${text(leaseId)} was not over`);
    }
    grant(state, row, payload, row.timestampMs);
  },
  [actions.adoptLock]: (state, row, payload) => grant(state, row, payload, Number(payload.acquired_at_ms)),
  [actions.releaseLock]: end,
  [actions.expireLock]: endAll,
  [actions.forceReleaseLock]: endAll,
};

function grant(state: Locks, row: JournalRow, payload: Fields, acquiredAtMs: number): void {
  const leaseId = text(payload.lease_id);
  for (const lock of list(payload.locks).map(fields)) {
    const scope = scopeOf(lock);
    const resourceKey = text(lock.resource_key);
    const name = lockName(leaseId, scope, resourceKey);
    state.locks.put(name, keyName(scope, resourceKey), {
      leaseId,
      resourceKey: state.brief(resourceKey),
      scope: state.brief(scope),
      mode: (lock.mode ?? "exclusive") as LockMode,
      ignoreCase: lock.ignore_case === true,
      endsWithNode: payload.ends_with_node === true,
      owner: state.brief(text(payload.owner)),
      provider: typeof payload.provider === "string" ? state.brief(payload.provider) : null,
      taskId: row.taskId,
      nodeId: row.nodeId,
      metadata: state.brief(JSON.stringify(payload.metadata ?? null)),
      // A key that is granted to its lease once more is held since the first time.
      acquiredAtMs: state.locks.all.get(name)?.acquiredAtMs ?? acquiredAtMs,
      fencingToken: row.seq,
    });
  }
}

function end(state: Locks, _row: JournalRow, payload: Fields): void {
  const leaseId = text(payload.lease_id);
  for (const lock of list(payload.locks).map(fields)) {
    const [scope, resourceKey] = [scopeOf(lock), text(lock.resource_key)];
    state.locks.end(lockName(leaseId, scope, resourceKey), keyName(scope, resourceKey), leaseId);
  }
}

function endAll(state: Locks, row: JournalRow, payload: Fields): void {
  end(state, row, payload);
  const leaseId = text(payload.lease_id);
  if (state.locks.holds(leaseId)) throw new ImpossibleRow(`lease ${leaseId} still held others`);
}

const keyName = (scope: string, resourceKey: string): string => JSON.stringify([scope, resourceKey]);

const scopeOf = ({ scope = "" }: Record<string, Json>): string => text(scope);
