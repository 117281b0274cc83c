import type { Json } from "../../../src/protocol/json.ts";
import type { ModelWish } from "./line.ts";
import { rollBack } from "./nodes.ts";
import type { ModelState } from "./state.ts";
import { type ModelNode, nodeView, type Params, taskView, text, until } from "./views.ts";

/* Which node is handed out next, and what its worker gets with it. */

/** Rolls back what is over of the task in registration order, or of any by how long it is over. */
export function rollBackExpired(state: ModelState, { task_id }: Params): void {
  const nodes = task_id === undefined ? state.nodes.values() : (state.tasks.get(text(task_id))?.nodes ?? []);
  const over = [...nodes].filter(({ lease }) => lease !== null && lease.until <= state.now);
  if (task_id === undefined) over.sort((a, b) => (a.lease?.until ?? 0) - (b.lease?.until ?? 0));
  for (const node of over) rollBack(state, node);
  state.locks.expire();
}

/** One runnable node, or with `count` as many as there are up to that; null when there is none. */
export function acquire(state: ModelState, params: Params, earlier: readonly ModelWish[]): Json {
  if (params.task_id !== undefined) state.task(params.task_id);
  if (params.count === undefined) return acquireOne(state, params, earlier);
  const nodes: Json[] = [];
  while (nodes.length < Number(params.count)) {
    const node = acquireOne(state, params, earlier);
    if (node === null) break;
    nodes.push(node);
  }
  return nodes.length === 0 ? null : { nodes, seq: state.seq };
}

/** Whether the one task that is asked can offer nothing any more. */
export function isHopeless(state: ModelState, { task_id }: Params): boolean {
  return task_id !== undefined && state.stateOf(state.task(task_id)) !== "ACTIVE";
}

function acquireOne(state: ModelState, params: Params, earlier: readonly ModelWish[]): Json {
  const lease_owner = text(params.lease_owner ?? "anonymous");
  const node = runnable(state, params).find((one) => state.locks.takeWith(one, lease_owner, earlier));
  if (node === undefined) return null;
  const ttl = params.ttl_secs ?? node.ttlSecs;
  const ttlMs = ttl === null ? state.settings.ttl : Number(ttl) * 1000;
  const lease_id = state.locks.idWith(node) ?? state.journal.fresh(({ payload }) => (payload as Params).lease_id);
  state.journal.write("ACQUIRE_NODE", { task: node.task.id, node: node.id }, { lease_id, lease_owner });
  const { now, seq } = state;
  node.lease = { id: lease_id, owner: lease_owner, until: now + ttlMs, ttl: ttlMs, token: seq };
  Object.assign(node, { status: "RUNNING", acquired: now, updated: now, result: null });
  const grant = { task_id: node.task.id, node_id: node.id, lease_id, lease_owner, ...until(now + ttlMs) };
  return { ...grant, fencing_token: seq, seq, context: context(state, node) };
}

/** What could be handed out but for locks, in the order in which it is. */
function runnable(state: ModelState, { task_id, labels = {} }: Params): ModelNode[] {
  const wanted = Object.entries(labels as Params);
  const open = [...state.nodes.values()].filter(
    (node) =>
      (task_id ?? node.task.id) === node.task.id &&
      !node.task.paused &&
      node.notBefore === null &&
      wanted.every(([name, value]) => node.labels[name] === value) &&
      state.isOpen(node),
  );
  // Sorting keeps the registration order among equals.
  return open.toSorted((a, b) => b.task.priority - a.task.priority || b.priority - a.priority);
}

function context(state: ModelState, node: ModelNode): Json {
  const { contextEvents } = state.settings;
  return {
    task: taskView(node.task),
    node: nodeView(node),
    completed_dependencies: node.dependencies.map((id) => {
      const { status, result } = state.nodes.get(id) ?? { status: "PENDING", result: null };
      return { node_id: id, result_payload: result, ...(status === "FAILED" && { status }) };
    }),
    event_journal_limit: contextEvents,
    event_journal: state.journal.eventsOf(node.task.id, contextEvents),
  };
}
