import { describe, expect, test } from "bun:test";
import { isRefusal } from "../../src/core/decision.ts";
import type { NodeHead } from "../../src/core/model.ts";
import {
  acquireNode,
  commitEvent,
  completeNode,
  failNode,
  heartbeatNode,
  rollBackNode,
  secondsLeft,
} from "../../src/core/node.ts";

const now = 1_000_000;
const claim = { taskId: "task", nodeId: "node", leaseId: "mine" };
const lease = { id: "mine", owner: "ann", expiresAtMs: now + 5_000, ttlMs: 60_000, fencingToken: 3 };
const at = { taskId: "task", nodeId: "node", origin: "daemon", timestampMs: now };

/** The node in every situation a call can meet it in. */
const nodes = {
  "no such node": null,
  "another task's node": { id: "node", taskId: "other", status: "RUNNING", lease },
  PENDING: { id: "node", taskId: "task", status: "PENDING", lease: null },
  "RUNNING under this lease": { id: "node", taskId: "task", status: "RUNNING", lease },
  "RUNNING under this lease, overdue": {
    id: "node",
    taskId: "task",
    status: "RUNNING",
    lease: { ...lease, expiresAtMs: now - 1 },
  },
  "RUNNING under another lease": { id: "node", taskId: "task", status: "RUNNING", lease: { ...lease, id: "theirs" } },
  "RUNNING under no lease anyone knows": {
    id: "node",
    taskId: "task",
    status: "RUNNING",
    lease: { ...lease, id: null },
  },
  COMPLETED: { id: "node", taskId: "task", status: "COMPLETED", lease: null },
  FAILED: { id: "node", taskId: "task", status: "FAILED", lease: null },
} satisfies Record<string, NodeHead | null>;
type Situation = keyof typeof nodes;

const withLease: Record<string, (node: NodeHead | null) => unknown> = {
  complete: (node) => completeNode(node, claim, 1, "event", now),
  fail: (node) => failNode(node, claim, 1, "event", now),
  heartbeat: (node) => heartbeatNode(node, claim, 300_000, now),
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

describe("what is journalled", () => {
  const running = nodes["RUNNING under this lease"];
  test.each<[string, unknown, object]>([
    [
      "of an acquire, without an event id",
      acquireNode(nodes.PENDING, { id: "new", owner: "bob", expiresAtMs: now + 1, ttlMs: 1 }, now).entry,
      { ...at, id: null, actionType: "ACQUIRE_NODE", payload: { lease_id: "new", lease_owner: "bob" } },
    ],
    [
      "of a roll-back, with whose lease it was",
      rollBackNode(running, "event", now).entry,
      { ...at, id: "event", actionType: "TIMEOUT_ROLLBACK", payload: { lease_id: "mine", lease_owner: "ann" } },
    ],
    [
      "of a completion",
      completeNode(running, claim, { a: 1 }, "event", now),
      { node: running, entry: { ...at, id: "event", actionType: "COMPLETE_NODE", payload: { result: { a: 1 } } } },
    ],
    [
      "of a failure",
      failNode(running, claim, "why", "event", now),
      { node: running, entry: { ...at, id: "event", actionType: "FAIL_NODE", payload: { error: "why" } } },
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

test("a heartbeat lets the lease run its own time again, or the given one where it has none", () => {
  const running = nodes["RUNNING under this lease"];
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
