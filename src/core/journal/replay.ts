import type { Json } from "../../protocol/json.ts";
import { present } from "../../protocol/present.ts";
import { type DaemonKind, kindOf, type Payload } from "../../protocol/transitions.ts";
import type { AttemptOutcome, NodeStatus } from "../../protocol/types.ts";
import type { JournalRow } from "./journal.ts";
import { bundleAppliers } from "./replay-bundles.ts";
import { lockAppliers, lockName, ReplayedLocks } from "./replay-locks.ts";
import { addNodes, addTask, adoptTask } from "./replay-registration.ts";
import {
  type Apply,
  applyRow,
  fields,
  ImpossibleRow,
  json,
  type ReplayedBundle,
  type ReplayedNode,
  type ReplayedTask,
  type RowHead,
  text,
  withAttempt,
} from "./replayed.ts";

/*
 * The state as the journal alone tells it. Kept apart from the transition rules on purpose: it is what those rules
 * and the tables are checked against. What is not journalled is not here: deadlines, delays and progress.
 */

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
    const kind = kindOf(row.actionType, row.origin);
    if (kind === undefined) throw new ImpossibleRow(`the daemon has no transition ${row.actionType}`);
    this.nowMs = row.timestampMs;
    applyRow(appliers, kind, this, row);
  }

  /** For how many distinct dependencies the node waits: until they are COMPLETED, or end where it runs regardless. */
  waitingOn(nodeId: string): number {
    const { policy } = this.node(nodeId);
    const enough: (NodeStatus | undefined)[] =
      policy.onDependencyFailure === "run" ? ["COMPLETED", "FAILED"] : ["COMPLETED"];
    return this.#dependencyStatuses(nodeId).filter((status) => !enough.includes(status)).length;
  }

  /** How many distinct dependencies of the node are FAILED. */
  failingOn(nodeId: string): number {
    return this.#dependencyStatuses(nodeId).filter((status) => status === "FAILED").length;
  }

  /** An adopted database may name what is not there. */
  #dependencyStatuses(nodeId: string): (NodeStatus | undefined)[] {
    const dependencies = new Set(JSON.parse(this.node(nodeId).dependencies) as string[]);
    return [...dependencies].map((id) => this.nodes.get(id)?.status);
  }

  node(nodeId: string | null): ReplayedNode {
    const node = this.nodes.get(text(nodeId));
    if (node === undefined) throw new ImpossibleRow(`node ${text(nodeId)} was never registered`);
    return node;
  }

  task(taskId: string | null): ReplayedTask {
    const task = this.tasks.get(text(taskId));
    if (task === undefined) throw new ImpossibleRow(`task ${text(taskId)} was never registered`);
    return task;
  }

  /** The task's node ids in registration order. */
  nodesOf(taskId: string): string[] {
    const known = this.#nodesOf.get(taskId) ?? [];
    this.#nodesOf.set(taskId, known);
    return known;
  }
}

