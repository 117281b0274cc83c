import { describe, expect, test } from "bun:test";
import { isRefusal, type Refusal } from "../../src/core/decision.ts";
import type { NodeHead } from "../../src/core/model.ts";
import type { ErrorKind } from "../../src/protocol/errors.ts";
import type { NodePolicy } from "../../src/protocol/node-fields.ts";
import {
  acquireNode,
  commitEvent,
  completeNode,
  failNode,
  heartbeatNode,
  releaseNode,
  retryNode,
  expireNode,
  skipNode,
} from "../../src/core/dag/node.ts";
import { backoffMs } from "../../src/core/dag/backoff.ts";
import { secondsLeft } from "../../src/core/lease/lease.ts";
import { defaultPolicy } from "../../src/core/dag/node-policy.ts";
import { nodeHead } from "../support/specimen.ts";

const now = 1_000_000;
const claim = { taskId: "task", nodeId: "node", leaseId: "mine" };
const lease = { id: "mine", owner: "ann", expiresAtMs: now + 5_000, ttlMs: 60_000, fencingToken: 3 };
const at = { taskId: "task", nodeId: "node", origin: "daemon", timestampMs: now };

/** The node in every situation a call can meet it in. */
const nodes = {
  "no such node": null,
  "another task's node": nodeHead({ taskId: "other", status: "RUNNING", lease }),
  PENDING: nodeHead(),
  "RUNNING under this lease": nodeHead({ status: "RUNNING", lease }),
  "RUNNING under this lease, overdue": nodeHead({ status: "RUNNING", lease: { ...lease, expiresAtMs: now - 1 } }),
  "RUNNING under another lease": nodeHead({ status: "RUNNING", lease: { ...lease, id: "theirs" } }),
  "RUNNING under no lease anyone knows": nodeHead({ status: "RUNNING", lease: { ...lease, id: null } }),
  COMPLETED: nodeHead({ status: "COMPLETED" }),
  FAILED: nodeHead({ status: "FAILED", failure: "error" }),
  canceled: nodeHead({ status: "FAILED", failure: "canceled" }),
} satisfies Record<string, NodeHead | null>;
type Situation = keyof typeof nodes;

const withLease: Record<string, (node: NodeHead | null) => unknown> = {
  complete: (node) => completeNode(node, claim, 1, "event", now),
  fail: (node) => failNode(node, claim, 1, "event", now, 0.5),
  heartbeat: (node) => heartbeatNode(node, claim, 300_000, now),
  release: (node) => releaseNode(node, claim, 0, now),
};
const event = { id: "event", actionType: "progress", payload: 1 };
const withoutLease = (node: NodeHead | null) => commitEvent(node, { ...claim, leaseId: null }, event, now);
const commit = (node: NodeHead | null) => commitEvent(node, claim, event, now);

const outcome = (decision: unknown): string => (isRefusal(decision) ? decision.refused : "accepted");

describe.each(Object.keys(withLease))("to %s a node needs its current lease", (call) => {
  test.each<[Situation, string]>([
    ["no such node", "NOT_FOUND"],
    ["another task's node", "NOT_FOUND"],
    ["PENDING", "LEASE_LOST"],
    ["RUNNING under this lease", "accepted"],
    ["RUNNING under this lease, overdue", "accepted"],
    ["RUNNING under another lease", "LEASE_LOST"],
    ["RUNNING under no lease anyone knows", "LEASE_LOST"],
    ["COMPLETED", "INVALID_STATE"],
    ["FAILED", "INVALID_STATE"],
    ["canceled", "LEASE_LOST"],
  ])("%s: %s", (situation, expected) => {
    expect(outcome(withLease[call]?.(nodes[situation]))).toBe(expected);
  });
});

describe("an event needs the lease only while the node is RUNNING", () => {
  test.each<[Situation, withIt: string, withoutIt: string]>([
    ["no such node", "NOT_FOUND", "NOT_FOUND"],
    ["another task's node", "NOT_FOUND", "NOT_FOUND"],
    ["PENDING", "accepted", "accepted"],
    ["RUNNING under this lease", "accepted", "LEASE_LOST"],
    ["RUNNING under another lease", "LEASE_LOST", "LEASE_LOST"],
    ["COMPLETED", "accepted", "accepted"],
    ["FAILED", "accepted", "accepted"],
  ])("%s: %s with it, %s without", (situation, withIt, withoutIt) => {
    expect([outcome(commit(nodes[situation])), outcome(withoutLease(nodes[situation]))]).toEqual([withIt, withoutIt]);
  });
});

const running = nodes["RUNNING under this lease"];
const lost = { lease_id: "mine", lease_owner: "ann" };

