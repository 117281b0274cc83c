import type { Database } from "bun:sqlite";
import type { Gap } from "../../core/journal/prune.ts";
import type { Pruning } from "../reads.ts";
import { present } from "../../protocol/present.ts";
import { expectChange } from "./changes.ts";

interface Row {
  stage: Pruning["stage"];
  cut_seq: number;
  after_seq: number;
  staying: string;
}

/** What leaves the database, some at a time, and what of the journal has left. */
export function pruningTable(db: Database) {
  const read = db.prepare<Row, []>("SELECT stage, cut_seq, after_seq, staying FROM pruning");
  const insert = db.prepare<null, [number, number, string]>("INSERT INTO pruning VALUES (1, 'rows', ?, ?, ?)");
  const enter = db.prepare<null, [string]>("UPDATE pruning SET stage = ?");
  const advance = db.prepare<null, [number]>("UPDATE pruning SET after_seq = ?");
  const finish = db.prepare<null, []>("DELETE FROM pruning");

  const depart = db.prepare<null, [string]>("INSERT INTO departing_tasks VALUES (?)");
  const departing = db.prepare<{ task_id: string }, []>("SELECT task_id FROM departing_tasks LIMIT 1");
  const isDeparting = db.prepare<{ 1: 1 }, [string]>("SELECT 1 FROM departing_tasks WHERE task_id = ?");
  const gone = db.prepare<null, [string]>("DELETE FROM departing_tasks WHERE task_id = ?");
  const dropTask = db.prepare<null, [string]>("DELETE FROM tasks WHERE id = ?");

  const dropRows = db.prepare<null, [number, number]>("DELETE FROM journal WHERE seq BETWEEN ?1 AND ?2");
  const dropBundle = db.prepare<null, [string]>("DELETE FROM bundles WHERE id = ?");
  const nodesOf = db.prepare<{ row: number }, [string, number]>("SELECT row FROM nodes WHERE task_id = ? LIMIT ?");
  const dropNode = ["attempts WHERE node", "node_bodies WHERE node", "nodes WHERE row"].map((what) =>
    db.prepare<null, [number]>(`DELETE FROM ${what} = ?`),
  );
  const freePages = db.prepare<{ freelist_count: number }, []>("PRAGMA freelist_count");

  const gapFrom = db.prepare<{ last_seq: number; hash: string }, [number]>(
    "SELECT last_seq, hash FROM journal_gaps WHERE first_seq = ?",
  );
  const gapTo = db.prepare<{ first_seq: number; hash: string }, [number]>(`
    SELECT first_seq, hash FROM (SELECT * FROM journal_gaps WHERE first_seq <= ?1 ORDER BY first_seq DESC LIMIT 1)
    WHERE last_seq = ?1`);
  // Gaps lie between rows, so there are no more of them than rows were looked at.
  const goneWithin = db.prepare<{ rows: number }, [number, number]>(`
    SELECT coalesce(sum(last_seq - first_seq + 1), 0) AS rows FROM journal_gaps WHERE first_seq > ?1 AND first_seq <= ?2`);
  const putGap = db.prepare<null, [number, number, string]>("INSERT OR REPLACE INTO journal_gaps VALUES (?, ?, ?)");
  const dropGap = db.prepare<null, [number]>("DELETE FROM journal_gaps WHERE first_seq = ?");
  const gapOver = db.prepare<{ last_seq: number }, [number]>(`
    SELECT last_seq FROM (SELECT * FROM journal_gaps WHERE first_seq <= ?1 ORDER BY first_seq DESC LIMIT 1)
    WHERE last_seq >= ?1`);

  /** Takes rows out and joins the gap with those beside it. */
  function takeOut({ firstSeq, lastSeq, hash }: Gap): void {
    dropRows.run(firstSeq, lastSeq);
    const before = gapTo.get(firstSeq - 1);
    const after = gapFrom.get(lastSeq + 1);
    if (after !== null) dropGap.run(lastSeq + 1);
    putGap.run(before?.first_seq ?? firstSeq, after?.last_seq ?? lastSeq, after?.hash ?? hash);
  }

  return {
    isUnderWay: (): boolean => read.get() !== null,
    current(): Pruning | null {
      const row = read.get();
      if (row === null) return null;
      return {
        stage: row.stage,
        cutSeq: row.cut_seq,
        afterSeq: row.after_seq,
        staying: new Set(JSON.parse(row.staying) as string[]),
      };
    },
    isDeparting: (taskId: string): boolean => isDeparting.get(taskId) !== null,

    begin(cutSeq: number, tasks: readonly string[], staying: readonly string[]): void {
      // Pages that are left of the last one are freed with those of this.
      finish.run();
      insert.run(cutSeq, 0, JSON.stringify(staying));
      for (const taskId of tasks) {
        depart.run(taskId);
        dropTask.run(taskId);
      }
    },

    /** Rows leave, and `uptoSeq` was looked at. */
    takeOut(gaps: readonly Gap[], bundles: readonly string[], uptoSeq: number): void {
      for (const gap of gaps) takeOut(gap);
      for (const bundleId of bundles) dropBundle.run(bundleId);
      expectChange(advance.run(uptoSeq), "pruning");
    },

    /** Takes some nodes of departing tasks out; when there are none left, pages are. */
    takeOutNodes(limit: number): void {
      const task = departing.get();
      expectChange(enter.run(task === null ? "pages" : "nodes"), "pruning");
      if (task === null) return;
      const rows = nodesOf.all(task.task_id, limit);
      for (const { row } of rows) for (const drop of dropNode) drop.run(row);
      if (rows.length < limit) gone.run(task.task_id);
    },

    freePages: (): number => present(freePages.get(), "the count of free pages").freelist_count,
    /** Gives some pages back to the file system, with the next checkpoint; the last of them end the pruning. */
    giveBack(pages: number, last: boolean): void {
      db.run(`PRAGMA incremental_vacuum(${pages})`);
      if (last) finish.run();
    },

    gapFrom(firstSeq: number): Gap | null {
      const gap = gapFrom.get(firstSeq);
      return gap === null ? null : { firstSeq, lastSeq: gap.last_seq, hash: gap.hash };
    },
    gapTo: (lastSeq: number): { hash: string } | null => gapTo.get(lastSeq),
    lastGoneFrom: (seq: number): number | null => gapOver.get(seq)?.last_seq ?? null,
    goneWithin: (afterSeq: number, lastSeq: number): number =>
      present(goneWithin.get(afterSeq, lastSeq), "the sum of rows that have left").rows,
  };
}
