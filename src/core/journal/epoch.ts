import type { HashedRow } from "../../protocol/chain.ts";
import { parseStored } from "../../protocol/json.ts";
import { kindOf, type Payload, readPayload } from "../../protocol/transitions.ts";
import { type EntryOf, entryOf, type JournalHead, ofNoTask } from "./journal.ts";

/*
 * An older copy of the database has lost a future in which fencing tokens were given, which are the journal's seqs. It
 * goes on in a new epoch: its seqs are above all of those.
 */

/** How a database came to be older than it was. */
export type Restoration = Payload<"RESTORE_DATABASE">["restored_by"];

/**
 * The first seq of a new epoch: microseconds since 1970. The lost future began at 1 or at such a number, and wrote fewer
 * than one row each microsecond since; so nobody need know it. `known` are seqs of it that somebody does know.
 */
export function epochSeq(nowMs: number, known: readonly number[]): number {
  const seq = Math.max(Math.floor(nowMs) * 1000, ...known.map((its) => its + 1));
  if (!Number.isSafeInteger(seq + 2 ** 52)) throw new Error(`no seq can follow after ${seq}`);
  return seq;
}

/** The row a new epoch begins with. `from` is the journal's head in the older copy, `lost` the newest that is known of. */
export function restoreEntry(
  from: JournalHead,
  lost: JournalHead | null,
  how: Restoration,
  nowMs: number,
): EntryOf<"RESTORE_DATABASE"> {
  const payload: Payload<"RESTORE_DATABASE"> = {
    from_seq: from.seq,
    from_hash: from.hash,
    lost_seq: lost?.seq ?? null,
    lost_hash: lost?.hash ?? null,
    restored_by: how,
  };
  return entryOf("RESTORE_DATABASE", ofNoTask, payload, nowMs);
}

/** The seq after which a new epoch begins with this row; null for any other row. */
export function epochBefore({ origin, actionType, payload }: HashedRow): number | null {
  if (kindOf(actionType, origin) !== "RESTORE_DATABASE") return null;
  return readPayload("RESTORE_DATABASE", parseStored(payload))?.from_seq ?? null;
}
