import type { Database } from "bun:sqlite";
import type { NodeStatus } from "../../protocol/types.ts";
import type { CountingRow } from "./verification-reads.ts";
import { present } from "../../protocol/present.ts";

/** What became of a node that others wait for. */
type Change = "completed" | "failed" | "retried";

interface Row {
  node: number;
  change: Change;
  after_dependent: number;
  last_dependent: number;
}

/**
 * Counts for the dependents of a node that changed: they wait for one fewer or one more, and behind one FAILED node
 * more or fewer. So many at once that nobody is held up; `goOn` counts the rest.
 */
export function countings(db: Database) {
  const slice = db.prepare<{ count: number; upto: number }, [number, number, number]>(`
    SELECT count(*) AS count, coalesce(max(dependent), 0) AS upto FROM (
      SELECT dependent FROM node_dependents
      WHERE dependency = (SELECT ?1) AND dependent > (SELECT ?2) ORDER BY dependent LIMIT (SELECT ?3))`);
  const last = db.prepare<{ dependent: number }, [number]>(`
    SELECT max(dependent) AS dependent FROM node_dependents WHERE dependency = ?`);
  const completed = db.prepare<null, [number, number, number]>(`
    UPDATE nodes SET waiting_on = waiting_on - 1
    WHERE row IN (SELECT dependent FROM node_dependents WHERE dependency = ?1 AND dependent > ?2 AND dependent <= ?3)`);
  const failed = db.prepare<null, [number, number, number, number]>(`
    UPDATE nodes SET
      failing_on = failing_on + ?4,
      waiting_on = waiting_on - iif(on_dependency_failure = 'run', ?4, 0)
    WHERE row IN (SELECT dependent FROM node_dependents WHERE dependency = ?1 AND dependent > ?2 AND dependent <= ?3)`);

  const insert = db.prepare<null, [number, Change, number, number]>(`
    INSERT INTO countings SELECT row, task_id, ?2, ?3, ?4 FROM nodes WHERE row = ?1`);
  const advance = db.prepare<null, [number, number]>("UPDATE countings SET after_dependent = ?2 WHERE node = ?1");
  const remove = db.prepare<null, [number]>("DELETE FROM countings WHERE node = ?");
  const first = db.prepare<Row, []>("SELECT * FROM countings ORDER BY node LIMIT 1");
  const ofNode = db.prepare<Row, [number]>("SELECT * FROM countings WHERE node = ?");
  const ofTask = db.prepare<Row, [string]>("SELECT * FROM countings WHERE task_id = ?");

  const all = db.prepare<CountingRow, []>(`
    SELECT id AS nodeId, countings.task_id AS taskId, change, after_dependent AS afterRow, last_dependent AS lastRow
    FROM countings LEFT JOIN nodes ON nodes.row = countings.node`);

  /** Counts the next dependents, up to `lastDependent` and at most so many; the last one counted, null when all are. */
  function count(node: number, change: Change, after: number, lastDependent: number, max: number): number | null {
    const next = present(slice.get(node, after, max), "the count of dependents");
    if (next.count === 0) return null;
    const upto = Math.min(next.upto, lastDependent);
    if (change === "completed") completed.run(node, after, upto);
    else failed.run(node, after, upto, change === "failed" ? 1 : -1);
    return next.count < max || upto === lastDependent ? null : upto;
  }

  function goOnWith({ node, change, after_dependent: after, last_dependent: end }: Row, max: number): void {
    const upto = count(node, change, after, end, max);
    if (upto === null) remove.run(node);
    else advance.run(node, upto);
  }

  function finish(row: Row): void {
    goOnWith(row, Number.MAX_SAFE_INTEGER);
  }

  return {
    /** A node's status has changed. What an earlier change of it left is counted first. */
    start(row: number, from: NodeStatus, to: NodeStatus, max: number): void {
      const change = changeOf(from, to);
      if (change === null) return;
      const before = ofNode.get(row);
      if (before !== null) finish(before);
      const upto = count(row, change, 0, Number.MAX_SAFE_INTEGER, max);
      if (upto !== null)
        insert.run(row, change, upto, present(last.get(row), "the last dependent of a node").dependent);
    },
    /** Counts some more of what is left; false when nothing was. */
    goOn(max: number): boolean {
      const next = first.get();
      if (next !== null) goOnWith(next, max);
      return next !== null;
    },
    /** Counts all that is left of a task. */
    finishTask(taskId: string): void {
      for (const row of ofTask.all(taskId)) finish(row);
    },
    all: (): CountingRow[] => all.all(),
    isUnderWay: (taskId: string | null): boolean => (taskId === null ? first.get() : ofTask.get(taskId)) !== null,
  };
}

function changeOf(from: NodeStatus, to: NodeStatus): Change | null {
  if (to === "COMPLETED") return "completed";
  if (to === "FAILED") return "failed";
  return from === "FAILED" ? "retried" : null;
}
