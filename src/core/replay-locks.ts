import { actions, type JournalRow } from "./journal.ts";
import { type Fields, fields, ImpossibleRow, type ReplayedLock, text } from "./replayed.ts";

/** The part of a replay that resource locks are. */
interface Locks {
  readonly locks: Map<string, ReplayedLock>;
  readonly brief: (text: string) => string;
}

type Apply = (state: Locks, row: JournalRow, payload: Fields) => void;

/** What each journalled transition of a lock makes of those there are. */
export const lockAppliers: Record<string, Apply> = {
  [actions.acquireLock]: (state, row, payload) => {
    if (state.locks.has(text(payload.resource_key))) throw new ImpossibleRow("the lock was held already");
    addLock(state, row, payload, row.timestampMs);
  },
  [actions.takeOverLock]: (state, row, payload) => {
    heldLock(state, fields(payload.from), payload);
    addLock(state, row, payload, row.timestampMs);
  },
  [actions.adoptLock]: (state, row, payload) => addLock(state, row, payload, Number(payload.acquired_at_ms)),
  [actions.releaseLock]: endLock,
  [actions.expireLock]: endLock,
};

function addLock(state: Locks, row: JournalRow, payload: Fields, acquiredAtMs: number): void {
  state.locks.set(text(payload.resource_key), {
    leaseId: text(payload.lease_id),
    owner: state.brief(text(payload.owner)),
    provider: typeof payload.provider === "string" ? state.brief(payload.provider) : null,
    taskId: row.taskId,
    nodeId: row.nodeId,
    metadata: state.brief(JSON.stringify(payload.metadata ?? null)),
    acquiredAtMs,
    fencingToken: row.seq,
  });
}

function endLock(state: Locks, _row: JournalRow, payload: Fields): void {
  heldLock(state, payload, payload);
  state.locks.delete(text(payload.resource_key));
}

function heldLock(state: Locks, holder: Fields, payload: Fields): void {
  const held = state.locks.get(text(payload.resource_key));
  if (held?.leaseId !== holder.lease_id) throw new ImpossibleRow(`lease ${text(holder.lease_id)} did not hold it`);
}
