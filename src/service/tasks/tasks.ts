import { checkDag, type DagLimits, duplicateId, type Existing } from "../../core/dag/dag.ts";
import { isRefusal, type Refusal, refuse } from "../../core/decision.ts";
import type { NewNode, Task } from "../../core/model.ts";
import { resolveNames, resolveRef } from "../../core/dag/names.ts";
import { addNodes, registerTask } from "../../core/dag/task.ts";
import { taskPolicyFrom } from "../../core/dag/task-policy.ts";
import type { Json } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import type { NewNodeParams } from "../../protocol/methods/tasks.ts";
import type { Params } from "../../protocol/methods.ts";
import type { Warning } from "../../protocol/warnings.ts";
import { followChanges } from "../nodes/dependents.ts";
import type { Context, Handlers } from "../handler.ts";
import { noRoom, planName, readNodes } from "./new-nodes.ts";
import { type FindPlanName, inPlanNames, storedName } from "./plan-names.ts";
import { readPage } from "../journal/pages.ts";
import { listedTaskView } from "../views.ts";
import { present } from "../../protocol/present.ts";

export const taskHandlers = {
  RegisterTask(params, context) {
    const excess = tooManyDependencies(dependenciesOf(params.initial_nodes), 0);
    return excess ?? readNodes(params.initial_nodes, (wanted, now) => register(params, wanted, now), context);
  },

  AddNodes(params, context) {
    return readNodes(params.nodes, (wanted, now) => add(params, wanted, now), context);
  },

  ListTasks({ state = null, labels, running, limit, before = null }, context) {
    const beforePlace = before === null ? null : context.reads.tasks.placeOf(before);
    if (before !== null && beforePlace === null) return noTask(before);
    const wanted = Object.entries(labels ?? {});
    return readPage(
      {
        beforePlace,
        limit,
        read: (place, bounds, { reads }) =>
          running ? reads.tasks.running(place, bounds) : reads.tasks.list(place, bounds),
        view(task, { reads }) {
          if (wanted.some(([name, value]) => task.labels[name] !== value)) return null;
          const summary = reads.tasks.summary(task.id);
          if (summary === null || (state ?? summary.state) !== summary.state) return null;
          return { ...listedTaskView(task), ...summary };
        },
      },
      ({ entries, nextBefore }) => ({ tasks: entries, next_before: nextBefore }),
      context,
    );
  },
} satisfies Partial<Handlers>;

function register(params: Params<"RegisterTask">, wanted: NewNode[], context: Context) {
  const { apply, nowMs } = context;
  const find = planNames(params.initial_nodes, wanted, context);
  const nodes = resolveNames(wanted, () => null);
  if (isRefusal(nodes)) return inPlanNames(nodes, find);
  const problem = checkDag(nodes, dagLimits(context)) ?? noRoom(null, nodes.length, context) ?? takenId(nodes, context);
  if (isRefusal(problem)) return inPlanNames(problem, find);
  const { goal, labels, priority } = params;
  const called = { id: context.newId(), name: params.name ?? null };
  const about = { goal, context: params.context as Json, createdAtMs: nowMs };
  const policy = taskPolicyFrom(params.policy);
  const task = { ...called, ...about, labels, priority, paused: false, policy };
  const warnings = registrationWarnings(task, nodes.length, context);
  const seq = apply({ kind: "registerTask", task, nodes, entry: registerTask(task, nodes) });
  context.count("registered_tasks");
  const registered = { task_id: task.id, nodes: nodes.map(({ id, name }) => ({ id, name })), seq };
  return warnings.length === 0 ? registered : { ...registered, warnings };
}

function add(params: Params<"AddNodes">, wanted: NewNode[], context: Context) {
  const { apply, reads, nowMs } = context;
  const { task_id: taskId, lease_id: leaseId = null } = params;
  const task = reads.tasks.find(taskId);
  if (task === null) return noTask(taskId);
  const by = leaseId === null ? null : reads.leases.node(taskId, leaseId);
  if (leaseId !== null && by === null) return noSuchLease(taskId, leaseId);
  const idByName = (name: string) => reads.nodes.idByName(taskId, name);
  const find = planNames(params.nodes, wanted, context);
  const nodes = resolveNames(wanted, idByName);
  if (isRefusal(nodes)) return inPlanNames(nodes, find);
  const expanded = waitingNodes(taskId, params.expand_before, context);
  if (isRefusal(expanded)) return expanded;

  const made = dependenciesOf(nodes) + nodes.length * expanded.size;
  const excess = tooManyDependencies(made, reads.dag.countEdges(taskId));
  if (excess !== null) return excess;

  const added = nodes.map(({ id }) => id);
  const edges = (expanded.size === 0 ? [] : reads.dag.edges(taskId)).map(({ id, dependencies }) =>
    expanded.has(id) ? { id, dependencies: [...dependencies, ...added] } : { id, dependencies },
  );
  const counts = Object.values(present(reads.tasks.summary(taskId), "the summary of task", taskId).counts);
  const existing: Existing = {
    count: counts.reduce((sum, ofStatus) => sum + ofStatus, 0),
    has: (id) => reads.nodes.head(id)?.taskId === taskId,
    edges,
    waits: (id) => expanded.has(id),
  };
  const problem =
    checkDag(nodes, dagLimits(context), existing) ?? noRoom(taskId, nodes.length, context) ?? takenId(nodes, context);
  if (isRefusal(problem)) return inPlanNames(problem, find);

  const holder = by === null || leaseId === null ? null : { nodeId: by.id, leaseId };
  const expandBefore = [...expanded];
  const steered = { id: taskId, priority: task.priority, paused: task.paused };
  const entry = addNodes(taskId, nodes, expandBefore, holder, nowMs);
  apply({ kind: "addNodes", task: steered, nodes, expandBefore, entry });
  followChanges(taskId, context);
  return { nodes: nodes.map(({ id, name }) => ({ id, name })), seq: reads.head.seq };
}

