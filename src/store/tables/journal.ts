import type { Database } from "bun:sqlite";
import {
  type Entry,
  type JournalFilter,
  type JournalHead,
  type JournalRow,
  matchesFilter,
} from "../../core/journal/journal.ts";
import { type ChainedRow, type HashedRow, hashedText, type Origin } from "../../protocol/chain.ts";
import { parseStored } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import type { JournalPage, PageBounds } from "../reads.ts";
import { boundedRows, type SliceBounds } from "./slices.ts";
import { present } from "../../protocol/present.ts";

interface Row {
  seq: number;
  id: string | null;
  task_id: string | null;
  node_id: string | null;
  action_type: string;
  origin: Origin;
  payload: string;
  timestamp_ms: number;
  hash: string;
}

type Head = Pick<JournalRow, "seq" | "taskId" | "nodeId" | "actionType">;

type InsertValues = [
  seq: number,
  id: string | null,
  taskId: string | null,
  nodeId: string | null,
  actionType: string,
  origin: Origin,
  payload: string,
  timestampMs: number,
  hash: string,
];

/** The append-only journal. */
export function journalTable(db: Database) {
  const insert = db.prepare<null, InsertValues>("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");

  const all = db.prepare<Row, [number, number]>(`
    SELECT * FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2`);

  // What a filter looks at: payloads may be large, and most are not wanted.
  const headsOf = "SELECT seq, task_id AS taskId, node_id AS nodeId, action_type AS actionType FROM journal";
  const heads = db.prepare<Head, [number, number]>(`${headsOf} WHERE seq > ?1 ORDER BY seq LIMIT ?2`);
  const headsOfTask = db.prepare<Head, [string, number, number]>(`
    SELECT * FROM (
      ${headsOf} WHERE id IS NOT NULL AND task_id = ?1 AND seq > ?2
      UNION ALL
      ${headsOf} WHERE id IS NULL AND task_id IS NOT NULL AND task_id = ?1 AND seq > ?2
    )
    ORDER BY seq LIMIT ?3`);

  // (SELECT ?): see open-tables.ts.
  const newestEvents = db.prepare<Row, [string, number, number]>(`
    SELECT * FROM journal WHERE id IS NOT NULL AND task_id = (SELECT ?1) AND seq > (SELECT ?2)
    ORDER BY seq DESC LIMIT (SELECT ?3)`);

  const oldest = db.prepare<{ seq: number | null }, []>("SELECT min(seq) AS seq FROM journal");

  const newestOf = db.prepare<{ seq: number | null }, [string]>(`
    SELECT max(seq) AS seq FROM (
      SELECT max(seq) AS seq FROM journal WHERE id IS NOT NULL AND task_id = (SELECT ?1)
      UNION ALL
      SELECT max(seq) FROM journal WHERE id IS NULL AND task_id IS NOT NULL AND task_id = (SELECT ?1)
    )`);
  const writtenFrom = db.prepare<{ seq: number; timestamp_ms: number }, [number]>(`
    SELECT seq, timestamp_ms FROM journal WHERE seq >= ? ORDER BY seq LIMIT 1`);

  const bySeq = db.prepare<Row, [number]>("SELECT * FROM journal WHERE seq = ?");

  return {
    at(seq: number): JournalRow | null {
      const row = bySeq.get(seq);
      return row === null ? null : toJournalRow(row);
    },
    hashAt: (seq: number): string | undefined => bySeq.get(seq)?.hash,
    oldestSeq: (): number => oldest.get()?.seq ?? 1,
    /** The task's newest row; 0 for a task nobody knows. */
    lastSeqOf: (taskId: string): number => newestOf.get(taskId)?.seq ?? 0,

    /** The last row written before this moment, found by halving: where the clock was set back, one of the last. */
    lastSeqBefore(beforeMs: number, lastSeq: number): number {
      let [old, young] = [0, lastSeq + 1];
      while (young - old > 1) {
        const middle = Math.floor((old + young) / 2);
        // Where rows have left, the next one tells.
        const row = writtenFrom.get(middle);
        if (row !== null && row.timestamp_ms < beforeMs) old = Math.max(middle, Math.min(row.seq, young - 1));
        else young = middle;
      }
      return old;
    },

    /** Appends the row after `head` and returns the new head; a new epoch gives the row another seq. */
    append(head: JournalHead, entry: Entry, seq = head.seq + 1): JournalHead {
      const payload = JSON.stringify(entry.payload);
      const { id, taskId, nodeId, actionType, origin, timestampMs } = entry;
      const hash = hashOf(head.hash, { seq, id, taskId, nodeId, actionType, origin, payload, timestampMs });
      insert.run(seq, id, taskId, nodeId, actionType, origin, payload, timestampMs, hash);
      return { seq, hash };
    },

    newestEvents: (taskId: string, afterSeq: number, limit: number): HashedRow[] =>
      boundedRows(newestEvents.iterate(taskId, afterSeq, limit), { rows: limit, chars: limits.contextCharsMax })
        .toReversed()
        .map(toHashedRow),

    page(filter: JournalFilter, afterSeq: number, lastSeq: number, bounds: PageBounds): JournalPage {
      const { taskId } = filter;
      const { scanMax } = bounds;
      const found = taskId === null ? heads.iterate(afterSeq, scanMax) : headsOfTask.iterate(taskId, afterSeq, scanMax);
      const rows: JournalRow[] = [];
      const scanned = { rows: 0, chars: 0 };
      let payloadChars = 0;
      for (const head of found) {
        scanned.rows++;
        scanned.chars += head.actionType.length;
        if (matchesFilter(head, filter)) {
          const row = present(bySeq.get(head.seq), "a row of the journal");
          rows.push(toJournalRow(row));
          payloadChars += row.payload.length;
          scanned.chars += row.payload.length;
        }
        const isFull = rows.length >= bounds.limit || payloadChars > bounds.payloadCharsMax;
        if (isFull || scanned.rows === scanMax || scanned.chars > bounds.scanCharsMax)
          return { rows, payloadChars, nextAfterSeq: head.seq, scanned };
      }
      return { rows, payloadChars, nextAfterSeq: Math.max(afterSeq, lastSeq), scanned };
    },

    slice: (afterSeq: number, bounds: SliceBounds): ChainedRow[] =>
      boundedRows(all.iterate(afterSeq, bounds.rows), bounds).map((row) => ({
        row: toHashedRow(row),
        hash: row.hash,
      })),
  };
}

/** The SHA-256 that chains a row to the one before it, in hexadecimal. */
export function hashOf(previousHash: string, row: HashedRow): string {
  return Bun.SHA256.hash(hashedText(previousHash, row), "hex");
}

function toJournalRow(row: Row): JournalRow {
  return { ...toHashedRow(row), payload: parseStored(row.payload) };
}

function toHashedRow(row: Row): HashedRow {
  return {
    seq: row.seq,
    id: row.id,
    taskId: row.task_id,
    nodeId: row.node_id,
    actionType: row.action_type,
    origin: row.origin,
    payload: row.payload,
    timestampMs: row.timestamp_ms,
  };
}
