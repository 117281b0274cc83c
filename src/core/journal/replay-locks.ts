import { type Kind, kindOf, type Payload } from "../../protocol/transitions.ts";
import type { JournalRow } from "./journal.ts";
import { type Apply, applyRow, ImpossibleRow, type ReplayedLock, type RowHead } from "./replayed.ts";

/** The part of a replay that resource locks are. */
interface Locks {
  readonly locks: ReplayedLocks;
  readonly brief: (text: string) => string;
}

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

const takeOver: Apply<Locks, "TAKE_OVER_RESOURCE_LOCK"> = (state, row, payload) => {
  for (const { lease_id: leaseId } of payload.from) {
    if (state.locks.holds(leaseId)) throw new ImpossibleRow(`lease ${leaseId} was not over`);
  }
  grant(state, row, payload, row.timestampMs);
};

/** What each journalled transition of locks makes of those there are. */
export const lockAppliers: { [K in LockKind]: Apply<Locks, K> } = {
  ACQUIRE_RESOURCE_LOCK: (state, row, payload) => grant(state, row, payload, row.timestampMs),
  TAKE_OVER_RESOURCE_LOCK: takeOver,
  ADOPT_RESOURCE_LOCK: (state, row, payload) => grant(state, row, payload, payload.acquired_at_ms),
  RELEASE_RESOURCE_LOCK: end,
  EXPIRE_RESOURCE_LOCK: endAll,
  FORCE_RELEASE_RESOURCE_LOCK: endAll,
};

type LockKind = Extract<Kind, `${string}_RESOURCE_LOCK`>;

/** Applies a row to locks alone, where it is of theirs. @throws {ImpossibleRow} */
export function replayLocks(state: Locks, row: JournalRow): void {
  const kind = kindOf(row.actionType, row.origin);
  if (kind !== undefined && isOfLocks(kind)) applyRow(lockAppliers, kind, state, row);
}

const isOfLocks = (kind: Kind): kind is LockKind => kind in lockAppliers;

function grant(state: Locks, row: RowHead, payload: Payload<"ACQUIRE_RESOURCE_LOCK">, acquiredAtMs: number): void {
  const { lease_id: leaseId, owner, provider, metadata, ends_with_node: endsWithNode = false } = payload;
  for (const {
    resource_key: resourceKey,
    scope = "",
    mode = "exclusive",
    ignore_case: ignoreCase = false,
  } of payload.locks) {
    const name = lockName(leaseId, scope, resourceKey);
    state.locks.put(name, keyName(scope, resourceKey), {
      leaseId,
      resourceKey: state.brief(resourceKey),
      scope: state.brief(scope),
      mode,
      ignoreCase,
      endsWithNode,
      owner: state.brief(owner),
      provider: provider === null ? null : state.brief(provider),
      taskId: row.taskId,
      nodeId: row.nodeId,
      metadata: state.brief(JSON.stringify(metadata)),
      // A key that is granted to its lease once more is held since the first time.
      acquiredAtMs: state.locks.all.get(name)?.acquiredAtMs ?? acquiredAtMs,
      fencingToken: row.seq,
    });
  }
}

type Ended = Payload<"RELEASE_RESOURCE_LOCK">;

function end(state: Locks, _row: RowHead, { lease_id: leaseId, locks }: Ended): void {
  for (const { resource_key: resourceKey, scope = "" } of locks) {
    state.locks.end(lockName(leaseId, scope, resourceKey), keyName(scope, resourceKey), leaseId);
  }
}

function endAll(state: Locks, row: RowHead, payload: Ended): void {
  end(state, row, payload);
  const { lease_id: leaseId } = payload;
  if (state.locks.holds(leaseId)) throw new ImpossibleRow(`lease ${leaseId} still held others`);
}

const keyName = (scope: string, resourceKey: string): string => JSON.stringify([scope, resourceKey]);
