import type { Json } from "../protocol/json.ts";
import type { AttemptOutcome, NodeStatus } from "../protocol/types.ts";
import { actions, type JournalRow } from "./journal.ts";
import { bundleAppliers } from "./replay-bundles.ts";
import { lockAppliers, lockName, ReplayedLocks } from "./replay-locks.ts";
import { addNodes, addTask } from "./replay-registration.ts";
import {
  type Fields,
  fields,
  ImpossibleRow,
  json,
  list,
  nameDependent,
  notBefore,
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
  /** When the row was written that is applied. */
  nowMs = 0;
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
    this.nowMs = row.timestampMs;
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
      for (const added of ids) nameDependent(state.node(added), text(id));
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
      notBeforeMs: null,
    });
  },
  [actions.rollBackNode]: (state, row, payload) => {
    const node = endAttempt(state, row, row.nodeId, "EXPIRED");
    move(state, node, {
      status: "PENDING",
      acquiredAtMs: null,
      notBeforeMs: null,
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
    else move(state, node, { status: "PENDING", acquiredAtMs: null, notBeforeMs: notBefore(fields(payload.retry)) });
  },
  [actions.releaseNode]: (state, row, payload) => {
    const node = endAttempt(state, row, row.nodeId, "RELEASED");
    move(state, node, { status: "PENDING", acquiredAtMs: null, notBeforeMs: notBefore(payload) });
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
      state.locks.outlive(node.leaseId ?? "");
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
  [actions.restoreDatabase]: () => {},
  ...lockAppliers,
  ...bundleAppliers,
};

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
  if (outcome !== "CANCELED" && state.locks.holds(leaseId ?? ""))
    throw new ImpossibleRow(`lease ${leaseId} still held locks`);
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

function fail(state: Replay, node: ReplayedNode, failure: ReplayedNode["failure"], error: Json | undefined): void {
  move(state, node, { status: "FAILED", failure, resultPayload: json(state, error), notBeforeMs: null });
}

function move(state: Replay, node: ReplayedNode, change: Partial<ReplayedNode> & { status: NodeStatus }): void {
  const { counts } = state.task(node.taskId);
  counts[node.status]--;
  counts[change.status]++;
  Object.assign(node, change, { updatedAtMs: state.nowMs });
}
