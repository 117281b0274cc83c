import type { Database } from "bun:sqlite";
import type { JournalHead } from "../core/journal.ts";
import type { NodeStatus } from "../protocol/types.ts";
import type { Totals } from "./store.ts";

/** The journal's head and the running totals, as they stand inside the current transaction. */
export interface HeadState {
  journal: JournalHead;
  totals: Totals;
}

interface Row {
  seq: number;
  hash: string;
  tasks: number;
  events: number;
  pending: number;
  running: number;
  completed: number;
  failed: number;
}

export function headTable(db: Database) {
  const read = db.prepare<Row, []>("SELECT * FROM journal_head");
  const write = db.prepare<null, [number, string, number, number, number, number, number, number]>(`
    UPDATE journal_head SET
      seq = ?, hash = ?, tasks = ?, events = ?, pending = ?, running = ?, completed = ?, failed = ?`);

  return {
    read(): HeadState {
      const row = read.get();
      if (row === null) throw new Error("the journal has no head");
      const nodes = { PENDING: row.pending, RUNNING: row.running, COMPLETED: row.completed, FAILED: row.failed };
      return {
        journal: { seq: row.seq, hash: row.hash },
        totals: { tasks: row.tasks, events: row.events, nodes },
      };
    },

    write({ journal, totals }: HeadState): void {
      const { PENDING, RUNNING, COMPLETED, FAILED } = totals.nodes;
      write.run(journal.seq, journal.hash, totals.tasks, totals.events, PENDING, RUNNING, COMPLETED, FAILED);
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