describe("what is journalled", () => {
  test.each<[string, unknown, object]>([
    [
      "of an acquire, without an event id",
      acquireNode(nodes.PENDING, { id: "new", owner: "bob", expiresAtMs: now + 1, ttlMs: 1 }, now),
      { ...at, id: null, actionType: "ACQUIRE_NODE", payload: { lease_id: "new", lease_owner: "bob" } },
    ],
    [
      "of a roll-back, with whose lease it was, and the how manieth",
      expireNode(running, 0, "event", now).entry,
      { ...at, id: "event", actionType: "TIMEOUT_ROLLBACK", payload: { ...lost, lost_attempts: 1 } },
    ],
    [
      "of the roll-back that was one too many, as a failure",
      expireNode(running, 1, "event", now).entry,
      {
        ...at,
        id: "event",
        actionType: "FAIL_NODE",
        payload: { error: { kind: "TOO_MANY_LOST_LEASES", lost_attempts: 1 }, cause: "lost", ...lost },
      },
    ],
    [
      "of a completion",
      accepted(completeNode(running, claim, { a: 1 }, "event", now)).entry,
      { ...at, id: "event", actionType: "COMPLETE_NODE", payload: { result: { a: 1 } } },
    ],
    [
      "of a failure",
      accepted(failNode(running, claim, "why", "event", now, 0.5)).entry,
      { ...at, id: "event", actionType: "FAIL_NODE", payload: { error: "why" } },
    ],
    [
      "of a failure with attempts left, with what comes next",
      accepted(failNode(tried({ maxAttempts: 2, backoffMs: 1_000 }), claim, "why", "event", now, 0.5)).entry,
      {
        ...at,
        id: "event",
        actionType: "FAIL_NODE",
        payload: { error: "why", retry: { failed_attempts: 1, not_before_ms: now + 500 } },
      },
    ],
    [
      "of a release, with whose lease it was",
      accepted(releaseNode(running, claim, 2_000, now)).entry,
      { ...at, id: null, actionType: "RELEASE_NODE", payload: { ...lost, not_before_ms: now + 2_000 } },
    ],
    [
      "of a skipped node, with what it was skipped for",
      skipNode(nodeHead(), ["a", "b"], now).entry,
      {
        ...at,
        id: null,
        actionType: "SKIP_NODE",
        payload: { error: { kind: "DEPENDENCY_FAILED", node_ids: ["a", "b"] } },
      },
    ],
    [
      "of a retry",
      accepted(retryNode(nodes.FAILED, claim, [], now)).entry,
      { ...at, id: null, actionType: "RETRY_NODE", payload: {} },
    ],
    [
      "of a client's event, as the client's",
      commit(running),
      { ...at, id: "event", actionType: "progress", payload: 1, origin: "client" },
    ],
  ])("%s", (_, written, expected) => {
    expect(written).toEqual(expected);
  });
});

function accepted<T>(decision: T | Refusal<ErrorKind>): T {
  if (isRefusal(decision)) throw new Error(decision.message);
  return decision;
}

/** The running node, tried under another policy. */
function tried(policy: Partial<NodePolicy>, attempts: Partial<NodeHead> = {}): NodeHead {
  return { ...running, ...attempts, policy: { ...defaultPolicy, ...policy } };
}

describe("a node that failed", () => {
  const failed = (node: NodeHead) => accepted(failNode(node, claim, "why", "event", now, 0.5)).after;

  test.each<[string, NodeHead, object]>([
    ["once has ended", running, { status: "FAILED", failure: "error", resultPayload: "why", failedAttempts: 1 }],
    ["is tried again while attempts are left", tried({ maxAttempts: 2 }), { status: "PENDING", failedAttempts: 1 }],
    ["has no result while it is tried again", tried({ maxAttempts: 2 }), { resultPayload: null, failure: null }],
    [
      "with its last attempt has ended",
      tried({ maxAttempts: 3 }, { failedAttempts: 2 }),
      { status: "FAILED", failedAttempts: 3, notBeforeMs: null },
    ],
    ["waits where it is told to", tried({ maxAttempts: 2, backoffMs: 8_000 }), { notBeforeMs: now + 4_000 }],
    ["waits for nothing where it is not", tried({ maxAttempts: 2 }), { notBeforeMs: null }],
    ["does not lose a lease by that", tried({}, { lostAttempts: 4 }), { lostAttempts: 4 }],
  ])("%s", (_, node, expected) => {
    expect(failed(node)).toMatchObject({ ...expected, attempt: { outcome: "FAILED", error: "why" } });
  });
});

