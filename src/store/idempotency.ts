import type { Database } from "bun:sqlite";
import { limits } from "../protocol/limits.ts";
import type { RememberedAnswer } from "./store.ts";

const keptMs = limits.idempotencyDays * 86_400_000;

/** Old keys dropped for each new one: more than one, so that the table shrinks, and few, so that nobody waits. */
const droppedPerKey = 4;

export function idempotencyTable(db: Database) {
  const find = db.prepare<{ method: string; params_hash: string; answer: string }, [string, number]>(`
    SELECT method, params_hash, answer FROM idempotency_keys WHERE key = ? AND created_at_ms > ?`);
  const insert = db.prepare<null, [string, string, string, string, number]>(`
    REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?, ?)`);
  const dropOld = db.prepare<null, [number, number]>(`
    DELETE FROM idempotency_keys WHERE rowid IN
      (SELECT rowid FROM idempotency_keys WHERE created_at_ms <= ?1 ORDER BY created_at_ms LIMIT ?2)`);

  return {
    find(key: string, nowMs: number): RememberedAnswer | null {
      const row = find.get(key, nowMs - keptMs);
      return row === null ? null : { method: row.method, paramsHash: row.params_hash, answer: row.answer };
    },

    remember(key: string, { method, paramsHash, answer }: RememberedAnswer, nowMs: number): void {
      dropOld.run(nowMs - keptMs, droppedPerKey);
      insert.run(key, method, paramsHash, answer, nowMs);
    },
  };
}
