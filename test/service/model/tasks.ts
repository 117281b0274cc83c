import type { Json } from "../../../src/protocol/json.ts";
import { blockedBy, calledAndLabelled, insert, newNodes, nodePayload } from "./dag.ts";
import { cancelAll, followFailures } from "./nodes.ts";
import type { Method, ModelState } from "./state.ts";
import {
  attemptViews,
  countStatuses,
  type ModelNode,
  type ModelTask,
  nodeStatusView,
  type Params,
  Refused,
  taskView,
} from "./views.ts";

/* What clients do to a task as a whole, and how it is shown. */

export const taskMethods: Record<string, Method> = {
  RegisterTask(state, params) {
    const {
      goal = null,
      context = {},
      name = null,
      labels = {},
      priority = 0,
      policy = {},
      initial_nodes = [],
    } = params;
    const task: ModelTask = {
      id: "",
      goal,
      context,
      name,
      labels: labels as Params,
      priority: Number(priority),
      paused: false,
      policy: policy as Params,
      created: state.now,
      nodes: [],
    };
    const { added } = newNodes(state, task, initial_nodes as Params[]);
    const warnings = registrationWarnings(state, task, added.length);
    task.id = state.journal.fresh((row) => row.task_id);
    insert(state, task, added);
    state.tasks.set(task.id, task);
    const demands = Object.keys(task.policy).length > 0 && { policy };
    const told = { goal, context, ...calledAndLabelled(task), ...demands, nodes: added.map(nodePayload) };
    state.journal.write("REGISTER_TASK", { task: task.id }, told);
    const registered = { task_id: task.id, nodes: added.map(idAndName), seq: state.seq };
    return warnings.length === 0 ? registered : { ...registered, warnings };
  },

  AddNodes(state, { task_id, nodes, expand_before = [], lease_id }) {
    const task = state.task(task_id);
    const by = task.nodes.find(({ lease }) => lease !== null && lease.id === lease_id);
    if (lease_id !== undefined && by === undefined) throw new Refused("LEASE_LOST");
    const { added, expanded } = newNodes(state, task, nodes as Params[], expand_before as string[]);
    const told = { nodes: added.map(nodePayload), expand_before: expanded.map(({ id }) => id) };
    insert(state, task, added, expanded);
    const subject = { task: task.id, node: by?.id ?? null };
    state.journal.write("ADD_NODES", subject, { ...told, ...(lease_id !== undefined && { lease_id }) });
    followFailures(state);
    return { nodes: added.map(idAndName), seq: state.seq };
  },

  CancelTask(state, { task_id, reason = null }) {
    const task = state.task(task_id);
    const canceled = cancelAll(state, task.nodes, reason);
    if (canceled === 0) throw new Refused("INVALID_STATE");
    state.journal.write("CANCEL_TASK", { task: task.id }, { reason });
    return { ok: true, canceled, seq: state.seq };
  },

  PauseTask: (state, { task_id }) => setPaused(state, state.task(task_id), true),
  ResumeTask: (state, { task_id }) => setPaused(state, state.task(task_id), false),

  SetPriority(state, { task_id, node_id, priority = 0 }) {
    const task = state.task(task_id);
    const steered = node_id === undefined ? task : state.node(task_id, node_id);
    steered.priority = Number(priority);
    state.journal.write("SET_PRIORITY", { task: task.id, node: node_id ?? null }, { priority });
    return { ok: true, seq: state.seq };
  },

  TaskStatus(state, { task_id, node_id, attempts }) {
    const task = state.task(task_id);
    const shown = node_id === undefined ? task.nodes : [state.node(task_id, node_id)];
    const nodes = shown.map((node) => ({
      ...nodeStatusView(node, blockedBy(state, node)),
      ...(attempts === true && { attempts: attemptViews(node) }),
    }));
    return { task: taskView(task), ...summary(state, task), nodes };
  },

  ListTasks(state, { state: wanted, labels = {}, running = false }) {
    const asked = Object.entries(labels as Params);
    const tasks = [...state.tasks.values()].toReversed().filter((task) => {
      return (
        (running === false || task.nodes.some(({ lease }) => lease !== null)) &&
        (wanted ?? state.stateOf(task)) === state.stateOf(task) &&
        asked.every(([name, v]) => task.labels[name] === v)
      );
    });
    const shown = tasks.map((task) => {
      const { context: _, ...view } = taskView(task);
      return { ...view, ...summary(state, task) };
    });
    return { tasks: shown, next_before: null };
  },

  ListEvents: ({ journal, seq }) => ({ events: journal.listed(), next_after_seq: seq, last_seq: seq }),
};

const idAndName = ({ id, name }: ModelNode) => ({ id, name });

/** What a task about to be registered looks wrong in; no messages are foretold. */
function registrationWarnings(state: ModelState, { name }: ModelTask, nodes: number): Json[] {
  const others = [...state.tasks.values()].filter((task) => task.name !== null && task.name === name);
  const active = others.filter((task) => state.stateOf(task) === "ACTIVE").map(({ id }) => id);
  return [
    ...(nodes === 0 ? [{ kind: "NO_NODES" }] : []),
    ...(active.length === 0 ? [] : [{ kind: "NAME_IN_USE", task_ids: active.toReversed() }]),
  ];
}

const summary = (state: ModelState, task: ModelTask) => ({
  state: state.stateOf(task),
  counts: countStatuses(task.nodes),
});

function setPaused(state: ModelState, task: ModelTask, paused: boolean): Json {
  if (task.paused !== paused) state.journal.write(paused ? "PAUSE_TASK" : "RESUME_TASK", { task: task.id }, {});
  task.paused = paused;
  return { ok: true, seq: state.seq };
}