describe("a node whose lease expired", () => {
  const expired = (node: NodeHead, lostMax: number) => expireNode(node, lostMax, "event", now).after;
  const zero = { ...running, lease: { ...lease, ttlMs: 0 } };
  const error = { kind: "TOO_MANY_LOST_LEASES", lost_attempts: 5 };

  test.each<[string, NodeHead, lostMax: number, object]>([
    ["is PENDING again", running, 5, { status: "PENDING", lostAttempts: 1, resultPayload: null }],
    [
      "has FAILED where that was one too many",
      tried({}, { lostAttempts: 4 }),
      5,
      { status: "FAILED", resultPayload: error },
    ],
    ["may lose any number where the limit is 0", tried({}, { lostAttempts: 99 }), 0, { status: "PENDING" }],
    ["goes by its own limit first", tried({ maxLostAttempts: 1 }), 5, { status: "FAILED", failure: "lost" }],
    [
      "goes by its own lack of a limit, too",
      tried({ maxLostAttempts: 0 }, { lostAttempts: 9 }),
      5,
      { status: "PENDING" },
    ],
    ["has lost nothing where the lease had no length", zero, 1, { status: "PENDING", lostAttempts: 0 }],
    ["has not failed an attempt by that", running, 5, { failedAttempts: 0 }],
  ])("%s", (_, node, lostMax, expected) => {
    expect(expired(node, lostMax)).toMatchObject({ ...expected, attempt: { outcome: "EXPIRED" } });
  });
});

describe("only a FAILED node can be retried", () => {
  const skipped = nodeHead({
    status: "FAILED",
    failure: "skipped",
    policy: { ...defaultPolicy, onDependencyFailure: "skip" },
  });
  test.each<[string, NodeHead | null, failedDependencies: string[], string]>([
    ["no such node", nodes["no such node"], [], "NOT_FOUND"],
    ["another task's node", nodes["another task's node"], [], "NOT_FOUND"],
    ["PENDING", nodes.PENDING, [], "INVALID_STATE"],
    ["RUNNING", running, [], "INVALID_STATE"],
    ["COMPLETED", nodes.COMPLETED, [], "INVALID_STATE"],
    ["FAILED", nodes.FAILED, [], "accepted"],
    ["FAILED behind a failed one", nodes.FAILED, ["a"], "accepted"],
    ["canceled", nodes.canceled, [], "accepted"],
    ["skipped, for what is FAILED still", skipped, ["a"], "INVALID_STATE"],
    ["skipped, for what is FAILED no more", skipped, [], "accepted"],
  ])("%s", (_, node, failedDependencies, expected) => {
    expect(outcome(retryNode(node, claim, failedDependencies, now))).toBe(expected);
  });

  test("and gets all its attempts back", () => {
    const worn = nodeHead({ status: "FAILED", failure: "error", failedAttempts: 3, lostAttempts: 2 });
    const fresh = { status: "PENDING", failedAttempts: 0, lostAttempts: 0, failure: null, resultPayload: null };
    expect(accepted(retryNode(worn, claim, [], now)).after).toMatchObject(fresh);
  });
});

describe("a pause between attempts is at most", () => {
  const policy = { backoffMs: 1_000, backoffMaxMs: 5_000 };
  test.each([
    ["the first pause", 1, 1_000],
    ["twice that after the second failure", 2, 2_000],
    ["twice that again after the third", 3, 4_000],
    ["the longest", 4, 5_000],
    ["the longest, however often it failed", 1_000, 5_000],
  ])("%s", (_, failures, ms) => {
    expect(backoffMs(policy, failures, 1)).toBe(ms);
    expect(backoffMs(policy, failures, 0.25)).toBe(ms / 4);
    expect(backoffMs(policy, failures, 0)).toBe(0);
  });
});

test("a canceled node tells its worker why its lease counts no more", () => {
  const refusal = heartbeatNode(nodes.canceled, claim, 1, now);
  expect(refusal).toMatchObject({ refused: "LEASE_LOST", facts: { reason: "CANCELED" } });
});

test("a heartbeat lets the lease run its own time again, or the given one where it has none", () => {
  const endless = { ...running, lease: { ...lease, ttlMs: 0 } };
  expect(heartbeatNode(running, claim, 300_000, now)).toEqual({ ttlMs: 60_000 });
  expect(heartbeatNode(endless, claim, 300_000, now)).toEqual({ ttlMs: 300_000 });
});

test("a refusal names the holder, and for how long it holds", () => {
  const refusal = completeNode(nodes["RUNNING under another lease"], claim, 1, "event", now);
  expect(refusal).toMatchObject({
    refused: "LEASE_LOST",
    facts: { node_id: "node", lease_id: "mine", held_by: "ann", lease_expires_at_ms: now + 5_000 },
    message: expect.stringContaining(`"ann" holds it for another 5 s`) as string,
  });
});

test.each([
  [5_000, 5],
  [4_001, 5],
  [1, 1],
  [0, 0],
  [-9_000, 0],
])("%i ms before its deadline a lease has %i s left", (ms, seconds) => {
  expect(secondsLeft(now + ms, now)).toBe(seconds);
});
