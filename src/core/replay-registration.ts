import type { Json } from "../protocol/json.ts";
import type { NodeStatus } from "../protocol/types.ts";
import { actions, type JournalRow } from "./journal.ts";
import { policyFrom } from "./policy.ts";
import {
  type Fields,
  fields,
  ImpossibleRow,
  json,
  list,
  nameDependent,
  type ReplayedNode,
  type ReplayedTask,
  text,
} from "./replayed.ts";

/** The part of a replay that tasks and nodes are added to. */
interface Registry {
  readonly tasks: Map<string, ReplayedTask>;
  readonly nodes: Map<string, ReplayedNode>;
  readonly brief: (text: string) => string;
  task(taskId: string | null): ReplayedTask;
  nodesOf(taskId: string): string[];
}

/** A task is registered, or adopted with the state it has. */
export function addTask(state: Registry, row: JournalRow, payload: Fields, createdAtMs: number): void {
  const taskId = text(row.taskId);
  if (state.tasks.has(taskId)) throw new ImpossibleRow(`task ${taskId} was registered already`);
  state.tasks.set(taskId, {
    place: state.tasks.size,
    goal: state.brief(text(payload.goal)),
    context: json(state, payload.context),
    createdAtMs,
    ...calledAndLabelled(state, payload),
    policy: JSON.stringify(payload.policy ?? {}),
    paused: false,
    counts: { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 },
  });
  addNodes(state, row, payload.nodes);
}

/** The ids of the nodes. */
export function addNodes(state: Registry, row: JournalRow, told: Json | undefined): string[] {
  const { counts } = state.task(row.taskId);
  const nodes = list(told).map(fields);
  for (const node of nodes) counts[addNode(state, row, node).status]++;
  for (const node of nodes) {
    // An adopted database may name what is not there.
    for (const id of new Set(list(node.dependencies))) {
      const dependency = state.nodes.get(text(id));
      if (dependency !== undefined) nameDependent(dependency, text(node.id));
    }
  }
  return nodes.map(({ id }) => text(id));
}

/** A registered node has no state of its own; an adopted one brings it along. */
function addNode(state: Registry, row: JournalRow, node: Fields): ReplayedNode {
  const id = text(node.id);
  if (state.nodes.has(id)) throw new ImpossibleRow(`node ${id} was registered already`);
  const taskId = text(row.taskId);
  const status = (node.status ?? "PENDING") as NodeStatus;
  const added: ReplayedNode = {
    place: state.nodes.size,
    taskId,
    ...calledAndLabelled(state, node),
    policy: policyFrom(node),
    status,
    failure: status === "FAILED" ? "error" : null,
    failedAttempts: status === "FAILED" ? 1 : 0,
    lostAttempts: 0,
    dependencies: JSON.stringify(node.dependencies),
    payloadSchema: json(state, node.payload_schema),
    // Kept whole: what it needs is looked up when it runs.
    resources: JSON.stringify(node.resources ?? []),
    resultPayload: node.result_payload === undefined ? null : json(state, node.result_payload),
    acquiredAtMs: (node.acquired_at_ms ?? null) as number | null,
    leaseId: (node.lease_id ?? null) as string | null,
    leaseOwner: typeof node.lease_owner === "string" ? state.brief(node.lease_owner) : null,
    fencingToken: status === "RUNNING" ? row.seq : null,
    // An adopted node brings a time of its own.
    updatedAtMs: row.actionType === actions.adoptTask ? null : row.timestampMs,
    dependents: 0,
    notBeforeMs: null,
    attempts: "",
  };
  state.nodes.set(id, added);
  state.nodesOf(taskId).push(id);
  return added;
}

function calledAndLabelled(state: Registry, told: Fields) {
  const name = typeof told.name === "string" ? state.brief(told.name) : null;
  return { name, labels: json(state, told.labels ?? {}), priority: Number(told.priority ?? 0) };
}
