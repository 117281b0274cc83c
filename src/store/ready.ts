import type { Database } from "bun:sqlite";
import type { Node } from "../core/model.ts";
import type { Labels } from "../protocol/types.ts";
import { type Row, toNode } from "./node-rows.ts";

/** How many ready nodes of a label are counted before it passes for a frequent one. */
const rareMax = 100;

/** Which node is handed out next, each answer by index. (SELECT ?) hides a value from the planner: see nodes.ts. */
export function readyNodes(db: Database) {
  const ofTask = db.prepare<Row, [string]>(`
    SELECT * FROM nodes WHERE ready AND task_id = (SELECT ?) ORDER BY priority DESC, row LIMIT 1`);
  const ofAny = db.prepare<Row, []>(`
    SELECT * FROM nodes WHERE ready ORDER BY task_priority DESC, priority DESC, row LIMIT 1`);

  const otherLabels = `
    NOT EXISTS (
      SELECT 1 FROM json_each(?3) AS wanted WHERE NOT EXISTS (
        SELECT 1 FROM ready_labels AS its
        WHERE its.name = wanted.key AND its.value = wanted.value
          AND its.task_id = found.task_id AND its.priority = found.priority AND its.node = found.node))`;
  const labelledOfTask = db.prepare<Row, [string, string, string, string]>(`
    SELECT nodes.* FROM ready_labels AS found JOIN nodes ON nodes.row = found.node
    WHERE found.name = (SELECT ?1) AND found.value = (SELECT ?2) AND found.task_id = (SELECT ?4) AND ${otherLabels}
    ORDER BY found.priority DESC, found.node LIMIT 1`);
  const labelledOfAny = db.prepare<Row, [string, string, string]>(`
    SELECT nodes.* FROM ready_labels AS found JOIN nodes ON nodes.row = found.node
    WHERE found.name = (SELECT ?1) AND found.value = (SELECT ?2) AND ${otherLabels}
    ORDER BY found.task_priority DESC, found.priority DESC, found.node LIMIT 1`);
  const rarity = db.prepare<{ count: number }, [string, string, number]>(`
    SELECT count(*) AS count FROM (
      SELECT 1 FROM ready_labels WHERE name = (SELECT ?1) AND value = (SELECT ?2) LIMIT (SELECT ?3))`);

  const hasReady = db.prepare<{ 1: 1 }, [string]>("SELECT 1 FROM nodes WHERE ready AND task_id = (SELECT ?) LIMIT 1");
  const hasHeldBack = db.prepare<{ 1: 1 }, [string]>(`
    SELECT 1 FROM nodes WHERE open AND NOT ready AND task_id = (SELECT ?) LIMIT 1`);

  const dueDelays = db.prepare<{ row: number }, [number, number]>(`
    SELECT row FROM nodes WHERE not_before_ms IS NOT NULL AND not_before_ms <= ?1 ORDER BY not_before_ms LIMIT ?2`);
  const endDelay = db.prepare<null, [number]>("UPDATE nodes SET not_before_ms = NULL WHERE row = ?");
  const nextDelay = db.prepare<{ due: number }, []>(`
    SELECT not_before_ms AS due FROM nodes WHERE not_before_ms IS NOT NULL ORDER BY not_before_ms LIMIT 1`);
  const shiftDelays = db.prepare<null, [number]>(`
    UPDATE nodes SET not_before_ms = not_before_ms + ? WHERE not_before_ms IS NOT NULL`);

  /** Of several labels the one to search by; the others are compared on what it finds. */
  function rarest(labels: [string, string][]): [string, string] | undefined {
    if (labels.length < 2) return labels[0];
    const counted = labels.map((label) => ({ label, count: rarity.get(...label, rareMax)?.count ?? 0 }));
    return counted.toSorted((a, b) => a.count - b.count)[0]?.label;
  }

  return {
    /** Of the task, or of any: by task priority, node priority, and registration order; only with all these labels. */
    next(taskId: string | null, labels: Labels): Node | null {
      const label = rarest(Object.entries(labels));
      let row: Row | null;
      if (label === undefined) row = taskId === null ? ofAny.get() : ofTask.get(taskId);
      else if (taskId === null) row = labelledOfAny.get(...label, JSON.stringify(labels));
      else row = labelledOfTask.get(...label, JSON.stringify(labels), taskId);
      return row === null ? null : toNode(row);
    },

    /** Whether the task has a node that waits for nothing but its time, its task's resumption, or a worker. */
    isOpen: (taskId: string): boolean => hasReady.get(taskId) !== null || hasHeldBack.get(taskId) !== null,

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
