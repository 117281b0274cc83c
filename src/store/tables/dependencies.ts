import type { Database } from "bun:sqlite";
import { present } from "../../protocol/present.ts";
import type { Dependent, Edges } from "../../core/dag/dag.ts";
import type { DependencyPolicy, NodeStatus } from "../../protocol/types.ts";

/** Who waits for whom, as it is told with each node. */
export function dependencyTable(db: Database) {
  const status = db.prepare<{ status: NodeStatus }, [string]>("SELECT status FROM nodes WHERE id = ?");
  const edgesOf = db.prepare<{ id: string; dependencies: string }, [string]>(`
    SELECT id, dependencies FROM nodes WHERE task_id = ? ORDER BY row`);
  const dagOf = db.prepare<
    { id: string; status: NodeStatus; dependencies: string; on_dependency_failure: DependencyPolicy },
    [string]
  >("SELECT id, status, dependencies, on_dependency_failure FROM nodes WHERE task_id = ? ORDER BY row");
  const countOf = db.prepare<{ count: number }, [string]>(`
    SELECT coalesce(sum(json_array_length(dependencies)), 0) AS count FROM nodes WHERE task_id = ?`);
  const dependenciesOf = db.prepare<{ dependencies: string }, [string]>("SELECT dependencies FROM nodes WHERE id = ?");

  const statusOf = (nodeId: string): NodeStatus | null => status.get(nodeId)?.status ?? null;

  return {
    /** Null for a node nobody knows. */
    statusOf,
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
      return [...dependencies].filter((id) => statusOf(id) === "FAILED");
    },
  };
}
