import type { NodeStatus, TaskState } from "../../protocol/types.ts";
import { type Refusal, refuse } from "../decision.ts";
import type { NewNode, Node } from "../model.ts";
import { present } from "../../protocol/present.ts";

export interface DagLimits {
  nodesMax: number;
  dependenciesMax: number;
}

/** A node and what it waits for. */
export type Edges = Pick<NewNode, "id" | "dependencies">;

/** What a task has already when its DAG is extended. */
export interface Existing {
  count: number;
  has(id: string): boolean;
  /** All of its nodes where some are made to wait for the new ones, with those new dependencies; else none. */
  edges: readonly Edges[];
  /** Whether it is one that is made to wait. */
  waits(id: string): boolean;
}

const nothing: Existing = { count: 0, has: () => false, edges: [], waits: () => false };

/**
 * Checks that `nodes` form a DAG among themselves and with what is there already. Whether an id is taken in the store
 * is for the store to say. A dependency on itself is a cycle.
 */
export function checkDag(
  nodes: readonly Edges[],
  limits: DagLimits,
  existing: Existing = nothing,
): Refusal<"LIMIT_EXCEEDED" | "DUPLICATE_ID" | "UNKNOWN_DEPENDENCY" | "CYCLE"> | null {
  const count = existing.count + nodes.length;
  if (count > limits.nodesMax) return tooManyNodes(count, limits.nodesMax);
  const ids = new Set<string>();
  for (const { id } of nodes) {
    if (ids.has(id)) return duplicateId(id, "the call names it twice");
    ids.add(id);
  }
  for (const { id, dependencies } of [...nodes, ...existing.edges.filter((edge) => existing.waits(edge.id))]) {
    if (dependencies.length > limits.dependenciesMax) {
      const message = `node ${id} has ${dependencies.length} dependencies and the limit is ${limits.dependenciesMax}`;
      const facts = { limit: "node_dependencies_max", max: limits.dependenciesMax, got: dependencies.length };
      return refuse("LIMIT_EXCEEDED", message, { node_id: id, ...facts });
    }
  }
  for (const { id, dependencies } of nodes) {
    const unknown = dependencies.find((dependency) => !ids.has(dependency) && !existing.has(dependency));
    if (unknown !== undefined) return unknownDependency(id, unknown);
  }
  const cycle = findCycle([...nodes, ...existing.edges]);
  if (cycle === null) return null;
  const message = `the dependencies form a cycle: ${[...shownOf(cycle), cycle[0]].join(" -> ")}; none of these nodes could ever run`;
  return refuse("CYCLE", message, { cycle: cycle.slice(0, cycleTold) });
}

/** Nodes of a cycle that a message names, and that its facts do. */
const [cycleShown, cycleTold] = [20, 1_000];

function shownOf(cycle: readonly string[]): string[] {
  const left = cycle.length - cycleShown;
  return left <= 0 ? [...cycle] : [...cycle.slice(0, cycleShown), `${left} more`];
}

export function tooManyNodes(count: number, max: number): Refusal<"LIMIT_EXCEEDED"> {
  const message = `the task would have ${count} nodes and the limit is ${max}; split it into several tasks`;
  return refuse("LIMIT_EXCEEDED", message, { limit: "task_nodes_max", max, got: count });
}

/** Whether so many nodes of tasks that have not ended, which are kept in memory, would be too many. */
export function tooManyActive(count: number, max: number): Refusal<"LIMIT_EXCEEDED"> | null {
  if (count <= max) return null;
  const message = `tasks that have not ended would have ${count} nodes together and the limit is ${max}; wait until some have ended, cancel what nobody needs, or start the daemon with a higher AGENTD_ACTIVE_NODES_MAX`;
  return refuse("LIMIT_EXCEEDED", message, { limit: "active_nodes_max", max, got: count });
}

export function unknownDependency(nodeId: string, dependency: string): Refusal<"UNKNOWN_DEPENDENCY"> {
  const message = `node ${nodeId} depends on ${JSON.stringify(dependency)}, which is not a node of this task; add it or drop the dependency`;
  return refuse("UNKNOWN_DEPENDENCY", message, { node_id: nodeId, dependency });
}

