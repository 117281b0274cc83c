import type { Json } from "../protocol/json.ts";
import type { AttemptOutcome, NodeStatus } from "../protocol/types.ts";
import { actions, type JournalRow } from "./journal.ts";
import { policyFrom } from "./policy.ts";
import { bundleAppliers } from "./replay-bundles.ts";
import { lockAppliers, lockName, ReplayedLocks } from "./replay-locks.ts";
import {
  type Fields,
  fields,
  ImpossibleRow,
  list,
  type ReplayedBundle,
  type ReplayedNode,
  type ReplayedTask,
  text,
  withAttempt,
} from "./replayed.ts";

/*
 * The state as the journal alone tells it. Kept apart from the transition rules on purpose: it is what those rules
 * and the tables are checked against. What is not journalled is not here: deadlines, delays and progress.
 */

type Apply = (state: Replay, row: JournalRow, payload: Fields) => void;

export class Replay {
  readonly tasks = new Map<string, ReplayedTask>();
  readonly nodes = new Map<string, ReplayedNode>();
  readonly locks = new ReplayedLocks();
  readonly bundles = new Map<string, ReplayedBundle>();
  /** Stands for a text when texts are compared, so that a large database is replayed in little memory. */
  readonly brief: (text: string) => string;
  readonly #nodesOf = new Map<string, string[]>();

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

  /** For how many distinct dependencies the node waits: until they are COMPLETED, or end where it runs regardless. */
  waitingOn(nodeId: string): number {
    const node = this.nodes.get(nodeId);
    const enough = node?.policy.onDependencyFailure === "run" ? ["COMPLETED", "FAILED"] : ["COMPLETED"];
    return this.#dependencyStatuses(nodeId).filter((status) => !enough.includes(status)).length;
  }

  /** How many distinct dependencies of the node are FAILED. */
  failingOn(nodeId: string): number {
    return this.#dependencyStatuses(nodeId).filter((status) => status === "FAILED").length;
  }

  #dependencyStatuses(nodeId: string): string[] {
    const dependencies = new Set(JSON.parse(this.nodes.get(nodeId)?.dependencies ?? "[]") as string[]);
    return [...dependencies].map((id) => this.nodes.get(id)?.status ?? "");
  }

  node(nodeId: Json): ReplayedNode {
    const node = this.nodes.get(text(nodeId));
    if (node === undefined) throw new ImpossibleRow(`node ${text(nodeId)} was never registered`);
    return node;
  }

  task(taskId: string | null): ReplayedTask {
    const task = this.tasks.get(taskId ?? "");
    if (task === undefined) throw new ImpossibleRow(`task ${taskId} was never registered`);
    return task;
  }

  /** The task's node ids in registration order. */
  nodesOf(taskId: string): string[] {
    const known = this.#nodesOf.get(taskId) ?? [];
    this.#nodesOf.set(taskId, known);
    return known;
  }
}