const appliers: { [K in DaemonKind]: Apply<Replay, K> } = {
  REGISTER_TASK: addTask,
  ADOPT_TASK: adoptTask,
  ADD_NODES: (state, row, payload) => {
    const ids = addNodes(state, row, payload.nodes);
    for (const id of payload.expand_before) {
      const node = expect(state, id, "PENDING");
      node.dependencies = JSON.stringify([...(JSON.parse(node.dependencies) as string[]), ...ids]);
    }
  },
  ACQUIRE_NODE: (state, row, payload) => {
    const node = expect(state, row.nodeId, "PENDING");
    const waitingOn = state.waitingOn(text(row.nodeId));
    if (waitingOn > 0) throw new ImpossibleRow(`node ${row.nodeId} waits for ${waitingOn} of its dependencies`);
    if (state.task(node.taskId).paused) throw new ImpossibleRow(`task ${node.taskId} was paused`);
    expectResources(state, node, payload.lease_id);
    move(state, node, {
      status: "RUNNING",
      acquiredAtMs: row.timestampMs,
      leaseId: payload.lease_id,
      leaseOwner: state.brief(payload.lease_owner),
      fencingToken: row.seq,
      resultPayload: null,
      notBeforeMs: null,
    });
  },
  TIMEOUT_ROLLBACK: (state, row, payload) => {
    const node = endAttempt(state, row, row.nodeId, "EXPIRED");
    move(state, node, {
      status: "PENDING",
      acquiredAtMs: null,
      notBeforeMs: null,
      lostAttempts: payload.lost_attempts,
    });
  },
  COMPLETE_NODE: (state, row, payload) => {
    const node = endAttempt(state, row, row.nodeId, "COMPLETED");
    move(state, node, { status: "COMPLETED", resultPayload: json(state, payload.result) });
  },
  FAIL_NODE: (state, row, payload) => {
    const lost = payload.cause === "lost";
    const node = endAttempt(state, row, row.nodeId, lost ? "EXPIRED" : "FAILED", lost ? undefined : payload.error);
    if (lost) node.lostAttempts = Number(fields(payload.error).lost_attempts);
    else node.failedAttempts++;
    if (payload.retry === undefined) fail(state, node, lost ? "lost" : "error", payload.error);
    else move(state, node, { status: "PENDING", acquiredAtMs: null, notBeforeMs: payload.retry.not_before_ms });
  },
  RELEASE_NODE: (state, row, payload) => {
    const node = endAttempt(state, row, row.nodeId, "RELEASED");
    move(state, node, { status: "PENDING", acquiredAtMs: null, notBeforeMs: payload.not_before_ms });
  },
  SKIP_NODE: (state, row, payload) => {
    const node = expect(state, row.nodeId, "PENDING");
    const failed = (id: string) => state.node(id).status === "FAILED";
    if (node.policy.onDependencyFailure !== "skip" || !payload.error.node_ids.some(failed)) {
      throw new ImpossibleRow(`node ${row.nodeId} was not to be skipped`);
    }
    fail(state, node, "skipped", payload.error);
  },
  RETRY_NODE: (state, row) => {
    const node = expect(state, row.nodeId, "FAILED");
    const fresh = { failure: null, failedAttempts: 0, lostAttempts: 0, resultPayload: null, acquiredAtMs: null };
    move(state, node, { status: "PENDING", ...fresh });
  },
  CANCEL_TASK: (state, row, payload) => {
    state.task(row.taskId);
    const error = { kind: "CANCELED", reason: payload.reason };
    const ids = state.nodesOf(text(row.taskId));
    // What was skipped for nothing that is FAILED still would be PENDING again in a moment.
    const ended = ids.filter((id) => {
      const { status, failure } = state.node(id);
      return status === "PENDING" || status === "RUNNING" || (failure === "skipped" && state.failingOn(id) === 0);
    });
    for (const id of ended) {
      const node = state.node(id);
      if (node.leaseId !== null) state.locks.outlive(node.leaseId);
      if (node.status === "RUNNING") endAttempt(state, row, id, "CANCELED", error);
      fail(state, node, "canceled", error);
    }
  },
  PAUSE_TASK: (state, row) => {
    state.task(row.taskId).paused = true;
  },
  RESUME_TASK: (state, row) => {
    state.task(row.taskId).paused = false;
  },
  SET_PRIORITY: (state, row, payload) => {
    const target = row.nodeId === null ? state.task(row.taskId) : state.node(row.nodeId);
    target.priority = payload.priority;
  },
  PRUNE_JOURNAL: () => {},
  RESTORE_DATABASE: () => {},
  ...lockAppliers,
  ...bundleAppliers,
};

/** The node, which the daemon makes this change to only from the status the rules name. */
function expect(state: Replay, nodeId: string | null, from: NodeStatus): ReplayedNode {
  const node = state.node(nodeId);
  if (node.status !== from) throw new ImpossibleRow(`node ${text(nodeId)} was ${node.status}, not ${from}`);
  return node;
}

type Resources = NonNullable<Payload<"REGISTER_TASK">["nodes"][number]["resources"]>;

/** A node runs only with all it declares held under its lease. */
function expectResources(state: Replay, { resources }: ReplayedNode, leaseId: string): void {
  for (const { resource_key: key, scope = "" } of JSON.parse(resources) as Resources) {
    const held = state.locks.all.has(lockName(leaseId, scope, key));
    if (!held) throw new ImpossibleRow(`lease ${leaseId} does not hold ${key}`);
  }
}

/** Ends what runs of a node: its lease becomes an attempt. */
function endAttempt(
  state: Replay,
  row: RowHead,
  nodeId: string | null,
  outcome: AttemptOutcome,
  error?: Json,
): ReplayedNode {
  const node = expect(state, nodeId, "RUNNING");
  const { leaseId, leaseOwner, fencingToken, acquiredAtMs } = node;
  if (outcome !== "CANCELED" && leaseId !== null && state.locks.holds(leaseId))
    throw new ImpossibleRow(`lease ${leaseId} still held locks`);
  const attempt = {
    fencingToken: present(fencingToken, "the fencing token of a node that runs"),
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
