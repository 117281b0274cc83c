import type { Database } from "bun:sqlite";
import type { Node } from "../../core/model.ts";
import type { Labels } from "../../protocol/types.ts";
import { type Row, toNode } from "./node-rows.ts";
import { expectChange } from "./changes.ts";

/** Where a ready node stands among all. */
interface Place {
  row: number;
  task_priority: number;
  priority: number;
}

/**
 * Which node is handed out next, each answer by index. Here and in the other tables (SELECT ?) hides a value from the
 * planner: SQLite prepares a statement anew whenever a value is bound that could change its plan, and that costs ten
 * times the search.
 */
export function readyNodes(db: Database) {
  const ofTask = db.prepare<Row, [string]>(`
    SELECT * FROM nodes WHERE ready AND task_id = (SELECT ?) ORDER BY priority DESC, row LIMIT 1`);
  const ofAny = db.prepare<Row, []>(`
    SELECT * FROM nodes WHERE ready ORDER BY task_priority DESC, priority DESC, row LIMIT 1`);

  const setsWith = db.prepare<{ label_set: number }, [string, number]>(`
    SELECT label_set
    FROM json_each(?1) AS wanted
    JOIN label_set_members AS its ON its.name = wanted.key AND its.value = wanted.value
    GROUP BY label_set HAVING count(*) = ?2`);
  const labelledOfTask = db.prepare<Place, [number, string]>(`
    SELECT row, task_priority, priority FROM nodes
    WHERE ready AND label_set IS NOT NULL AND label_set = (SELECT ?1) AND task_id = (SELECT ?2)
    ORDER BY priority DESC, row LIMIT 1`);
  const labelledOfAny = db.prepare<Place, [number]>(`
    SELECT row, task_priority, priority FROM nodes
    WHERE ready AND label_set IS NOT NULL AND label_set = (SELECT ?1)
    ORDER BY task_priority DESC, priority DESC, row LIMIT 1`);
  const atRow = db.prepare<Row, [number]>("SELECT * FROM nodes WHERE row = ?");

  const hasReady = db.prepare<{ 1: 1 }, [string]>("SELECT 1 FROM nodes WHERE ready AND task_id = (SELECT ?) LIMIT 1");
  const hasHeldBack = db.prepare<{ 1: 1 }, [string]>(`
    SELECT 1 FROM nodes WHERE open AND NOT ready AND task_id = (SELECT ?) LIMIT 1`);

  const dueDelays = db.prepare<{ row: number }, [number, number]>(`
    SELECT row FROM nodes WHERE not_before_ms IS NOT NULL AND not_before_ms <= (SELECT ?1)
    ORDER BY not_before_ms LIMIT (SELECT ?2)`);
  const endDelay = db.prepare<null, [number]>("UPDATE nodes SET not_before_ms = NULL WHERE row = ?");
  const nextDelay = db.prepare<{ due: number }, []>(`
    SELECT not_before_ms AS due FROM nodes WHERE not_before_ms IS NOT NULL ORDER BY not_before_ms LIMIT 1`);
  const shiftDelays = db.prepare<null, [number]>(`
    UPDATE nodes SET not_before_ms = not_before_ms + ? WHERE not_before_ms IS NOT NULL`);

  const holdBack = db.prepare<null, [string, string]>("UPDATE nodes SET held_back_by = ?2 WHERE id = ?1");
  const letGo = db.prepare<null, [string]>("UPDATE nodes SET held_back_by = NULL WHERE held_back_by = ?");
  const anyHeldBack = db.prepare<{ 1: 1 }, []>("SELECT 1 FROM nodes WHERE held_back_by IS NOT NULL LIMIT 1");
  const forgetHeldBack = db.prepare<null, []>(`
    UPDATE nodes SET held_back_by = NULL WHERE held_back_by IS NOT NULL`);

  /** The first of all sets of labels that hold these. */
  function nextLabelled(taskId: string | null, labels: Labels): Row | null {
    const sets = setsWith.all(JSON.stringify(labels), Object.keys(labels).length);
    let first: Place | null = null;
    for (const { label_set: set } of sets) {
      const place = taskId === null ? labelledOfAny.get(set) : labelledOfTask.get(set, taskId);
      if (place !== null && (first === null || goesBefore(place, first))) first = place;
    }
    return first === null ? null : atRow.get(first.row);
  }

  return {
    /** Of the task, or of any: by task priority, node priority, and registration order; only with all these labels. */
    next(taskId: string | null, labels: Labels): Node | null {
      let row: Row | null;
      if (Object.keys(labels).length > 0) row = nextLabelled(taskId, labels);
      else row = taskId === null ? ofAny.get() : ofTask.get(taskId);
      return row === null ? null : toNode(row);
    },

    /** Whether the task has a node that waits for nothing but its time, its task's resumption, or a worker. */
    isOpen: (taskId: string): boolean => hasReady.get(taskId) !== null || hasHeldBack.get(taskId) !== null,

    /** Keeps a node from being ready as long as a lease holds locks. */
    holdBack(nodeId: string, leaseId: string): void {
      expectChange(holdBack.run(nodeId, leaseId), "node", nodeId);
    },
    /** The lease holds less than it did: what it held back may be tried again. */
    letGo(leaseId: string): void {
      letGo.run(leaseId);
    },
    isAnyHeldBack: (): boolean => anyHeldBack.get() !== null,
    forgetHeldBack(): void {
      forgetHeldBack.run();
    },

    /** Makes nodes ready whose delay is over; whether there were any. */
    endDelays(nowMs: number, limit: number): boolean {
      const due = dueDelays.all(nowMs, limit);
      for (const { row } of due) endDelay.run(row);
      return due.length > 0;
    },
    nextDelayMs: (): number | null => nextDelay.get()?.due ?? null,
    shiftDelays(byMs: number): void {
      shiftDelays.run(byMs);
    },
  };
}

function goesBefore(a: Place, b: Place): boolean {
  if (a.task_priority !== b.task_priority) return a.task_priority > b.task_priority;
  return a.priority === b.priority ? a.row < b.row : a.priority > b.priority;
}