const appliers: Record<string, Apply> = {
  [actions.registerTask]: (state, row, payload) => addTask(state, row, payload, row.timestampMs),
  [actions.adoptTask]: (state, row, payload) => addTask(state, row, payload, Number(payload.created_at_ms)),
  [actions.addNodes]: (state, row, payload) => {
    const ids = addNodes(state, row, payload.nodes);
    for (const id of list(payload.expand_before)) {
      const node = expect(state, id, "PENDING");
      node.dependencies = JSON.stringify([...(JSON.parse(node.dependencies) as string[]), ...ids]);
      for (const added of ids) state.node(added).dependents++;
    }
  },
  [actions.acquireNode]: (state, row, payload) => {
    const node = expect(state, row.nodeId, "PENDING");
    const waitingOn = state.waitingOn(text(row.nodeId));
    if (waitingOn > 0) throw new ImpossibleRow(`node ${row.nodeId} waits for ${waitingOn} of its dependencies`);
    if (state.task(node.taskId).paused) throw new ImpossibleRow(`task ${node.taskId} was paused`);
    expectResources(state, node, text(payload.lease_id));
    move(state, node, {
      status: "RUNNING",
      acquiredAtMs: row.timestampMs,
      leaseId: text(payload.lease_id),
      leaseOwner: state.brief(text(payload.lease_owner)),
      fencingToken: row.seq,
      resultPayload: null,
      mayBeDelayed: false,
    });
  },
  [actions.rollBackNode]: (state, row, payload) => {
    const node = endAttempt(state, row, row.nodeId, "EXPIRED");
    move(state, node, {
      status: "PENDING",
      acquiredAtMs: null,
      mayBeDelayed: false,
      lostAttempts: Number(payload.lost_attempts),
    });
  },
  [actions.completeNode]: (state, row, payload) => {
    const node = endAttempt(state, row, row.nodeId, "COMPLETED");
    move(state, node, { status: "COMPLETED", resultPayload: json(state, payload.result) });
  },
  [actions.failNode]: (state, row, payload) => {
    const lost = payload.cause === "lost";
    const node = endAttempt(state, row, row.nodeId, lost ? "EXPIRED" : "FAILED", lost ? undefined : payload.error);
    if (lost) node.lostAttempts = Number(fields(payload.error).lost_attempts);
    else node.failedAttempts++;
    if (payload.retry === undefined) fail(state, node, lost ? "lost" : "error", payload.error);
    else move(state, node, { status: "PENDING", acquiredAtMs: null, mayBeDelayed: isDelayed(fields(payload.retry)) });
  },
  [actions.releaseNode]: (state, row, payload) => {
    const node = endAttempt(state, row, row.nodeId, "RELEASED");
    move(state, node, { status: "PENDING", acquiredAtMs: null, mayBeDelayed: isDelayed(payload) });
  },
  [actions.skipNode]: (state, row, payload) => {
    const node = expect(state, row.nodeId, "PENDING");
    const failed = (id: Json) => state.node(id).status === "FAILED";
    if (node.policy.onDependencyFailure !== "skip" || !list(fields(payload.error).node_ids).some(failed)) {
      throw new ImpossibleRow(`node ${row.nodeId} was not to be skipped`);
    }
    fail(state, node, "skipped", payload.error);
  },
  [actions.retryNode]: (state, row) => {
    const node = expect(state, row.nodeId, "FAILED");
    const fresh = { failure: null, failedAttempts: 0, lostAttempts: 0, resultPayload: null, acquiredAtMs: null };
    move(state, node, { status: "PENDING", ...fresh });
  },
  [actions.cancelTask]: (state, row, payload) => {
    state.task(row.taskId);
    const error = { kind: "CANCELED", reason: payload.reason ?? null };
    const ids = state.nodesOf(text(row.taskId));
    // What was skipped for nothing that is FAILED still would be PENDING again in a moment.
    const ended = ids.filter((id) => {
      const { status, failure } = state.node(id);
      return status === "PENDING" || status === "RUNNING" || (failure === "skipped" && state.failingOn(id) === 0);
    });
    for (const id of ended) {
      const node = state.node(id);
      if (node.status === "RUNNING") endAttempt(state, row, id, "CANCELED", error);
      fail(state, node, "canceled", error);
    }
  },
  [actions.pauseTask]: (state, row) => {
    state.task(row.taskId).paused = true;
  },
  [actions.resumeTask]: (state, row) => {
    state.task(row.taskId).paused = false;
  },
  [actions.setPriority]: (state, row, payload) => {
    const target = row.nodeId === null ? state.task(row.taskId) : state.node(row.nodeId);
    target.priority = Number(payload.priority);
  },
  [actions.pruneJournal]: () => {},
  ...lockAppliers,
  ...bundleAppliers,
};

