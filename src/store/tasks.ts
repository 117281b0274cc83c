import type { Database } from "bun:sqlite";
import type { Task } from "../core/model.ts";
import { parseStored } from "../protocol/json.ts";

interface Row {
  row: number;
  id: string;
  goal: string;
  context: string;
  created_at_ms: number;
}

export function taskTable(db: Database) {
  const insert = db.prepare<null, [string, string, string, number]>(`
    INSERT INTO tasks (id, goal, context, created_at_ms) VALUES (?, ?, ?, ?)`);
  const byId = db.prepare<Row, [string]>("SELECT * FROM tasks WHERE id = ?");
  const before = db.prepare<Row, [number, number]>("SELECT * FROM tasks WHERE row < ?1 ORDER BY row DESC LIMIT ?2");
  const after = db.prepare<Row, [number, number]>("SELECT * FROM tasks WHERE row > ?1 ORDER BY row LIMIT ?2");

  return {
    insert(task: Task): void {
      insert.run(task.id, task.goal, JSON.stringify(task.context), task.createdAtMs);
    },

    find(taskId: string): Task | null {
      const row = byId.get(taskId);
      return row === null ? null : toTask(row);
    },

    list(beforeTaskId: string | null, limit: number): Task[] | null {
      const start = beforeTaskId === null ? Number.MAX_SAFE_INTEGER : byId.get(beforeTaskId)?.row;
      return start === undefined ? null : before.all(start, limit).map(toTask);
    },

    slice: (afterRow: number, limit: number) =>
      after.all(afterRow, limit).map(({ row, id, goal, context, created_at_ms: createdAtMs }) => {
        return { row, id, goal, context, createdAtMs };
      }),
  };
}

function toTask(row: Row): Task {
  return { id: row.id, goal: row.goal, context: parseStored(row.context), createdAtMs: row.created_at_ms };
}