export function duplicateId(id: string, why: string): Refusal<"DUPLICATE_ID"> {
  return refuse("DUPLICATE_ID", `node id ${id} cannot be registered: ${why}; choose another`, { node_id: id });
}

/** One cycle, each node depending on the next, or null. */
function findCycle(nodes: readonly Edges[]): string[] | null {
  const dependencies = new Map(nodes.map((node) => [node.id, node.dependencies]));
  const done = new Set<string>();
  for (const { id: start, dependencies: its } of nodes) {
    if (its.length === 0 || done.has(start)) continue;
    const path = [{ id: start, next: 0 }];
    const onPath = new Set([start]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = dependencies.get(top.id)?.[top.next++];
      if (next === undefined) {
        path.pop();
        onPath.delete(top.id);
        done.add(top.id);
      } else if (onPath.has(next)) {
        return path.slice(path.findIndex(({ id }) => id === next)).map(({ id }) => id);
      } else if (!done.has(next)) {
        path.push({ id: next, next: 0 });
        onPath.add(next);
      }
    }
  }
  return null;
}

/**
 * A task's state, from how many of its nodes have each status and whether one is runnable. In a DAG where nothing runs
 * and nothing is runnable, every PENDING node stands behind a FAILED one.
 */
export function taskState(counts: Readonly<Record<NodeStatus, number>>, runnable: boolean): TaskState {
  if (counts.RUNNING > 0 || runnable) return "ACTIVE";
  if (counts.FAILED > 0) return "FAILED";
  return counts.PENDING > 0 ? "ACTIVE" : "COMPLETED";
}

/** A node as those stand to each other. */
export type Dependent = Pick<Node, "id" | "status" | "dependencies"> & {
  policy: Pick<Node["policy"], "onDependencyFailure">;
};

/** At most this many failed nodes are named for one blocked node. */
const blockersShownMax = 100;

/**
 * For each PENDING node that cannot run: the failed nodes it waits behind, directly or through other PENDING nodes. One
 * that runs whatever became of its dependencies waits only behind such other nodes. It pauses after each node.
 */
export function* blockedBy(nodes: readonly Dependent[]): Generator<void, Map<string, string[]>, void> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const blockers = new Map<string, Set<string>>();
  for (const id of inDependencyOrder(nodes)) {
    const node = byId.get(id);
    if (node?.status !== "PENDING") continue;
    const found = new Set<string>();
    for (const dependency of node.dependencies) {
      const blocks = byId.get(dependency)?.status === "FAILED" && node.policy.onDependencyFailure !== "run";
      for (const blocker of blocks ? [dependency] : (blockers.get(dependency) ?? []))
        if (found.size < blockersShownMax) found.add(blocker);
      if (found.size === blockersShownMax) break;
    }
    if (found.size > 0) blockers.set(id, found);
    yield;
  }
  return new Map([...blockers].map(([id, found]) => [id, [...found]]));
}

/** Node ids so that every dependency comes before its dependents. */
function inDependencyOrder(nodes: readonly { id: string; dependencies: readonly string[] }[]): string[] {
  const waitingFor = new Map<string, number>();
  const dependents = new Map<string, string[]>();
  for (const { id, dependencies } of nodes) {
    waitingFor.set(id, dependencies.length);
    for (const dependency of dependencies) {
      const known = dependents.get(dependency);
      if (known === undefined) dependents.set(dependency, [id]);
      else known.push(id);
    }
  }
  const order = nodes.filter(({ dependencies }) => dependencies.length === 0).map(({ id }) => id);
  for (const id of order) {
    for (const dependent of dependents.get(id) ?? []) {
      const left = present(waitingFor.get(dependent), "the count of a node's dependencies") - 1;
      waitingFor.set(dependent, left);
      if (left === 0) order.push(dependent);
    }
  }
  return order;
}
