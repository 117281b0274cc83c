import type { Json } from "../../../src/protocol/json.ts";
import type { Method, ModelState } from "./state.ts";
import { type ModelNode, type Params, Refused, text, until } from "./views.ts";

/* What becomes of one node, and of those behind it. */

/** How a node stands that nobody works on. */
const idle = { lease: null, progress: null, notBefore: null, endedBy: null };

export const nodeMethods: Record<string, Method> = {
  HeartbeatNode(state, params) {
    const { lease, node } = state.underLease(params);
    const { ttl_secs, progress } = params;
    if (typeof ttl_secs === "number") lease.ttl = ttl_secs * 1000;
    lease.until = state.now + lease.ttl;
    node.updated = state.now;
    state.locks.keepWith(node);
    if (progress !== undefined) node.progress = { percent: null, message: null, ...(progress as Params) };
    return { ok: true, ...until(lease.until), seq: state.seq };
  },

  CompleteNode(state, params) {
    const { node } = state.underLease(params);
    const result = params.result_payload ?? null;
    const since = state.journal.rows.slice(node.lease?.token ?? 0);
    const told = (kind: string) =>
      since.some(({ node_id, action_type }) => node_id === node.id && action_type === kind);
    const kinds = Object.keys(node.task.policy).map((demand) => demand.replace("require_", ""));
    const unmet = kinds.some((kind) => !told(kind === "bundle" ? "SUBMIT_PATCH_BUNDLE" : kind));
    if (unmet) throw new Refused("POLICY_UNMET");
    endAttempt(state, node, "COMPLETED");
    Object.assign(node, { ...idle, status: "COMPLETED", result, updated: state.now });
    return { event_id: write(state, node, "COMPLETE_NODE", { result }, true), seq: state.seq };
  },

  FailNode(state, params) {
    const { node } = state.underLease(params);
    const error = params.error_payload ?? null;
    const failed_attempts = ++node.failedAttempts;
    endAttempt(state, node, "FAILED", error);
    if (failed_attempts >= node.attemptsMax) {
      fail(state, node, error, null);
      const event_id = write(state, node, "FAIL_NODE", { error }, true);
      followFailures(state);
      return { event_id, status: "FAILED", not_before_ms: null, seq: state.seq };
    }
    const longest = Math.min(node.backoffSecs * 2 ** (failed_attempts - 1), node.backoffMaxSecs) * 1000;
    const not_before_ms = pause(state, node, Math.round(longest * state.random));
    const event_id = write(state, node, "FAIL_NODE", { error, retry: { failed_attempts, not_before_ms } }, true);
    return { event_id, status: "PENDING", not_before_ms, seq: state.seq };
  },

  ReleaseNode(state, params) {
    const { node } = state.underLease(params);
    const not_before_ms = giveBack(state, node, Number(params.delay_secs ?? 0) * 1000);
    return { ok: true, not_before_ms, seq: state.seq };
  },

  RetryNode(state, { task_id, node_id }) {
    const node = state.node(task_id, node_id);
    if (node.status !== "FAILED" || wouldBeSkipped(state, node)) throw new Refused("INVALID_STATE");
    retry(state, node);
    const node_ids = [node, ...followFailures(state)].map(({ id }) => id);
    return { ok: true, node_ids, seq: state.seq };
  },

  CommitEvent(state, { task_id, node_id, lease_id, action_type = "COMMIT_EVENT", payload = null }) {
    const node = state.node(task_id, node_id);
    if (node.lease !== null && node.lease.id !== lease_id) {
      throw new Refused("LEASE_LOST", node.attempts.find((attempt) => attempt.lease_id === lease_id)?.outcome);
    }
    const subject = { task: node.task.id, node: node.id, event: true, origin: "client" } as const;
    return { event_id: state.journal.write(text(action_type), subject, payload), seq: state.seq };
  },
};

/** A node's worker has it no more, and the attempt does not count. */
export function giveBack(state: ModelState, node: ModelNode, delayMs: number): number | null {
  const lease = { lease_id: node.lease?.id ?? null, lease_owner: node.lease?.owner ?? null };
  endAttempt(state, node, "RELEASED");
  const not_before_ms = pause(state, node, delayMs);
  write(state, node, "RELEASE_NODE", { ...lease, not_before_ms });
  return not_before_ms;
}

