import type { Database } from "bun:sqlite";
import type { RememberedAnswer } from "../../core/effects.ts";
import { limits } from "../../protocol/limits.ts";
import { boundedRows, type SliceBounds } from "./slices.ts";
import type { AnswerRow } from "./verification-reads.ts";

const keptMs = limits.idempotencyDays * 86_400_000;

export function idempotencyTable(db: Database) {
  const find = db.prepare<{ method: string; params_hash: string; answer: string }, [string, number]>(`
    SELECT method, params_hash, answer FROM idempotency_keys WHERE key = ? AND created_at_ms > ?`);
  const insert = db.prepare<null, [string, string, string, string, number, string]>(`
    REPLACE INTO idempotency_keys (key, method, params_hash, answer, created_at_ms, digest) VALUES (?, ?, ?, ?, ?, ?)`);
  const after = db.prepare<Row, [number, number]>(`
    SELECT rowid AS row, * FROM idempotency_keys WHERE rowid > ?1 ORDER BY rowid LIMIT ?2`);
  const dropOld = db.prepare<null, [number, number]>(`
    DELETE FROM idempotency_keys WHERE rowid IN
      (SELECT rowid FROM idempotency_keys WHERE created_at_ms <= ?1 ORDER BY created_at_ms LIMIT ?2)`);

  return {
    find(key: string, nowMs: number): RememberedAnswer | null {
      const row = find.get(key, nowMs - keptMs);
      return row === null ? null : { method: row.method, paramsHash: row.params_hash, answer: row.answer };
    },

    /** Drops the oldest that were remembered until then, at most so many. */
    drop(untilMs: number, limit: number): void {
      dropOld.run(untilMs, limit);
    },
    remember(key: string, { method, paramsHash, answer }: RememberedAnswer, nowMs: number): void {
      insert.run(key, method, paramsHash, answer, nowMs, digestOf([key, method, paramsHash, answer, nowMs]));
    },

    slice: (afterRow: number, bounds: SliceBounds): AnswerRow[] =>
      boundedRows(after.iterate(afterRow, bounds.rows), bounds).map((row) => ({
        row: row.row,
        key: row.key,
        expected: digestOf([row.key, row.method, row.params_hash, row.answer, row.created_at_ms]),
        digest: row.digest,
      })),
  };
}

interface Row {
  row: number;
  key: string;
  method: string;
  params_hash: string;
  answer: string;
  created_at_ms: number;
  digest: string;
}

/** No journal tells what was answered, so each answer is kept with the SHA-256 of all that stands beside it. */
function digestOf(columns: readonly [key: string, method: string, paramsHash: string, answer: string, atMs: number]) {
  return Bun.SHA256.hash(JSON.stringify(columns), "hex");
}

/** Gives the answers a digest that were remembered without one. */
export function addDigests(db: Database): void {
  db.run("ALTER TABLE idempotency_keys ADD COLUMN digest TEXT NOT NULL DEFAULT ''");
  const write = db.prepare<null, [string, number]>("UPDATE idempotency_keys SET digest = ? WHERE rowid = ?");
  // One at a time: an answer may have megabytes, and there may be those of seven days.
  const next = db.prepare<Row, [number]>(
    "SELECT rowid AS row, * FROM idempotency_keys WHERE rowid > ? ORDER BY rowid LIMIT 1",
  );
  for (let row = next.get(0); row !== null; row = next.get(row.row)) {
    write.run(digestOf([row.key, row.method, row.params_hash, row.answer, row.created_at_ms]), row.row);
  }
}
