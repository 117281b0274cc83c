import { present } from "../../protocol/present.ts";
import { nodeStatus } from "../../protocol/types.ts";
import type { Tables } from "../tables/open-tables.ts";
import { type ActiveRow, toIds, toLabels, toState } from "../tables/node-rows.ts";
import type { NodeEntry, StoredNode, StoredTask, TaskEntry } from "./entries.ts";
import { StorageFailure } from "../store.ts";
import { Heads } from "./heads.ts";

/** The heads of all tasks that have not ended, and all locks, read from the tables. @throws {StorageFailure} */
export function loadHeads(tables: Tables): Heads {
  const heads = new Heads(tables.dependencies.statusOf);
  for (const task of tables.tasks.active(Number.MIN_SAFE_INTEGER)) heads.addTask(task);
  const byRow = new Map([...heads.tasks].map((task) => [task.row, task]));
  const taskAt = (row: number) => present(byRow.get(row), "the task of a node");
  try {
    heads.addNodes(storedNodes(tables.nodes.active(null), taskAt));
  } catch (error) {
    if (!(error instanceof AlteredRow)) throw error;
    const message = `the database is damaged: ${error.message}; put a backup in its place with: agentd restore FILE`;
    throw new StorageFailure("STORAGE_FAILED", message, { reopen: false });
  }
  heads.locks.load(tables.locks.all(Number.MIN_SAFE_INTEGER));
  heads.prune(tables.pruning.isUnderWay());
  heads.commit();
  return heads;
}

const statuses: ReadonlySet<string> = new Set(nodeStatus.options);

/** Somebody altered a node's row, which cannot be read any more. Whoever asked for the node has failed, and nobody else. */
class AlteredRow extends Error {}

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
  return loadTask(present(tables.tasks.head(taskId), "task", taskId), heads, tables);
}

/** Its nodes come with it, all or none: they are read before the first comes. */
export function loadTask(stored: StoredTask, heads: Heads, tables: Tables): TaskEntry {
  const task = heads.addTask(stored);
  heads.addNodes([...storedNodes(tables.nodes.active(task.row), () => task)]);
  return task;
}

function* storedNodes(rows: Iterable<ActiveRow>, taskAt: (row: number) => TaskEntry): Generator<StoredNode, void> {
  for (const row of rows) yield storedNode(row, taskAt(row.task));
}

/** @throws {AlteredRow} */
function storedNode(row: ActiveRow, task: TaskEntry): StoredNode {
  try {
    if (!statuses.has(row.status)) throw new Error(`no node has the status ${row.status}`);
    const [labels, dependencies] = [toLabels(row.labels), toIds(row.dependencies)];
    return { task, row: row.row, labels, dependencies, state: toState(row, task.id) };
  } catch (error) {
    throw new AlteredRow(`the row of node ${row.id} was altered (${String(error)})`);
  }
}
