import type { Database } from "bun:sqlite";
import type { SteeredTask } from "../../core/effects.ts";
import type { Task, TaskPolicy } from "../../core/model.ts";
import { noPolicy, taskPolicyFrom, taskPolicyPayload } from "../../core/dag/task-policy.ts";
import { parseStored } from "../../protocol/json.ts";
import type { NodeStatus } from "../../protocol/types.ts";
import { present } from "../../protocol/present.ts";
import type { StoredTask, TaskEntry } from "../heads/entries.ts";
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

type ActiveRow = Pick<AboutRow, "row" | "id" | "priority" | "paused">;

interface ListedRow extends AboutRow {
  context_bytes: number;
}

interface Row extends AboutRow, CountsRow {
  context: string;
}

export function taskTable(db: Database) {
  const insert = db.prepare<null, [string, string, string, number, string | null, string, number, string]>(`
    INSERT INTO tasks (id, goal, context, created_at_ms, name, labels, priority, policy)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
  const setCounts = db.prepare<null, [number, number, number, number, number]>(`
    UPDATE tasks SET pending = ?, running = ?, completed = ?, failed = ? WHERE row = ?`);
  const steer = db.prepare<null, [number, number, string]>("UPDATE tasks SET priority = ?1, paused = ?2 WHERE id = ?3");
  const byId = db.prepare<Row, [string]>("SELECT * FROM tasks WHERE id = ?");
  const placeOf = db.prepare<{ row: number }, [string]>("SELECT row FROM tasks WHERE id = ?");
  const countsById = db.prepare<CountsRow, [string]>(`
    SELECT pending, running, completed, failed FROM tasks WHERE id = ?`);
  // A context is left where it is, and counts all the same: the columns behind it are found through it.
  const listed = `
    tasks.row, id, goal, created_at_ms, name, labels, priority, paused, policy, octet_length(context) AS context_bytes`;
  const before = db.prepare<ListedRow, [number, number]>(`
    SELECT ${listed} FROM tasks WHERE row < ?1 ORDER BY row DESC LIMIT ?2`);
  const at = db.prepare<ListedRow, [number, number]>(`SELECT ${listed} FROM tasks WHERE row = ?1 LIMIT ?2`);
  const active = db.prepare<ActiveRow, [number]>(`
    SELECT row, id, priority, paused FROM tasks WHERE pending + running > 0 AND row > ? ORDER BY row`);
  const head = db.prepare<ActiveRow, [string]>("SELECT row, id, priority, paused FROM tasks WHERE id = ?");
  const named = db.prepare<Row, [string, number]>("SELECT * FROM tasks WHERE name = ?1 ORDER BY row DESC LIMIT ?2");
  const after = db.prepare<Row, [number, number]>("SELECT * FROM tasks WHERE row > ?1 ORDER BY row LIMIT ?2");

  const quiet = db.prepare<Row, [number, number]>(`
    SELECT * FROM tasks WHERE row > ?1 AND running = 0 ORDER BY row LIMIT ?2`);

  const pageOf = (rows: Iterable<ListedRow>, bounds: SliceBounds): ListedTask[] =>
    boundedRows(rows, bounds, ({ context_bytes: bytes }) => bytes).map((row) => ({
      ...aboutTask(row),
      place: row.row,
      chars: textChars(row) + row.context_bytes,
    }));

  return {
    /** Its row. */
    insert(task: Task): number {
      const { id, goal, context, createdAtMs, name, labels, priority } = task;
      const policy = JSON.stringify(taskPolicyPayload(task.policy));
      const about = [JSON.stringify(context), createdAtMs, name, JSON.stringify(labels)] as const;
      return Number(insert.run(id, goal, ...about, priority, policy).lastInsertRowid);
    },
    /** How many of its nodes have each status. */
    setCounts({ row, counts }: Pick<TaskEntry, "row" | "counts">): void {
      setCounts.run(counts.PENDING, counts.RUNNING, counts.COMPLETED, counts.FAILED, row);
    },
    /** What comes into memory of tasks that have not ended, those after a row; or of one that has. */
    active: (afterRow: number): Iterable<StoredTask> => Iterator.from(active.iterate(afterRow)).map(toStored),
    head(taskId: string): StoredTask | null {
      const row = head.get(taskId);
      return row === null ? null : toStored(row);
    },
    steer({ id, priority, paused }: SteeredTask): void {
      expectChange(steer.run(priority, Number(paused), id), "task", id);
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
    list: (beforePlace: number, bounds: SliceBounds) => pageOf(before.iterate(beforePlace, bounds.rows), bounds),
    /** Those that stand in these places. */
    inPlaces: (places: readonly number[], bounds: SliceBounds): ListedTask[] =>
      pageOf(
        places.values().map((place) => present(at.get(place, 1), "the task in place", String(place))),
        bounds,
      ),

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

function toStored({ row, id, priority, paused }: ActiveRow): StoredTask {
  return { row, id, priority, paused: paused === 1 };
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