function addTask(state: Replay, row: JournalRow, payload: Fields, createdAtMs: number): void {
  const taskId = text(row.taskId);
  if (state.tasks.has(taskId)) throw new ImpossibleRow(`task ${taskId} was registered already`);
  state.tasks.set(taskId, {
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

function addNodes(state: Replay, row: JournalRow, told: Json | undefined): string[] {
  const { counts } = state.task(row.taskId);
  const nodes = list(told).map(fields);
  for (const node of nodes) counts[addNode(state, row, node).status]++;
  for (const node of nodes) {
    // An adopted database may name what is not there.
    for (const id of new Set(list(node.dependencies))) {
      const dependency = state.nodes.get(text(id));
      if (dependency !== undefined) dependency.dependents++;
    }
  }
  return nodes.map(({ id }) => text(id));
}

/** A registered node has no state of its own; an adopted one brings it along. */
function addNode(state: Replay, row: JournalRow, node: Fields): ReplayedNode {
  const id = text(node.id);
  if (state.nodes.has(id)) throw new ImpossibleRow(`node ${id} was registered already`);
  const taskId = text(row.taskId);
  const status = (node.status ?? "PENDING") as NodeStatus;
  const added: ReplayedNode = {
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
    dependents: 0,
    mayBeDelayed: false,
    attempts: "",
  };
  state.nodes.set(id, added);
  state.nodesOf(taskId).push(id);
  return added;
}

function calledAndLabelled(state: Replay, told: Fields) {
  const name = typeof told.name === "string" ? state.brief(told.name) : null;
  return { name, labels: json(state, told.labels ?? {}), priority: Number(told.priority ?? 0) };
}

/** The node, which the daemon makes this change to only from the status the rules name. */
function expect(state: Replay, nodeId: Json, from: NodeStatus): ReplayedNode {
  const node = state.node(nodeId);
  if (node.status !== from) throw new ImpossibleRow(`node ${text(nodeId)} was ${node.status}, not ${from}`);
  return node;
}

/** A node runs only with all it declares held under its lease. */
function expectResources(state: Replay, { resources }: ReplayedNode, leaseId: string): void {
  for (const { resource_key: key, scope = "" } of (JSON.parse(resources) as Json[]).map(fields)) {
    const held = state.locks.all.has(lockName(leaseId, text(scope), text(key)));
    if (!held) throw new ImpossibleRow(`lease ${leaseId} does not hold ${text(key)}`);
  }
}

/** Ends what runs of a node: its lease becomes an attempt. */
function endAttempt(
  state: Replay,
  row: JournalRow,
  nodeId: string | null,
  outcome: AttemptOutcome,
  error?: Json,
): ReplayedNode {
  const node = expect(state, nodeId, "RUNNING");
  const { leaseId, leaseOwner, fencingToken, acquiredAtMs } = node;
  if (state.locks.holds(leaseId ?? "")) throw new ImpossibleRow(`lease ${leaseId} still held locks`);
  const attempt = {
    fencingToken: fencingToken ?? 0,
    leaseId,
    leaseOwner,
    startedAtMs: acquiredAtMs ?? 0,
    endedAtMs: row.timestampMs,
    outcome,
    error: error === undefined ? null : json(state, error),
  };
  node.attempts = withAttempt(node.attempts, attempt, state.brief);
  Object.assign(node, { leaseId: null, leaseOwner: null, fencingToken: null });
  return node;
}

const isDelayed = ({ not_before_ms: notBeforeMs }: Fields): boolean => typeof notBeforeMs === "number";

function fail(state: Replay, node: ReplayedNode, failure: ReplayedNode["failure"], error: Json | undefined): void {
  move(state, node, { status: "FAILED", failure, resultPayload: json(state, error), mayBeDelayed: false });
}

function move(state: Replay, node: ReplayedNode, change: Partial<ReplayedNode> & { status: NodeStatus }): void {
  const { counts } = state.task(node.taskId);
  counts[node.status]--;
  counts[change.status]++;
  Object.assign(node, change);
}

function json(state: Replay, value: Json | undefined): string {
  return state.brief(JSON.stringify(value ?? null));
}
