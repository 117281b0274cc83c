import type { Database } from "bun:sqlite";
import type { Edges } from "../core/dag.ts";
import type { NodeHead } from "../core/model.ts";
import type { DependencyPolicy, NodeStatus } from "../protocol/types.ts";
import { type HeadRow, headColumns, toHead } from "./node-rows.ts";

/** How many distinct dependencies a node waits for, and how many of them are FAILED. */
export interface Standing {
  waitingOn: number;
  failingOn: number;
}

/** Who waits for whom, and for how many still. */
export function dependencyTable(db: Database) {
  const insertDependent = db.prepare<null, [string, number]>(`
    INSERT OR IGNORE INTO node_dependents SELECT row, ?2 FROM nodes WHERE id = ?1`);
  const status = db.prepare<{ status: NodeStatus }, [string]>("SELECT status FROM nodes WHERE id = ?");
  const policy = db.prepare<{ row: number; on_dependency_failure: DependencyPolicy }, [string]>(`
    SELECT row, on_dependency_failure FROM nodes WHERE id = ?`);
  const extend = db.prepare<null, [string, number, number, number]>(`
    UPDATE nodes SET dependencies = ?1, waiting_on = ?2, failing_on = ?3 WHERE row = ?4`);

  const countCompleted = db.prepare<null, [number]>(`
    UPDATE nodes SET waiting_on = waiting_on - 1
    WHERE row IN (SELECT dependent FROM node_dependents WHERE dependency = ?)`);
  const countFailed = db.prepare<null, [number, number]>(`
    UPDATE nodes SET
      failing_on = failing_on + ?1,
      waiting_on = waiting_on - iif(on_dependency_failure = 'run', ?1, 0)
    WHERE row IN (SELECT dependent FROM node_dependents WHERE dependency = ?2)`);
  const countCanceled = db.prepare<null, [string]>(`
    UPDATE nodes SET
      failing_on = failing_on + canceled.count,
      waiting_on = waiting_on - iif(on_dependency_failure = 'run', canceled.count, 0)
    FROM (
      SELECT dependent, count(*) AS count
      FROM nodes AS dependency JOIN node_dependents ON node_dependents.dependency = dependency.row
      WHERE dependency.task_id = ?1 AND dependency.status IN ('PENDING', 'RUNNING')
      GROUP BY dependent
    ) AS canceled
    WHERE nodes.row = canceled.dependent`);

  const edgesOf = db.prepare<{ id: string; dependencies: string }, [string]>(`
    SELECT id, dependencies FROM nodes WHERE task_id = ? ORDER BY row`);
  const dependenciesOf = db.prepare<{ dependencies: string }, [string]>("SELECT dependencies FROM nodes WHERE id = ?");
  const toSkip = db.prepare<HeadRow, [number]>(`
    SELECT ${headColumns} FROM nodes WHERE hopeless ORDER BY row LIMIT (SELECT ?)`);
  const skippedInVain = db.prepare<HeadRow, [number]>(`
    SELECT ${headColumns} FROM nodes WHERE failure = 'skipped' AND failing_on = 0 ORDER BY row LIMIT (SELECT ?)`);

  const unsettled = db.prepare<{ 1: 1 }, []>(`
    SELECT 1 FROM nodes WHERE hopeless
    UNION ALL SELECT 1 FROM nodes WHERE failure = 'skipped' AND failing_on = 0
    LIMIT 1`);

  /** `own` are nodes that are not stored yet: they are PENDING. */
  function standing(node: DependencyPolicy, dependencies: readonly string[], own?: ReadonlySet<string>): Standing {
    const enough: readonly string[] = node === "run" ? ["COMPLETED", "FAILED"] : ["COMPLETED"];
    const statuses = [...new Set(dependencies)].map((id) =>
      own?.has(id) ? "PENDING" : (status.get(id)?.status ?? ""),
    );
    return {
      waitingOn: statuses.filter((its) => !enough.includes(its)).length,
      failingOn: statuses.filter((its) => its === "FAILED").length,
    };
  }

  function waitFor(row: number, dependencies: readonly string[]): void {
    for (const dependency of dependencies) insertDependent.run(dependency, row);
  }

  return {
    standing,
    /** Notes for whom the node waits, all of which are stored. */
    waitFor,

    /** Makes a node wait for further ones: `dependencies` are all it has from now on. */
    extend(nodeId: string, dependencies: readonly string[]): void {
      const node = policy.get(nodeId);
      if (node === null) return;
      const { waitingOn, failingOn } = standing(node.on_dependency_failure, dependencies);
      extend.run(JSON.stringify(dependencies), waitingOn, failingOn, node.row);
      waitFor(node.row, dependencies);
    },

    /** After a node's change of status: those behind it wait for one fewer, or for one more. */
    count(row: number, from: NodeStatus, to: NodeStatus): void {
      if (to === "COMPLETED") countCompleted.run(row);
      else if (to === "FAILED") countFailed.run(1, row);
      else if (from === "FAILED") countFailed.run(-1, row);
    },
    /** Before everything of the task that has not ended becomes FAILED. */
    countCanceled(taskId: string): void {
      countCanceled.run(taskId);
    },

    edgesOf: (taskId: string): Edges[] =>
      edgesOf.all(taskId).map(({ id, dependencies }) => ({ id, dependencies: JSON.parse(dependencies) as string[] })),
    /** Which of the node's dependencies are FAILED, in their order. */
    failedOf(nodeId: string): string[] {
      const dependencies = new Set(JSON.parse(dependenciesOf.get(nodeId)?.dependencies ?? "[]") as string[]);
      return [...dependencies].filter((id) => status.get(id)?.status === "FAILED");
    },
    isUnsettled: (): boolean => unsettled.get() !== null,
    /** PENDING nodes to be skipped, as a dependency is FAILED. */
    toSkip: (limit: number): NodeHead[] => toSkip.all(limit).map(toHead),
    /** Nodes that were skipped although none of their dependencies is FAILED any more. */
    skippedInVain: (limit: number): NodeHead[] => skippedInVain.all(limit).map(toHead),
  };
}