export function noTask(taskId: string): Refusal<"NOT_FOUND"> {
  return refuse("NOT_FOUND", `there is no task ${taskId}; ListTasks lists the tasks`, { task_id: taskId });
}

export function noNode(taskId: string, nodeId: string): Refusal<"NOT_FOUND"> {
  const message = `task ${taskId} has no node ${nodeId}; TaskStatus without node_id lists its nodes`;
  return refuse("NOT_FOUND", message, { task_id: taskId, node_id: nodeId });
}

/** Refuses what would keep others waiting for long: while it is made, and whenever all of the task changes at once. */
function tooManyDependencies(made: number, existing: number) {
  if (made > limits.newDependenciesMax)
    return tooMany("new_dependencies_max", limits.newDependenciesMax, made, "the call");
  const got = existing + made;
  return got > limits.taskDependenciesMax
    ? tooMany("task_dependencies_max", limits.taskDependenciesMax, got, "the task")
    : null;
}

function tooMany(limit: string, max: number, got: number, who: string) {
  const message = `${who} would have ${got} dependencies and the limit is ${max}; put one node between groups that all depend on each other`;
  return refuse("LIMIT_EXCEEDED", message, { limit, max, got });
}

const dependenciesOf = (nodes: readonly { dependencies: readonly string[] }[]) =>
  nodes.reduce((sum, { dependencies }) => sum + dependencies.length, 0);

function noSuchLease(taskId: string, leaseId: string) {
  const message = `nodes cannot be added under lease ${leaseId}: it is not a current lease of task ${taskId}. If it was yours, stop working on its node; nodes can be added without lease_id, too`;
  return refuse("LEASE_LOST", message, { task_id: taskId, lease_id: leaseId });
}

/** The ids of the nodes that are to wait for new ones, all of them PENDING. */
function waitingNodes(taskId: string, refs: readonly string[], { reads }: Context) {
  const ids = new Set<string>();
  for (const ref of refs) {
    const id = resolveRef(ref, (name) => reads.nodes.idByName(taskId, name));
    const node = id === null ? null : reads.nodes.head(id);
    if (node === null || node.taskId !== taskId) return noNode(taskId, ref);
    if (node.status !== "PENDING") {
      const message = `node ${ref} cannot be made to wait: it is ${node.status}, and only a PENDING node can wait for new ones`;
      return refuse("INVALID_STATE", message, { node_id: node.id, status: node.status, to: "PENDING" });
    }
    ids.add(node.id);
  }
  return ids;
}

function dagLimits({ settings }: Context): DagLimits {
  return { nodesMax: settings.taskNodesMax, dependenciesMax: settings.nodeDependenciesMax };
}

/** How the caller knows the nodes of its call, and those that were there. */
function planNames(given: readonly NewNodeParams[], nodes: readonly NewNode[], { reads }: Context): FindPlanName {
  // Only a refusal asks.
  const own = () => new Map(nodes.map(({ id }, index) => [id, index] as const));
  let indexes: Map<string, number> | undefined;
  return (id) => {
    const index = (indexes ??= own()).get(id);
    const node = index === undefined ? undefined : given[index];
    return index === undefined || node === undefined ? storedName(id, reads) : planName(node, index);
  };
}

/** What looks like a mistake in a task about to be registered. */
function registrationWarnings({ id, name }: Task, nodes: number, { reads }: Context): Warning[] {
  const warnings: Warning[] = [];
  if (nodes === 0) {
    const message = `task ${id} has no nodes, so nobody gets work from it; add some with: agentd node add`;
    warnings.push({ kind: "NO_NODES", message });
  }
  const namesakes = name === null ? [] : reads.tasks.named(name, limits.namesakesMax);
  const active = namesakes.filter((task) => reads.tasks.summary(task.id)?.state === "ACTIVE").map((task) => task.id);
  if (active.length > 0) {
    const others = active.length === 1 ? "another ACTIVE task has" : `${active.length} other ACTIVE tasks have`;
    const message = `${others} the name ${JSON.stringify(name)}: from now on it stands for this one, the newest; the others go by their ids`;
    warnings.push({ kind: "NAME_IN_USE", message, task_ids: active });
  }
  return warnings;
}

function takenId(nodes: readonly NewNode[], { reads }: Context) {
  const taken = reads.nodes.taken(nodes.map(({ id }) => id));
  return taken === null ? null : duplicateId(taken, "a node of this or another task has it already");
}
