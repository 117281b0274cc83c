import type { Payload } from "../../protocol/transitions.ts";
import type { Labels } from "../../protocol/types.ts";
import { policyFrom } from "../dag/node-policy.ts";
import { ImpossibleRow, json, type ReplayedNode, type ReplayedTask, type RowHead, text } from "./replayed.ts";

/** The part of a replay that tasks and nodes are added to. */
interface Registry {
  readonly tasks: Map<string, ReplayedTask>;
  readonly nodes: Map<string, ReplayedNode>;
  readonly brief: (text: string) => string;
  task(taskId: string | null): ReplayedTask;
  nodesOf(taskId: string): string[];
}

type Registered = Payload<"REGISTER_TASK">;
type Adopted = Payload<"ADOPT_TASK">;
type NewNode = Registered["nodes"][number];
type AdoptedNode = Adopted["nodes"][number];

/** A task is registered. */
export function addTask(state: Registry, row: RowHead, payload: Registered): void {
  insertTask(state, row, payload, row.timestampMs);
  addNodes(state, row, payload.nodes);
}

/** A task is adopted with the state it has. */
export function adoptTask(state: Registry, row: RowHead, payload: Adopted): void {
  insertTask(state, row, payload, payload.created_at_ms);
  insertNodes(state, row, payload.nodes, (node) => adoptedNode(state, row, node));
}

type ToldTask = Pick<Registered, "goal" | "context" | "name" | "labels" | "priority" | "policy">;

function insertTask(state: Registry, row: RowHead, payload: ToldTask, createdAtMs: number): void {
  const taskId = text(row.taskId);
  if (state.tasks.has(taskId)) throw new ImpossibleRow(`task ${taskId} was registered already`);
  state.tasks.set(taskId, {
    place: state.tasks.size,
    goal: state.brief(payload.goal),
    context: json(state, payload.context),
    createdAtMs,
    ...calledAndLabelled(state, payload),
    policy: JSON.stringify(payload.policy ?? {}),
    paused: false,
    counts: { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 },
  });
}

/** Registered nodes have no state of their own. The ids of the nodes. */
export function addNodes(state: Registry, row: RowHead, nodes: readonly NewNode[]): string[] {
  return insertNodes(state, row, nodes, (node) => registeredNode(state, row, node));
}

function insertNodes<Told extends { id: string; dependencies: string[] }>(
  state: Registry,
  row: RowHead,
  nodes: readonly Told[],
  make: (node: Told) => ReplayedNode,
): string[] {
  const taskId = text(row.taskId);
  const { counts } = state.task(taskId);
  for (const told of nodes) {
    if (state.nodes.has(told.id)) throw new ImpossibleRow(`node ${told.id} was registered already`);
    const node = make(told);
    state.nodes.set(told.id, node);
    state.nodesOf(taskId).push(told.id);
    counts[node.status]++;
  }
  return nodes.map(({ id }) => id);
}

function registeredNode(state: Registry, row: RowHead, node: NewNode): ReplayedNode {
  return {
    place: state.nodes.size,
    taskId: text(row.taskId),
    ...calledAndLabelled(state, node),
    policy: policyFrom(node),
    status: "PENDING",
    failure: null,
    failedAttempts: 0,
    lostAttempts: 0,
    dependencies: JSON.stringify(node.dependencies),
    payloadSchema: json(state, node.payload_schema),
    // Kept whole: what it needs is looked up when it runs.
    resources: JSON.stringify(node.resources ?? []),
    resultPayload: null,
    acquiredAtMs: null,
    leaseId: null,
    leaseOwner: null,
    fencingToken: null,
    updatedAtMs: row.timestampMs,
    notBeforeMs: null,
    attempts: "",
  };
}

/** An adopted node brings its state along. */
function adoptedNode(state: Registry, row: RowHead, node: AdoptedNode): ReplayedNode {
  const { status, result_payload: result, lease_owner: owner = null } = node;
  return {
    ...registeredNode(state, row, node),
    status,
    failure: status === "FAILED" ? "error" : null,
    failedAttempts: status === "FAILED" ? 1 : 0,
    resultPayload: result === undefined ? null : json(state, result),
    acquiredAtMs: node.acquired_at_ms ?? null,
    leaseId: node.lease_id ?? null,
    leaseOwner: owner === null ? null : state.brief(owner),
    fencingToken: status === "RUNNING" ? row.seq : null,
    // It has a time of its own.
    updatedAtMs: null,
  };
}

function calledAndLabelled(
  state: Registry,
  told: { name?: string | undefined; labels?: Labels | undefined; priority?: number | undefined },
) {
  const name = told.name === undefined ? null : state.brief(told.name);
  return { name, labels: json(state, told.labels ?? {}), priority: told.priority ?? 0 };
}
