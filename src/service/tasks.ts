import { blockedBy, checkDag, duplicateId } from "../core/dag.ts";
import { isRefusal, type Refusal, refuse } from "../core/decision.ts";
import type { NewNode } from "../core/model.ts";
import { registerTask } from "../core/task.ts";
import type { Json } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import type { Params, Result } from "../protocol/methods.ts";
import type { Context, Handlers } from "./handler.ts";
import { iso, nodeView, taskView } from "./views.ts";

export const taskHandlers = {
  RegisterTask(params, context) {
    const { store, settings, nowMs } = context;
    const nodes = newNodes(params.initial_nodes, context);
    const dagLimits = { nodesMax: settings.taskNodesMax, dependenciesMax: settings.nodeDependenciesMax };
    const problem = checkDag(nodes, dagLimits) ?? takenId(nodes, context);
    if (isRefusal(problem)) return problem;
    const task = { id: context.newId(), goal: params.goal, context: params.context as Json, createdAtMs: nowMs };
    const seq = store.registerTask(task, nodes, registerTask(task, nodes));
    context.count("registered_tasks");
    return { task_id: task.id, seq };
  },

  TaskStatus({ task_id: taskId }, { store }) {
    const task = store.task(taskId);
    const summary = store.taskSummary(taskId);
    if (task === null || summary === null) return noTask(taskId);
    const nodes = store.nodesOf(taskId);
    const blocked = blockedBy(nodes);
    return {
      task: taskView(task),
      state: summary.state,
      counts: summary.counts,
      nodes: nodes.map((node) => ({ ...nodeView(node), blocked_by: blocked.get(node.id) ?? [] })),
    };
  },

  ListTasks({ state, limit, before }, { store }) {
    const tasks: Result<"ListTasks">["tasks"] = [];
    let cursor = before ?? null;
    let goalChars = 0;
    for (let scanned = 0; scanned < limits.pageScanMax;) {
      const page = store.listTasks(cursor, limit);
      if (page === null) return noTask(cursor ?? "");
      for (const task of page) {
        cursor = task.id;
        const summary = store.taskSummary(task.id);
        if (summary === null || (state !== null && state !== undefined && summary.state !== state)) continue;
        tasks.push({ id: task.id, goal: task.goal, created_at: iso(task.createdAtMs), ...summary });
        goalChars += task.goal.length;
        if (tasks.length === limit || goalChars > limits.pageCharsMax) return { tasks, next_before: task.id };
      }
      if (page.length < limit) return { tasks, next_before: null };
      scanned += page.length;
    }
    return { tasks, next_before: cursor };
  },
} satisfies Partial<Handlers>;

export function noTask(taskId: string): Refusal {
  return refuse("NOT_FOUND", `there is no task ${taskId}; ListTasks shows those there are`, { task_id: taskId });
}

function newNodes(wanted: Params<"RegisterTask">["initial_nodes"], context: Context): NewNode[] {
  return wanted.map((node) => ({
    id: node.id ?? context.newId(),
    dependencies: node.dependencies,
    payloadSchema: node.payload_schema as Json,
  }));
}

function takenId(nodes: readonly NewNode[], { store }: Context) {
  const taken = nodes.find(({ id }) => store.nodeExists(id));
  return taken === undefined ? null : duplicateId(taken.id, "a node of this or another task has it already");
}
