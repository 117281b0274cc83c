import type { Database } from "bun:sqlite";
import type { Edges } from "../core/dag.ts";
import type { NodeHead } from "../core/model.ts";
import type { DependencyPolicy, NodeStatus } from "../protocol/types.ts";
import { type HeadRow, headColumns, toHead } from "./node-rows.ts";

/** Who waits for whom, and for how many still. */
export function dependencyTable(db: Database) {
  const insertDependent = db.prepare<{ dependency: number }, [string, number]>(`
    INSERT OR IGNORE INTO node_dependents SELECT row, ?2 FROM nodes WHERE id = ?1 RETURNING dependency`);
  const setDependencies = db.prepare<{ row: number }, [string, string]>(`
    UPDATE nodes SET dependencies = ?1 WHERE id = ?2 RETURNING row`);
  const countWaiting = db.prepare<null, [number]>(`
    UPDATE nodes SET waiting_on = (
      SELECT count(DISTINCT dependency.row)
      FROM json_each(nodes.dependencies) AS named JOIN nodes AS dependency ON dependency.id = named.value
      WHERE dependency.status <> 'COMPLETED'
        AND NOT (dependency.status = 'FAILED' AND nodes.on_dependency_failure = 'run'))
    WHERE row = ?`);
  const countDown = db.prepare<null, [number]>(`
    UPDATE nodes SET waiting_on = waiting_on - 1
    WHERE row IN (SELECT dependent FROM node_dependents WHERE dependency = ?)`);
  const countForRegardless = db.prepare<null, [number, number]>(`
    UPDATE nodes SET waiting_on = waiting_on + ?1
    WHERE row IN (SELECT dependent FROM node_dependents WHERE dependency = ?2) AND on_dependency_failure = 'run'`);
  const waitNoMore = db.prepare<null, [string]>(`
    UPDATE nodes SET waiting_on = 0 WHERE task_id = ? AND on_dependency_failure = 'run' AND waiting_on > 0`);

  const edgesOf = db.prepare<{ id: string; dependencies: string }, [string]>(`
    SELECT id, dependencies FROM nodes WHERE task_id = ? ORDER BY row`);
  const failedAmong = db.prepare<{ id: string }, [string]>(`
    SELECT dependency.id FROM nodes AS node
    JOIN json_each(node.dependencies) AS named
    JOIN nodes AS dependency ON dependency.id = named.value
    WHERE node.id = ? AND dependency.status = 'FAILED'
    ORDER BY named.key`);
  const dependents = db.prepare<HeadRow, [string, DependencyPolicy]>(`
    SELECT ${headColumns} FROM nodes
    WHERE row IN (SELECT dependent FROM node_dependents WHERE dependency = (SELECT row FROM nodes WHERE id = ?1))
      AND on_dependency_failure = ?2
    ORDER BY row`);

  /** Notes for whom the node waits, and for how many of them it still does. */
  function waitFor(row: number, dependencies: readonly string[]): void {
    for (const dependency of dependencies) insertDependent.get(dependency, row);
    if (dependencies.length > 0) countWaiting.run(row);
  }

  return {
    waitFor,

    /** Makes a node wait for further ones: `dependencies` are all it has from now on. */
    extend(nodeId: string, dependencies: readonly string[]): void {
      const row = setDependencies.get(JSON.stringify(dependencies), nodeId)?.row;
      if (row !== undefined) waitFor(row, dependencies);
    },

    /** After a node's change of status: those behind it wait for one fewer, or for one more. */
    count(row: number, from: NodeStatus, to: NodeStatus): void {
      if (to === "COMPLETED") countDown.run(row);
      else if (to === "FAILED") countForRegardless.run(-1, row);
      else if (from === "FAILED") countForRegardless.run(1, row);
    },
    /** After everything of a task has ended: who runs whatever became of the others waits for nobody. */
    countEnded(taskId: string): void {
      waitNoMore.run(taskId);
    },

    edgesOf: (taskId: string): Edges[] =>
      edgesOf.all(taskId).map(({ id, dependencies }) => ({ id, dependencies: JSON.parse(dependencies) as string[] })),
    failedOf: (nodeId: string): string[] => [...new Set(failedAmong.all(nodeId).map(({ id }) => id))],
    dependentsOf: (nodeId: string, policy: DependencyPolicy): NodeHead[] => dependents.all(nodeId, policy).map(toHead),
  };
}
