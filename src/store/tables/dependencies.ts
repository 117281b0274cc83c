import type { Database } from "bun:sqlite";
import { present } from "../../protocol/present.ts";
import type { Dependent, Edges } from "../../core/dag/dag.ts";
import type { EdgeRow } from "./verification-reads.ts";
import type { NodeHead } from "../../core/model.ts";
import type { DependencyPolicy, NodeStatus } from "../../protocol/types.ts";
import { type HeadRow, headColumns, toHead } from "./node-rows.ts";

/** How many distinct dependencies a node waits for, and how many of them are FAILED. */
export interface Standing {
  waitingOn: number;
  failingOn: number;
}

/** Who waits for whom, and for how many still. */
export function dependencyTable(db: Database) {
  const insertDependent = db.prepare<null, [string, number]>(`
    INSERT OR IGNORE INTO node_dependents
    SELECT nodes.row, ?2 FROM json_each(?1) AS wanted JOIN nodes ON nodes.id = wanted.value`);
  const status = db.prepare<{ status: NodeStatus }, [string]>("SELECT status FROM nodes WHERE id = ?");
  const extend = db.prepare<null, [string, string, number]>(`
    UPDATE nodes SET
      dependencies = rtrim(dependencies, ']') || iif(dependencies = '[]', '', ',') || ltrim(?2, '['),
      waiting_on = waiting_on + ?3
    WHERE id IN (SELECT value FROM json_each(?1))`);
  const insertDependents = db.prepare<null, [string, string]>(`
    INSERT OR IGNORE INTO node_dependents
    SELECT dependency.row, nodes.row
    FROM json_each(?2) AS added
      JOIN nodes AS dependency ON dependency.id = added.value
      CROSS JOIN json_each(?1) AS waiting
      JOIN nodes ON nodes.id = waiting.value`);

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
  const dagOf = db.prepare<
    { id: string; status: NodeStatus; dependencies: string; on_dependency_failure: DependencyPolicy },
    [string]
  >("SELECT id, status, dependencies, on_dependency_failure FROM nodes WHERE task_id = ? ORDER BY row");
  const countOf = db.prepare<{ count: number }, [string]>(`
    SELECT coalesce(sum(json_array_length(dependencies)), 0) AS count FROM nodes WHERE task_id = ?`);
  const dependenciesOf = db.prepare<{ dependencies: string }, [string]>("SELECT dependencies FROM nodes WHERE id = ?");
  const slice = db.prepare<EdgeRow, [number, number, number]>(`
    SELECT dependency, dependent,
      (SELECT id FROM nodes WHERE row = dependency) AS dependencyId,
      (SELECT id FROM nodes WHERE row = dependent) AS dependentId
    FROM node_dependents WHERE (dependency, dependent) > (?1, ?2) ORDER BY dependency, dependent LIMIT ?3`);
  const dependent = db.prepare<{ 1: 1 }, [string]>(`
    SELECT 1 FROM node_dependents WHERE dependency = (SELECT row FROM nodes WHERE id = ?) LIMIT 1`);
  const toSkip = db.prepare<HeadRow, [number]>(`
    SELECT ${headColumns} FROM nodes WHERE hopeless ORDER BY task_id, row LIMIT (SELECT ?)`);
  const toSkipOf = db.prepare<HeadRow, [string, number]>(`
    SELECT ${headColumns} FROM nodes WHERE hopeless AND task_id = (SELECT ?1) ORDER BY row LIMIT (SELECT ?2)`);
  const inVain = db.prepare<HeadRow, [number]>(`
    SELECT ${headColumns} FROM nodes WHERE in_vain ORDER BY task_id, row LIMIT (SELECT ?)`);
  const inVainOf = db.prepare<HeadRow, [string, number]>(`
    SELECT ${headColumns} FROM nodes WHERE in_vain AND task_id = (SELECT ?1) ORDER BY row LIMIT (SELECT ?2)`);
  const unsettled = db.prepare<{ 1: 1 }, []>(`
    SELECT 1 FROM nodes WHERE hopeless UNION ALL SELECT 1 FROM nodes WHERE in_vain LIMIT 1`);
  const unsettledOf = db.prepare<{ 1: 1 }, [string]>(`
    SELECT 1 FROM nodes WHERE hopeless AND task_id = (SELECT ?1)
    UNION ALL SELECT 1 FROM nodes WHERE in_vain AND task_id = (SELECT ?1)
    LIMIT 1`);

  /** `own` are nodes that are not stored yet: they are PENDING. */
  function standing(node: DependencyPolicy, dependencies: readonly string[], own: ReadonlySet<string>): Standing {
    const enough: readonly string[] = node === "run" ? ["COMPLETED", "FAILED"] : ["COMPLETED"];
    const statuses = [...new Set(dependencies)].map((id) =>
      own.has(id) ? "PENDING" : present(status.get(id), "the status of dependency", id).status,
    );
    return {
      waitingOn: statuses.filter((its) => !enough.includes(its)).length,
      failingOn: statuses.filter((its) => its === "FAILED").length,
    };
  }

  function waitFor(row: number, dependencies: readonly string[]): void {
    if (dependencies.length > 0) insertDependent.run(JSON.stringify(dependencies), row);
  }

  return {
    standing,
    /** Notes for whom the node waits, all of which are stored. */
    waitFor,

    /** Makes nodes wait for further ones, which are new and so PENDING. */
    extend(nodeIds: readonly string[], added: readonly string[]): void {
      const [waiting, dependencies] = [JSON.stringify(nodeIds), JSON.stringify(added)];
      extend.run(waiting, dependencies, added.length);
      insertDependents.run(waiting, dependencies);
    },

    /** Before everything of the task that has not ended becomes FAILED. */
    countCanceled(taskId: string): void {
      countCanceled.run(taskId);
    },

    of: (taskId: string): Dependent[] =>
      dagOf.all(taskId).map(({ id, status: its, dependencies, on_dependency_failure: onDependencyFailure }) => {
        return { id, status: its, dependencies: JSON.parse(dependencies) as string[], policy: { onDependencyFailure } };
      }),
    countEdges: (taskId: string): number => present(countOf.get(taskId), "the count of dependencies").count,
    edges: (taskId: string): Edges[] =>
      edgesOf.all(taskId).map(({ id, dependencies }) => ({ id, dependencies: JSON.parse(dependencies) as string[] })),
    /** Which of the node's dependencies are FAILED, in their order. */
    failedOf(nodeId: string): string[] {
      const dependencies = new Set(JSON.parse(dependenciesOf.get(nodeId)?.dependencies ?? "[]") as string[]);
      return [...dependencies].filter((id) => status.get(id)?.status === "FAILED");
    },
    slice: (after: Pick<EdgeRow, "dependency" | "dependent">, limit: number): EdgeRow[] =>
      slice.all(after.dependency, after.dependent, limit),
    hasDependents: (nodeId: string): boolean => dependent.get(nodeId) !== null,
    /** Whether nodes of the task, or of any, are to be skipped or were in vain. */
    isUnsettled: (taskId: string | null): boolean =>
      (taskId === null ? unsettled.get() : unsettledOf.get(taskId)) !== null,
    /** PENDING nodes to be skipped, as a dependency is FAILED. */
    toSkip: (taskId: string | null, limit: number): NodeHead[] =>
      (taskId === null ? toSkip.all(limit) : toSkipOf.all(taskId, limit)).map(toHead),
    /** Nodes that were skipped although none of their dependencies is FAILED any more. */
    skippedInVain: (taskId: string | null, limit: number): NodeHead[] =>
      (taskId === null ? inVain.all(limit) : inVainOf.all(taskId, limit)).map(toHead),
  };
}
