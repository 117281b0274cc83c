import type { Database } from "bun:sqlite";
import {
  type Entry,
  type HashedRow,
  hashedText,
  type JournalFilter,
  type JournalHead,
  type JournalRow,
  matchesFilter,
  type Origin,
} from "../core/journal.ts";
import { parseStored } from "../protocol/json.ts";
import type { ChainedRow, JournalPage, PageBounds } from "./store.ts";

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

/** Rows fetched at a time while a page looks for matches. */
const chunkRows = 500;

/** The append-only journal. */
export function journalTable(db: Database) {
  const insert = db.prepare<null, InsertValues>("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");

  const all = db.prepare<Row, [number, number]>(`
    SELECT * FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2`);

  const ofTask = db.prepare<Row, [string, number, number]>(`
    SELECT * FROM (
      SELECT * FROM journal WHERE id IS NOT NULL AND task_id = ?1 AND seq > ?2
      UNION ALL
      SELECT * FROM journal WHERE id IS NULL AND task_id IS NOT NULL AND task_id = ?1 AND seq > ?2
    )
    ORDER BY seq LIMIT ?3`);

  const newestEvents = db.prepare<Row, [string, number]>(`
    SELECT * FROM journal WHERE id IS NOT NULL AND task_id = ?1 ORDER BY seq DESC LIMIT ?2`);

  const oldest = db.prepare<{ seq: number | null }, []>("SELECT min(seq) AS seq FROM journal");

  return {
    oldestSeq: (): number => oldest.get()?.seq ?? 1,

    /** Appends the row after `head` and returns the new head. */
    append(head: JournalHead, entry: Entry): JournalHead {
      const seq = head.seq + 1;
      const payload = JSON.stringify(entry.payload);
      const { id, taskId, nodeId, actionType, origin, timestampMs } = entry;
      const hash = hashOf(head.hash, { seq, id, taskId, nodeId, actionType, origin, payload, timestampMs });
      insert.run(seq, id, taskId, nodeId, actionType, origin, payload, timestampMs, hash);
      return { seq, hash };
    },

    newestEvents: (taskId: string, limit: number): JournalRow[] =>
      newestEvents.all(taskId, limit).toReversed().map(toJournalRow),

    page(filter: JournalFilter, afterSeq: number, lastSeq: number, bounds: PageBounds): JournalPage {
      const rows: JournalRow[] = [];
      let scanned = 0;
      let payloadChars = 0;
      let cursor = afterSeq;
      while (scanned < bounds.scanMax) {
        const chunk =
          filter.taskId === null ? all.all(cursor, chunkRows) : ofTask.all(filter.taskId, cursor, chunkRows);
        for (const row of chunk) {
          cursor = row.seq;
          const found = toJournalRow(row);
          if (!matchesFilter(found, filter)) continue;
          rows.push(found);
          payloadChars += row.payload.length;
          if (rows.length >= bounds.limit || payloadChars > bounds.payloadCharsMax)
            return { rows, nextAfterSeq: cursor };
        }
        scanned += chunk.length;
        if (chunk.length < chunkRows) return { rows, nextAfterSeq: Math.max(afterSeq, lastSeq) };
      }
      return { rows, nextAfterSeq: cursor };
    },

    slice: (afterSeq: number, limit: number): ChainedRow[] =>
      all.all(afterSeq, limit).map((row) => ({ row: toHashedRow(row), hash: row.hash })),
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
