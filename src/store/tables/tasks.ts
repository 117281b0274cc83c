import type { Database } from "bun:sqlite";
import type { SteeredTask } from "../../core/effects.ts";
import type { Task, TaskPolicy } from "../../core/model.ts";
import { noPolicy, taskPolicyFrom, taskPolicyPayload } from "../../core/dag/task-policy.ts";
import { parseStored } from "../../protocol/json.ts";
import type { NodeStatus } from "../../protocol/types.ts";
import { toLabels } from "./node-rows.ts";
import type { ListedTask } from "../reads.ts";
import { expectChange } from "./changes.ts";
import { boundedRows, type SliceBounds, textChars } from "./slices.ts";

interface CountsRow {
  pending: number;
  running: number;
  completed: number;
  failed: number;
}

interface AboutRow {
  row: number;
  id: string;
  goal: string;
  created_at_ms: number;
  name: string | null;
  labels: string;
  priority: number;
  paused: 0 | 1;
  policy: string;
}

interface ListedRow extends AboutRow {
  context_bytes: number;
}

interface Row extends AboutRow, CountsRow {
  context: string;
}

export function taskTable(db: Database) {
  const insert = db.prepare<null, [string, string, string, number, string | null, string, number, string, number]>(`
    INSERT INTO tasks (id, goal, context, created_at_ms, name, labels, priority, policy, pending)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const addPending = db.prepare<null, [number, string]>("UPDATE tasks SET pending = pending + ?1 WHERE id = ?2");
  const cancel = db.prepare<null, [string]>(`
    UPDATE tasks SET failed = failed + pending + running, pending = 0, running = 0 WHERE id = ?`);
  const steer = db.prepare<null, [number, number, string]>("UPDATE tasks SET priority = ?1, paused = ?2 WHERE id = ?3");
  const move = db.prepare<null, [number, number, number, number, string]>(`
    UPDATE tasks SET pending = pending + ?, running = running + ?, completed = completed + ?, failed = failed + ?
    WHERE id = ?`);
  const byId = db.prepare<Row, [string]>("SELECT * FROM tasks WHERE id = ?");
  const placeOf = db.prepare<{ row: number }, [string]>("SELECT row FROM tasks WHERE id = ?");
  const countsById = db.prepare<CountsRow, [string]>(`
    SELECT pending, running, completed, failed FROM tasks WHERE id = ?`);
  // A context is left where it is, and counts all the same: the columns behind it are found through it.
  const listed = `
    tasks.row, id, goal, created_at_ms, name, labels, priority, paused, policy, octet_length(context) AS context_bytes`;
  const before = db.prepare<ListedRow, [number, number]>(`
    SELECT ${listed} FROM tasks WHERE row < ?1 ORDER BY row DESC LIMIT ?2`);
  // Whose nodes run are few, however many tasks there are. They are put in order before any is read.
  const runningBefore = db.prepare<ListedRow, [number, number]>(`
    SELECT ${listed} FROM (
      SELECT tasks.row FROM (SELECT DISTINCT task_id FROM nodes WHERE status = 'RUNNING') AS busy
      CROSS JOIN tasks ON tasks.id = busy.task_id
      WHERE tasks.row < ?1 ORDER BY tasks.row DESC LIMIT ?2) AS first
    CROSS JOIN tasks ON tasks.row = first.row`);
  const named = db.prepare<Row, [string, number]>("SELECT * FROM tasks WHERE name = ?1 ORDER BY row DESC LIMIT ?2");
  const after = db.prepare<Row, [number, number]>("SELECT * FROM tasks WHERE row > ?1 ORDER BY row LIMIT ?2");

  const quiet = db.prepare<Row, [number, number]>(`
    SELECT * FROM tasks WHERE row > ?1 AND running = 0 ORDER BY row LIMIT ?2`);

  const page = (statement: typeof before, beforePlace: number, bounds: SliceBounds): ListedTask[] =>
    boundedRows(statement.iterate(beforePlace, bounds.rows), bounds, ({ context_bytes: bytes }) => bytes).map(
      (row) => ({
        ...aboutTask(row),
        place: row.row,
        chars: textChars(row) + row.context_bytes,
      }),
    );

  return {
    insert(task: Task, pending: number): void {
      const { id, goal, context, createdAtMs, name, labels, priority } = task;
      const policy = JSON.stringify(taskPolicyPayload(task.policy));
      const about = [JSON.stringify(context), createdAtMs, name, JSON.stringify(labels)] as const;
      insert.run(id, goal, ...about, priority, policy, pending);
    },
    addPending(taskId: string, nodes: number): void {
      expectChange(addPending.run(nodes, taskId), "task", taskId);
    },
    /** Counts all that has not ended as FAILED. */
    cancel(taskId: string): void {
      expectChange(cancel.run(taskId), "task", taskId);
    },
    steer({ id, priority, paused }: SteeredTask): void {
      expectChange(steer.run(priority, Number(paused), id), "task", id);
    },

    /** Counts one node's change of status. */
    move(taskId: string, from: NodeStatus, to: NodeStatus): void {
      const change = (status: NodeStatus) => Number(to === status) - Number(from === status);
      const moved = move.run(change("PENDING"), change("RUNNING"), change("COMPLETED"), change("FAILED"), taskId);
      expectChange(moved, "task", taskId);
    },

    /** Tasks nothing of which runs, after a row. */
    quiet: (afterRow: number, limit: number) =>
      quiet.all(afterRow, limit).map((row) => ({ row: row.row, id: row.id, counts: countsOf(row) })),

    counts(taskId: string): Record<NodeStatus, number> | null {
      const row = countsById.get(taskId);
      return row === null ? null : countsOf(row);
    },

    find(taskId: string): Task | null {
      const row = byId.get(taskId);
      return row === null ? null : toTask(row);
    },

    placeOf: (taskId: string): number | null => placeOf.get(taskId)?.row ?? null,
    list: (beforePlace: number, bounds: SliceBounds) => page(before, beforePlace, bounds),
    /** Those of which a node runs. */
    running: (beforePlace: number, bounds: SliceBounds) => page(runningBefore, beforePlace, bounds),

    named: (name: string, limit: number): Task[] => named.all(name, limit).map(toTask),

    slice: (afterRow: number, bounds: SliceBounds) =>
      boundedRows(after.iterate(afterRow, bounds.rows), bounds).map((row) => ({
        row: row.row,
        id: row.id,
        goal: row.goal,
        context: row.context,
        createdAtMs: row.created_at_ms,
        name: row.name,
        labels: row.labels,
        priority: row.priority,
        policy: row.policy,
        paused: row.paused === 1,
        counts: countsOf(row),
      })),
  };
}

function countsOf({ pending, running, completed, failed }: CountsRow): Record<NodeStatus, number> {
  return { PENDING: pending, RUNNING: running, COMPLETED: completed, FAILED: failed };
}

function toTask(row: Row): Task {
  return { ...aboutTask(row), context: parseStored(row.context) };
}

function aboutTask(row: AboutRow): Omit<Task, "context"> {
  return {
    id: row.id,
    goal: row.goal,
    createdAtMs: row.created_at_ms,
    name: row.name,
    labels: toLabels(row.labels),
    priority: row.priority,
    paused: row.paused === 1,
    policy: toPolicy(row.policy),
  };
}

function toPolicy(text: string): TaskPolicy {
  return text === "{}" ? noPolicy : taskPolicyFrom(JSON.parse(text) as Record<string, unknown>);
}
