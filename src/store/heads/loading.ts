import { present } from "../../protocol/present.ts";
import type { Tables } from "../tables/open-tables.ts";
import { type ActiveRow, toLabels, toState } from "../tables/node-rows.ts";
import type { NodeEntry, StoredNode, TaskEntry } from "./entries.ts";
import { StorageFailure } from "../store.ts";
import { Heads } from "./heads.ts";

/** The heads of all tasks that have not ended, read from the tables. @throws {StorageFailure} */
export function loadHeads(tables: Tables): Heads {
  const heads = new Heads(tables.dependencies.statusOf);
  for (const task of tables.tasks.active()) heads.addTask(task);
  heads.addNodes(storedNodes(tables.nodes.active(null), heads));
  heads.commit();
  return heads;
}

/** The node in memory; its task is read from the tables where it has ended. A node that is not there is a bug. */
export function nodeInMemory({ id, taskId }: { id: string; taskId: string }, heads: Heads, tables: Tables): NodeEntry {
  const known = heads.node(id);
  if (known !== undefined) return known;
  if (tables.tasks.head(taskId) !== null) taskInMemory(taskId, heads, tables);
  return present(heads.node(id), "node", id);
}

/** The same for a task. */
export function taskInMemory(taskId: string, heads: Heads, tables: Tables): TaskEntry {
  const known = heads.task(taskId);
  if (known !== undefined) return known;
  const task = heads.addTask(present(tables.tasks.head(taskId), "task", taskId));
  heads.addNodes(storedNodes(tables.nodes.active(taskId), heads));
  return task;
}

function storedNodes(rows: Iterable<ActiveRow>, heads: Heads): StoredNode[] {
  const nodes: StoredNode[] = [];
  for (const row of rows) {
    const task = present(heads.task(row.task_id), "task", row.task_id);
    nodes.push({ task, row: row.row, ...textsOf(row), state: toState(row) });
  }
  return nodes;
}

/** @throws {StorageFailure} for a text that somebody altered */
function textsOf({ id, labels, dependencies }: ActiveRow): Pick<StoredNode, "labels" | "dependencies"> {
  try {
    return {
      labels: toLabels(labels),
      dependencies: dependencies === "[]" ? none : (JSON.parse(dependencies) as string[]),
    };
  } catch (error) {
    throw new StorageFailure(
      "STORAGE_FAILED",
      `the database is damaged: labels or dependencies of node ${id} are no JSON any more (${String(error)}); put a backup in its place with: agentd restore FILE`,
      { reopen: false },
    );
  }
}

const none: readonly string[] = [];
