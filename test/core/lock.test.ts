import { describe, expect, test } from "bun:test";
import { isRefusal } from "../../src/core/decision.ts";
import { acquireLock, expireLock, heartbeatLock, isExpired, releaseLock } from "../../src/core/lock.ts";
import type { Lock, LockRequest } from "../../src/core/model.ts";

const now = 1_000_000;
const held: Lock = {
  resourceKey: "file:a",
  leaseId: "mine",
  owner: "ann",
  provider: "p",
  taskId: "task",
  nodeId: "node",
  metadata: {},
  acquiredAtMs: now - 1_000,
  expiresAtMs: now + 1,
  ttlMs: 1_001,
  fencingToken: 3,
  updatedAtMs: now - 1_000,
};
const overdue = { ...held, expiresAtMs: now };
const wanted: LockRequest = { ...held, leaseId: "new", owner: "bob", taskId: null, nodeId: null, metadata: { m: 1 } };
const mine = { resourceKey: "file:a", leaseId: "mine" };
const stale = { resourceKey: "file:a", leaseId: "stale" };

const outcome = (decision: unknown): string => (isRefusal(decision) ? decision.refused : "accepted");

describe("a key is given", () => {
  const grant = { resource_key: "file:a", lease_id: "new", owner: "bob", provider: "p", metadata: { m: 1 } };
  const from = { from: { lease_id: "mine", owner: "ann" } };

  test.each<[string, Lock | null, LockRequest, string | undefined, object | undefined]>([
    ["when it is free", null, wanted, "ACQUIRE_RESOURCE_LOCK", grant],
    [
      "when its lease is over, and from whom is journalled",
      overdue,
      wanted,
      "TAKE_OVER_RESOURCE_LOCK",
      { ...grant, ...from },
    ],
    ["not while it is held", held, wanted, undefined, undefined],
    ["not while the same owner holds it", held, { ...wanted, owner: "ann" }, undefined, undefined],
  ])("%s", (_, lock, request, actionType, payload) => {
    const entry = acquireLock(lock, request, now);
    expect(entry).toEqual(
      actionType === undefined ? null : (expect.objectContaining({ actionType, payload }) as never),
    );
  });
});

describe("a holder may", () => {
  test.each<[string, Lock | null, { leaseId: string; resourceKey: string }, heartbeat: string, release: string]>([
    ["nothing with a lock nobody holds", null, mine, "NOT_FOUND", "NOT_FOUND"],
    ["both with its live lease", held, mine, "accepted", "accepted"],
    ["only release with its overdue lease", overdue, mine, "LEASE_LOST", "accepted"],
    ["nothing with a stale lease", held, stale, "LEASE_LOST", "LEASE_LOST"],
    ["nothing with a stale lease when the current is overdue", overdue, stale, "LEASE_LOST", "LEASE_LOST"],
  ])("%s", (_, lock, claim, heartbeat, release) => {
    expect(outcome(heartbeatLock(lock, claim, 5_000, now))).toBe(heartbeat);
    expect(outcome(releaseLock(lock, claim, now))).toBe(release);
  });
});

test("a heartbeat's deadline is the wished time from now", () => {
  expect(heartbeatLock(held, mine, 5_000, now)).toBe(now + 5_000);
});

test("an end is journalled with whose lease it was, on the task it was for", () => {
  const ended = { payload: { resource_key: "file:a", lease_id: "mine", owner: "ann" }, taskId: "task", nodeId: "node" };
  expect(releaseLock(held, mine, now)).toMatchObject({ ...ended, actionType: "RELEASE_RESOURCE_LOCK", id: null });
  expect(expireLock(overdue, now)).toMatchObject({ ...ended, actionType: "EXPIRE_RESOURCE_LOCK", id: null });
});

test.each([
  [-1, true],
  [0, true],
  [1, false],
])("a lock whose deadline is %i ms away is over: %p", (ms, over) => {
  expect(isExpired({ ...held, expiresAtMs: now + ms }, now)).toBe(over);
});

test("a stale holder is told who holds the lock now", () => {
  expect(heartbeatLock(held, stale, 1, now)).toMatchObject({
    facts: { resource_key: "file:a", lease_id: "stale", held_by: "ann", provider: "p", lease_expires_at_ms: now + 1 },
  });
});
