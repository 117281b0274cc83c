import type { Json } from "../protocol/json.ts";
import type { NodeStatus } from "../protocol/types.ts";
import { actions, type JournalRow } from "./journal.ts";

/*
 * The state as the journal alone tells it. Kept apart from the transition rules on purpose: it is what those rules
 * and the tables are checked against. Payloads are compared as JSON text. What heartbeats move (deadlines) is not
 * journalled and so not here.
 */

export interface ReplayedTask {
  goal: string;
  context: string;
  createdAtMs: number;
}

export interface ReplayedNode {
  taskId: string;
  status: NodeStatus;
  dependencies: string;
  payloadSchema: string;
  /** JSON text, or null while there is none. */
  resultPayload: string | null;
  acquiredAtMs: number | null;
  leaseId: string | null;
  leaseOwner: string | null;
  fencingToken: number | null;
}

export interface ReplayedLock {
  leaseId: string;
  owner: string;
  provider: string | null;
  taskId: string | null;
  nodeId: string | null;
  metadata: string;
  acquiredAtMs: number;
  fencingToken: number;
}

type Fields = Record<string, Json>;
type Apply = (state: Replay, row: JournalRow, payload: Fields) => void;

/** A journal row that no daemon following the rules can have written. */
export class ImpossibleRow extends Error {}

export class Replay {
  readonly tasks = new Map<string, ReplayedTask>();
  readonly nodes = new Map<string, ReplayedNode>();
  readonly locks = new Map<string, ReplayedLock>();

  /** Rows come in seq order. @throws {ImpossibleRow} */
  apply(row: JournalRow): void {
    if (row.origin === "client") return;
    const apply = appliers[row.actionType];
    if (apply === undefined) throw new ImpossibleRow(`the daemon has no transition ${row.actionType}`);
    apply(this, row, fields(row.payload));
  }

  /** How many distinct dependencies of the node are not COMPLETED. */
  waitingOn(nodeId: string): number {
    const dependencies = new Set(JSON.parse(this.nodes.get(nodeId)?.dependencies ?? "[]") as string[]);
    return [...dependencies].filter((id) => this.nodes.get(id)?.status !== "COMPLETED").length;
  }
}

const appliers: Record<string, Apply> = {
  [actions.registerTask]: (state, row, payload) => {
    addTask(state, row, payload, row.timestampMs);
  },
  [actions.adoptTask]: (state, row, payload) => {
    addTask(state, row, payload, Number(payload.created_at_ms));
  },
  [actions.acquireNode]: (state, row, payload) => {
    Object.assign(nodeIn(state, row, "PENDING"), {
      status: "RUNNING",
      acquiredAtMs: row.timestampMs,
      leaseId: payload.lease_id,
      leaseOwner: payload.lease_owner,
      fencingToken: row.seq,
      resultPayload: null,
    });
  },
  [actions.rollBackNode]: (state, row) => {
    Object.assign(nodeIn(state, row, "RUNNING"), { status: "PENDING", acquiredAtMs: null, ...noLease });
  },
  [actions.completeNode]: (state, row, payload) => {
    const resultPayload = JSON.stringify(payload.result);
    Object.assign(nodeIn(state, row, "RUNNING"), { status: "COMPLETED", resultPayload, ...noLease });
  },
  [actions.failNode]: (state, row, payload) => {
    const resultPayload = JSON.stringify(payload.error);
    Object.assign(nodeIn(state, row, "RUNNING"), { status: "FAILED", resultPayload, ...noLease });
  },
  [actions.acquireLock]: (state, row, payload) => {
    if (state.locks.has(text(payload.resource_key))) throw new ImpossibleRow("the lock was held already");
    addLock(state, row, payload, row.timestampMs);
  },
  [actions.takeOverLock]: (state, row, payload) => {
    heldLock(state, fields(payload.from), payload);
    addLock(state, row, payload, row.timestampMs);
  },
  [actions.adoptLock]: (state, row, payload) => {
    addLock(state, row, payload, Number(payload.acquired_at_ms));
  },
  [actions.releaseLock]: endLock,
  [actions.expireLock]: endLock,
};

const noLease = { leaseId: null, leaseOwner: null, fencingToken: null };

function addTask(state: Replay, row: JournalRow, payload: Fields, createdAtMs: number): void {
  const taskId = text(row.taskId);
  if (state.tasks.has(taskId)) throw new ImpossibleRow(`task ${taskId} was registered already`);
  state.tasks.set(taskId, { goal: text(payload.goal), context: JSON.stringify(payload.context), createdAtMs });
  for (const item of Array.isArray(payload.nodes) ? payload.nodes : []) addNode(state, row, taskId, fields(item));
}

/** A registered node has only its first three fields; an adopted one brings its state along. */
function addNode(state: Replay, row: JournalRow, taskId: string, node: Fields): void {
  const id = text(node.id);
  if (state.nodes.has(id)) throw new ImpossibleRow(`node ${id} was registered already`);
  const status = (node.status ?? "PENDING") as NodeStatus;
  state.nodes.set(id, {
    taskId,
    status,
    dependencies: JSON.stringify(node.dependencies),
    payloadSchema: JSON.stringify(node.payload_schema),
    resultPayload: node.result_payload === undefined ? null : JSON.stringify(node.result_payload),
    acquiredAtMs: (node.acquired_at_ms ?? null) as number | null,
    leaseId: (node.lease_id ?? null) as string | null,
    leaseOwner: (node.lease_owner ?? null) as string | null,
    fencingToken: status === "RUNNING" ? row.seq : null,
  });
}

function nodeIn(state: Replay, row: JournalRow, status: NodeStatus): ReplayedNode {
  const node = state.nodes.get(text(row.nodeId));
  if (node === undefined) throw new ImpossibleRow(`node ${row.nodeId} was never registered`);
  if (node.status !== status) throw new ImpossibleRow(`node ${row.nodeId} was ${node.status}, not ${status}`);
  return node;
}

function addLock(state: Replay, row: JournalRow, payload: Fields, acquiredAtMs: number): void {
  state.locks.set(text(payload.resource_key), {
    leaseId: text(payload.lease_id),
    owner: text(payload.owner),
    provider: (payload.provider ?? null) as string | null,
    taskId: row.taskId,
    nodeId: row.nodeId,
    metadata: JSON.stringify(payload.metadata),
    acquiredAtMs,
    fencingToken: row.seq,
  });
}

function endLock(state: Replay, _row: JournalRow, payload: Fields): void {
  heldLock(state, payload, payload);
  state.locks.delete(text(payload.resource_key));
}

function heldLock(state: Replay, holder: Fields, payload: Fields): void {
  const held = state.locks.get(text(payload.resource_key));
  if (held?.leaseId !== holder.lease_id) throw new ImpossibleRow(`lease ${text(holder.lease_id)} did not hold it`);
}

function fields(value: Json | undefined): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new ImpossibleRow("its payload is not what the daemon writes");
}

function text(value: Json | undefined): string {
  if (typeof value === "string") return value;
  throw new ImpossibleRow("its payload is not what the daemon writes");
}