/** A lease is over. */
export function rollBack(state: ModelState, node: ModelNode): void {
  const lost_attempts = ++node.lostAttempts;
  const lease = { lease_id: node.lease?.id ?? null, lease_owner: node.lease?.owner ?? null };
  const most = node.lostMax ?? state.settings.lostMax;
  endAttempt(state, node, "EXPIRED");
  if (most === 0 || lost_attempts < most) {
    write(state, node, "TIMEOUT_ROLLBACK", { ...lease, lost_attempts }, true);
    pause(state, node, 0);
    return;
  }
  const error = { kind: "TOO_MANY_LOST_LEASES", lost_attempts };
  write(state, node, "FAIL_NODE", { error, cause: "lost", ...lease }, true);
  fail(state, node, error, null);
}

/** Everything of a task ends that has not; how many nodes that were. */
export function cancelAll(state: ModelState, nodes: readonly ModelNode[], reason: Json): number {
  const unended = nodes.filter(({ status }) => status === "PENDING" || status === "RUNNING");
  const leased = unended.toSorted((a, b) => ((a.lease?.id ?? "") < (b.lease?.id ?? "") ? -1 : 1));
  for (const node of leased) state.locks.endWith(node);
  for (const node of unended) {
    const error = { kind: "CANCELED", reason };
    endAttempt(state, node, "CANCELED", error);
    fail(state, node, error, "cancel");
  }
  return unended.length;
}

/**
 * Skips what is to be skipped, and makes PENDING again what was skipped for nodes that are FAILED no more, one at a time
 * in registration order; what was made PENDING again.
 */
export function followFailures(state: ModelState): ModelNode[] {
  const nodes = [...state.tasks.values()].flatMap((task) => task.nodes);
  const retried: ModelNode[] = [];
  for (;;) {
    const hopeless = nodes.find((node) => node.status === "PENDING" && wouldBeSkipped(state, node));
    const inVain = nodes.find((node) => node.endedBy === "skip" && !wouldBeSkipped(state, node));
    if (hopeless !== undefined) skip(state, hopeless);
    else if (inVain === undefined) return retried;
    else {
      retry(state, inVain);
      retried.push(inVain);
    }
  }
}

function skip(state: ModelState, node: ModelNode): void {
  const error = { kind: "DEPENDENCY_FAILED", node_ids: state.failedDependencies(node) };
  write(state, node, "SKIP_NODE", { error });
  fail(state, node, error, "skip");
}

const wouldBeSkipped = (state: ModelState, node: ModelNode) =>
  node.onDependencyFailure === "skip" && state.failedDependencies(node).length > 0;

function retry(state: ModelState, node: ModelNode): void {
  Object.assign(node, { failedAttempts: 0, lostAttempts: 0 });
  pause(state, node, 0);
  write(state, node, "RETRY_NODE", {});
}

/** The node is PENDING (again), and nobody gets it for so long; until when. */
function pause(state: ModelState, node: ModelNode, ms: number): number | null {
  const notBefore = ms === 0 ? null : state.now + ms;
  Object.assign(node, { ...idle, status: "PENDING", result: null, acquired: null, notBefore, updated: state.now });
  return notBefore;
}

function fail(state: ModelState, node: ModelNode, error: Json, endedBy: ModelNode["endedBy"]): void {
  Object.assign(node, { ...idle, status: "FAILED", result: error, endedBy, updated: state.now });
}

function endAttempt(state: ModelState, node: ModelNode, outcome: string, error: Json = null): void {
  const { lease } = node;
  if (lease === null) return;
  state.locks.endWith(node);
  const held = { lease_id: lease.id, lease_owner: lease.owner, fencing_token: lease.token };
  const times = { started_at_ms: node.acquired ?? 0, ended_at_ms: state.now };
  node.attempts.push({ ...held, ...times, outcome, error_payload: error });
}

function write(state: ModelState, node: ModelNode, action: string, payload: Json, event?: true): Json {
  return state.journal.write(action, { task: node.task.id, node: node.id, ...(event && { event }) }, payload);
}
