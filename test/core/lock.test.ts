import { describe, expect, test } from "bun:test";
import { isRefusal } from "../../src/core/decision.ts";
import {
  type LockEntry,
  expireLocks,
  forceRelease,
  grantLocks,
  heartbeatLocks,
  isOver,
  releaseLocks,
  releaseWithNode,
} from "../../src/core/locks/lock.ts";
import type { Lock, LockGrant } from "../../src/core/model.ts";

const now = 1_000_000;
const held: Lock = {
  resourceKey: "file:a",
  normalKey: "file:a",
  scope: "",
  mode: "exclusive",
  ignoreCase: false,
  leaseId: "mine",
  owner: "ann",
  provider: "p",
  taskId: "task",
  nodeId: "node",
  metadata: {},
  endsWithNode: false,
  acquiredAtMs: now - 1_000,
  expiresAtMs: now + 1,
  ttlMs: 1_001,
  fencingToken: 3,
  updatedAtMs: now - 1_000,
};
const overdue = { ...held, expiresAtMs: now };
const ofNode = { ...overdue, endsWithNode: true };
const theirs = { ...held, leaseId: "theirs", owner: "bob" };
const claim = { resourceKey: "file:a", leaseId: "mine" };
const whole = { resourceKey: null, leaseId: "mine" };

const outcome = (decision: unknown): string => (isRefusal(decision) ? decision.refused : "accepted");

describe("a grant is journalled", () => {
  const grant: LockGrant = {
    ...held,
    leaseId: "new",
    metadata: { m: 1 },
    acquiredAtMs: now,
    locks: [held, { ...held, resourceKey: "dir:b", scope: "s", mode: "shared", ignoreCase: true }],
  };
  const locks = [{ resource_key: "file:a" }, { resource_key: "dir:b", scope: "s", mode: "shared", ignore_case: true }];
  const payload = { lease_id: "new", owner: "ann", provider: "p", metadata: { m: 1 }, locks };

  test.each<[string, LockGrant, Lock[], string, object]>([
    ["with its keys, and of them what is not the default", grant, [], "ACQUIRE_RESOURCE_LOCK", payload],
    [
      "with its end, where that is a node's",
      { ...grant, endsWithNode: true },
      [],
      "ACQUIRE_RESOURCE_LOCK",
      { ...payload, ends_with_node: true },
    ],
    [
      "with whose leases were over and in the way",
      grant,
      [theirs],
      "TAKE_OVER_RESOURCE_LOCK",
      { ...payload, from: [{ lease_id: "theirs", owner: "bob" }] },
    ],
  ])("%s", (_, request, over, actionType, told) => {
    const entry = grantLocks(request, over);
    expect(entry).toEqual({
      id: null,
      taskId: "task",
      nodeId: "node",
      actionType,
      origin: "daemon",
      payload: told,
      timestampMs: now,
    } as LockEntry);
  });
});

describe("a holder may", () => {
  test.each<[string, Lock[], Lock[], typeof claim | typeof whole, heartbeat: string, release: string]>([
    ["nothing with a lock nobody holds", [], [], claim, "NOT_FOUND", "NOT_FOUND"],
    ["nothing with a lease that holds nothing", [], [], whole, "LEASE_LOST", "LEASE_LOST"],
    ["both with its live lease", [held], [], claim, "accepted", "accepted"],
    ["both with all of its live lease", [held, held], [], whole, "accepted", "accepted"],
    ["only release with its overdue lease", [overdue], [], claim, "LEASE_LOST", "accepted"],
    ["nothing while another lease holds the key", [], [theirs], claim, "LEASE_LOST", "LEASE_LOST"],
    ["only release what ends with its node", [ofNode], [], whole, "INVALID_STATE", "accepted"],
  ])("%s", (_, claimed, others, its, heartbeat, release) => {
    expect(outcome(heartbeatLocks(claimed, others, its, 5_000, now))).toBe(heartbeat);
    expect(outcome(releaseLocks(claimed, others, its, now))).toBe(release);
  });
});

test("a heartbeat's deadline is the wished time from now", () => {
  expect(heartbeatLocks([held], [], claim, 5_000, now)).toBe(now + 5_000);
});

test("an end is journalled with whose lease it was and of which keys, on the task it was for", () => {
  const other = { ...held, resourceKey: "dir:b", scope: "s" };
  const payload = {
    lease_id: "mine",
    owner: "ann",
    locks: [{ resource_key: "file:a" }, { resource_key: "dir:b", scope: "s" }],
  };
  const ended = { id: null, payload, taskId: "task", nodeId: "node" };
  expect(releaseLocks([held, other], [], whole, now)).toMatchObject({ ...ended, actionType: "RELEASE_RESOURCE_LOCK" });
  expect(releaseWithNode([held, other], now)).toMatchObject({ ...ended, actionType: "RELEASE_RESOURCE_LOCK" });
  expect(expireLocks([held, other], now)).toMatchObject({ ...ended, actionType: "EXPIRE_RESOURCE_LOCK" });
  expect(forceRelease([held, other], "hangs", now)).toMatchObject({
    ...ended,
    actionType: "FORCE_RELEASE_RESOURCE_LOCK",
    payload: { ...payload, reason: "hangs" },
  });
});

test.each([
  [-1, false, true],
  [0, false, true],
  [1, false, false],
  [-1, true, false],
])("a lock whose deadline is %i ms away, ending with its node: %p, is over: %p", (ms, endsWithNode, over) => {
  expect(isOver({ ...held, endsWithNode, expiresAtMs: now + ms }, now)).toBe(over);
});

test("a stale holder is told who holds the lock now", () => {
  expect(heartbeatLocks([], [theirs], claim, 1, now)).toMatchObject({
    facts: { resource_key: "file:a", lease_id: "mine", held_by: "bob", provider: "p", lease_expires_at_ms: now + 1 },
  });
});
