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
  /** How many of its nodes have each status. */
  counts: Record<NodeStatus, number>;
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
  /** How many nodes name it as a dependency. */
  dependents: number;
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
  /** Stands for a text when texts are compared, so that a large database is replayed in little memory. */
  readonly brief: (text: string) => string;

  constructor(brief: (text: string) => string) {
    this.brief = brief;
  }

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
    move(state, row, "PENDING", {
      status: "RUNNING",
      acquiredAtMs: row.timestampMs,
      leaseId: text(payload.lease_id),
      leaseOwner: state.brief(text(payload.lease_owner)),
      fencingToken: row.seq,
      resultPayload: null,
    });
    const waitingOn = state.waitingOn(text(row.nodeId));
    if (waitingOn > 0) throw new ImpossibleRow(`node ${row.nodeId} waits for ${waitingOn} of its dependencies`);
  },
  [actions.rollBackNode]: (state, row) => {
    move(state, row, "RUNNING", { status: "PENDING", acquiredAtMs: null, ...noLease });
  },
  [actions.completeNode]: (state, row, payload) => {
    const resultPayload = json(state, payload.result);
    move(state, row, "RUNNING", { status: "COMPLETED", resultPayload, ...noLease });
  },
  [actions.failNode]: (state, row, payload) => {
    const resultPayload = json(state, payload.error);
    move(state, row, "RUNNING", { status: "FAILED", resultPayload, ...noLease });
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
  const counts = { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 };
  const goal = state.brief(text(payload.goal));
  state.tasks.set(taskId, { goal, context: json(state, payload.context), createdAtMs, counts });
  const nodes = (Array.isArray(payload.nodes) ? payload.nodes : []).map(fields);
  for (const node of nodes) counts[addNode(state, row, taskId, node).status]++;
  for (const node of nodes) {
    for (const id of new Set(Array.isArray(node.dependencies) ? node.dependencies : [])) {
      const dependency = state.nodes.get(text(id));
      if (dependency !== undefined) dependency.dependents++;
    }
  }
}

/** A registered node has only its first three fields; an adopted one brings its state along. */
function addNode(state: Replay, row: JournalRow, taskId: string, node: Fields): ReplayedNode {
  const id = text(node.id);
  if (state.nodes.has(id)) throw new ImpossibleRow(`node ${id} was registered already`);
  const status = (node.status ?? "PENDING") as NodeStatus;
  const added: ReplayedNode = {
    taskId,
    status,
    dependencies: JSON.stringify(node.dependencies),
    payloadSchema: json(state, node.payload_schema),
    resultPayload: node.result_payload === undefined ? null : json(state, node.result_payload),
    acquiredAtMs: (node.acquired_at_ms ?? null) as number | null,
    leaseId: (node.lease_id ?? null) as string | null,
    leaseOwner: typeof node.lease_owner === "string" ? state.brief(node.lease_owner) : null,
    fencingToken: status === "RUNNING" ? row.seq : null,
    dependents: 0,
  };
  state.nodes.set(id, added);
  return added;
}

/** A node's change of status; the daemon makes it only from the status the rules name. */
function move(
  state: Replay,
  row: JournalRow,
  from: NodeStatus,
  change: Partial<ReplayedNode> & { status: NodeStatus },
): void {
  const node = state.nodes.get(text(row.nodeId));
  if (node === undefined) throw new ImpossibleRow(`node ${row.nodeId} was never registered`);
  if (node.status !== from) throw new ImpossibleRow(`node ${row.nodeId} was ${node.status}, not ${from}`);
  Object.assign(node, change);
  const counts = state.tasks.get(node.taskId)?.counts;
  if (counts === undefined) return;
  counts[from]--;
  counts[change.status]++;
}

function json(state: Replay, value: Json | undefined): string {
  return state.brief(JSON.stringify(value ?? null));
}

function addLock(state: Replay, row: JournalRow, payload: Fields, acquiredAtMs: number): void {
  state.locks.set(text(payload.resource_key), {
    leaseId: text(payload.lease_id),
    owner: state.brief(text(payload.owner)),
    provider: typeof payload.provider === "string" ? state.brief(payload.provider) : null,
    taskId: row.taskId,
    nodeId: row.nodeId,
    metadata: json(state, payload.metadata),
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
