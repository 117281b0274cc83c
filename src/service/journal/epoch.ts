import { epochSeq, restoreEntry, type Restoration } from "../../core/journal/epoch.ts";
import type { JournalHead } from "../../core/journal/journal.ts";
import type { Store } from "../../store/store.ts";

/** Lets the journal go on above every seq its lost future can have had; the first seq. @throws {StorageFailure} */
export function beginEpoch(store: Store, lost: JournalHead | null, how: Restoration, nowMs: number): number {
  const from = store.reads.head;
  const known = lost === null ? [from.seq] : [from.seq, lost.seq];
  store.begin();
  try {
    const entry = restoreEntry(from, lost, how, nowMs);
    const seq = store.apply({ kind: "beginEpoch", seq: epochSeq(nowMs, known), entry });
    store.commit();
    return seq;
  } catch (error) {
    store.abandon();
    throw error;
  }
}

/** A head that was noted and is not in the journal, and where that goes on. */
export interface Loss {
  lost: JournalHead;
  from: JournalHead;
  seq: number;
}

/** Begins an epoch where the database is an older copy than the one that was here, or another; null where it is not. */
export function goOnAfterLoss(store: Store, nowMs: number): Loss | null {
  const { lostHead: lost } = store;
  const { head: from } = store.reads;
  return lost === null ? null : { lost, from, seq: beginEpoch(store, lost, "found at the start", nowMs) };
}
