import { epochBefore } from "../../core/journal/epoch.ts";
import { genesis, isOriginalEvent, type JournalHead } from "../../core/journal/journal.ts";
import type { Replay } from "../../core/journal/replay.ts";
import { ImpossibleRow } from "../../core/journal/replayed.ts";
import type { HashedRow } from "../../protocol/chain.ts";
import { parseStored } from "../../protocol/json.ts";
import { kindOf, readPayload } from "../../protocol/transitions.ts";
import type { Reads } from "../../store/reads.ts";
import type { SliceBounds } from "../../store/store.ts";
import { hashOf } from "../../store/tables/journal.ts";
import { differs, expectSame, type FoundDifference, wrong } from "./differences.ts";
import { present } from "../../protocol/present.ts";

/** The journal as it is read from its beginning: chained, replayed, and counted. */
export class FollowedJournal {
  readonly #reads: Reads;
  readonly #replay: Replay;
  /** A head that somebody keeps elsewhere, and whether it was met on the way. */
  readonly #kept: JournalHead | null;
  #keptIs: "found" | "pruned" | null = null;
  #head: JournalHead = genesis;
  #rows = 0;
  #events = 0;
  /** Rows that have left, by their gaps; and those the journal says have. */
  #gone = 0;
  #pruned = 0;
  /** How often an older copy went on in a new epoch. */
  #restores = 0;

  constructor(reads: Reads, replay: Replay, kept: JournalHead | null) {
    this.#reads = reads;
    this.#replay = replay;
    this.#kept = kept;
  }

  /** What a report tells of it. */
  get told() {
    return {
      rows: this.#rows,
      pruned_rows: this.#gone,
      restores: this.#restores,
      last_seq: this.#head.seq,
      head_hash: this.#head.hash,
      ...(this.#kept === null ? {} : { kept_head: this.#keptIs ?? ("lost" as const) }),
    };
  }

  /** Replays one slice of the journal; true when that was its end. @throws {FoundDifference} */
  follow(slice: SliceBounds): boolean {
    const rows = this.#reads.journal.slice(this.#head.seq, slice);
    for (const { row, hash } of rows) {
      const where = `journal row ${row.seq}`;
      if (row.seq !== this.#head.seq + 1) this.#jump();
      this.#expectSeq(where, row);
      expectSame(where, "hash", hashOf(this.#head.hash, row), hash);
      try {
        this.#replay.apply({ ...row, payload: parseStored(row.payload) });
      } catch (error) {
        if (!(error instanceof ImpossibleRow)) throw error;
        throw differs(where, row.actionType, null, error.message);
      }
      this.#pruned += prunedRows(row);
      this.#pass({ seq: row.seq, hash });
      this.#rows++;
      if (isOriginalEvent(row)) this.#events++;
    }
    return rows.length === 0 || this.#head.seq === this.#reads.head.seq;
  }

  /** At its end: it is as the head says, and has the row that somebody keeps. @throws {FoundDifference} */
  compareHead(): void {
    const { head, totals } = this.#reads;
    expectSame("journal", "rows that have left", this.#pruned, this.#gone);
    expectSame("journal head", "seq", this.#head.seq, head.seq);
    expectSame("journal head", "hash", this.#head.hash, head.hash);
    expectSame("journal head", "rows", this.#rows, totals.rows);
    expectSame("journal head", "events", this.#events, totals.events);
    if (this.#kept !== null && this.#keptIs === null && this.#kept.seq > 0) throw this.#lost(this.#kept);
  }

  /** Goes on behind rows that have left. */
  #jump(): void {
    const gap = this.#reads.journal.gapFrom(this.#head.seq + 1);
    if (gap === null) return;
    this.#gone += gap.lastSeq - this.#head.seq;
    const kept = this.#kept?.seq ?? 0;
    if (kept > this.#head.seq && kept < gap.lastSeq) this.#keptIs = "pruned";
    this.#pass({ seq: gap.lastSeq, hash: gap.hash });
  }

  /** One after the other, but where an older copy went on in a new epoch. */
  #expectSeq(where: string, row: HashedRow): void {
    const before = epochBefore(row);
    if (before === null) return expectSame(where, "seq", this.#head.seq + 1, row.seq);
    expectSame(where, "from_seq", this.#head.seq, before);
    if (row.seq <= this.#head.seq) throw differs(where, "seq", this.#head.seq + 1, row.seq);
    this.#restores++;
  }

  /** The journal was followed up to here. */
  #pass(head: JournalHead): void {
    const kept = this.#kept;
    if (kept !== null && this.#keptIs === null && kept.seq > 0 && head.seq >= kept.seq) {
      if (head.seq > kept.seq) throw this.#lost(kept);
      if (head.hash !== kept.hash) {
        const message = `its hash is ${head.hash}, and the head that was kept says ${kept.hash}`;
        throw wrong(`journal row ${kept.seq}`, "hash", kept.hash, head.hash, message);
      }
      this.#keptIs = "found";
    }
    this.#head = head;
  }

  #lost(kept: JournalHead): FoundDifference {
    const message = `it has no row ${kept.seq}: its end was cut off, or an older copy was put in its place`;
    return wrong("journal", "head", kept.seq, this.#head.seq, message);
  }
}

function prunedRows({ actionType, origin, payload }: HashedRow): number {
  if (kindOf(actionType, origin) !== "PRUNE_JOURNAL") return 0;
  return present(readPayload("PRUNE_JOURNAL", parseStored(payload)), "the payload of a row that was replayed").rows;
}
