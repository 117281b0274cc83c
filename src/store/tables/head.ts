import type { Database } from "bun:sqlite";
import { type JournalHead, originalEnds } from "../../core/journal/journal.ts";
import type { NodeStatus } from "../../protocol/types.ts";
import type { Totals } from "../reads.ts";
import { StorageFailure } from "../store.ts";

/** The journal's head and the running totals, as they stand inside the current transaction. */
export interface HeadState {
  journal: JournalHead;
  totals: Totals;
}

interface Row {
  seq: number;
  hash: string;
  tasks: number;
  rows: number;
  events: number;
  pending: number;
  running: number;
  completed: number;
  failed: number;
}

export function headTable(db: Database) {
  const read = db.prepare<Row, []>("SELECT * FROM journal_head");
  const write = db.prepare<null, [number, string, number, number, number, number, number, number, number]>(`
    UPDATE journal_head SET
      seq = ?, hash = ?, tasks = ?, rows = ?, events = ?, pending = ?, running = ?, completed = ?, failed = ?`);

  return {
    read(): HeadState {
      const row = read.get();
      if (row === null) {
        throw new StorageFailure(
          "STORAGE_FAILED",
          "the database is damaged: its row that tells the journal's end is gone; put a backup in its place with: agentd restore FILE",
          { reopen: false },
        );
      }
      const nodes = { PENDING: row.pending, RUNNING: row.running, COMPLETED: row.completed, FAILED: row.failed };
      return {
        journal: { seq: row.seq, hash: row.hash },
        totals: { tasks: row.tasks, rows: row.rows, events: row.events, nodes },
      };
    },

    write({ journal, totals }: HeadState): void {
      const { PENDING, RUNNING, COMPLETED, FAILED } = totals.nodes;
      write.run(
        journal.seq,
        journal.hash,
        totals.tasks,
        totals.rows,
        totals.events,
        PENDING,
        RUNNING,
        COMPLETED,
        FAILED,
      );
    },
  };
}

export function copyHead({ journal, totals }: HeadState): HeadState {
  return { journal, totals: { ...totals, nodes: { ...totals.nodes } } };
}

export function countMoves(totals: Totals, from: NodeStatus, to: NodeStatus, nodes = 1): void {
  totals.nodes[from] -= nodes;
  totals.nodes[to] += nodes;
}

/** Of rows of the journal in SQL: whether the original's would hold them. Those of tasks that leave are gone already. */
const originalEvents = `
  SELECT count(*) FROM journal
  WHERE id IS NOT NULL AND task_id IS NOT NULL AND (origin = 'client' OR action_type IN (${originalEnds.map((kind) => `'${kind}'`).join(", ")}))
    AND task_id NOT IN (SELECT task_id FROM departing_tasks)`;

/** The head told how many rows there are, and called them events; now it tells how many are. */
export function countEvents(db: Database): void {
  db.run("ALTER TABLE journal_head RENAME COLUMN events TO rows");
  db.run("ALTER TABLE journal_head ADD COLUMN events INTEGER NOT NULL DEFAULT 0");
  recountEvents(db);
}

export function recountEvents(db: Database): void {
  db.run(`UPDATE journal_head SET events = (${originalEvents})`);
}
