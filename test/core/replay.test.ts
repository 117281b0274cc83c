import { describe, expect, test } from "bun:test";
import { actions, type JournalRow } from "../../src/core/journal.ts";
import { Replay } from "../../src/core/replay.ts";
import { ImpossibleRow } from "../../src/core/replayed.ts";
import type { Json } from "../../src/protocol/json.ts";

/** What differs from row to row; its seq is its place. */
type Row = [actionType: string, payload: Json, more?: Partial<JournalRow>];

function replayed(...rows: Row[]): Replay {
  const replay = new Replay((text) => text);
  for (const [index, row] of rows.entries()) replay.apply(rowAt(index + 1, row));
  return replay;
}

function rowAt(seq: number, [actionType, payload, more]: Row): JournalRow {
  const ids = { id: null, taskId: "task", nodeId: "a" };
  return { seq, ...ids, actionType, origin: "daemon", payload, timestampMs: seq * 10, ...more };
}

const a = { id: "a", dependencies: [], payload_schema: { n: 1 } };
const b = { id: "b", dependencies: ["a", "a"], payload_schema: {} };
const register: Row = [actions.registerTask, { goal: "g", context: {}, nodes: [a, b] }, { nodeId: null }];
const acquire: Row = [actions.acquireNode, { lease_id: "l1", lease_owner: "ann" }];
const rollBack: Row = [actions.rollBackNode, { lease_id: "l1", lease_owner: "ann", lost_attempts: 1 }];
const complete: Row = [actions.completeNode, { result: { ok: true } }];
const fail: Row = [actions.failNode, { error: "why" }];
const lock = { resource_key: "k", lease_id: "l1", owner: "ann", provider: null, metadata: {} };
const acquireLock: Row = [actions.acquireLock, lock];
const release: Row = [actions.releaseLock, { resource_key: "k", lease_id: "l1", owner: "ann" }];
const takeOver: Row = [
  actions.takeOverLock,
  { ...lock, lease_id: "l2", owner: "bob", from: { lease_id: "l1", owner: "ann" } },
];

const noLease = { leaseId: null, leaseOwner: null, fencingToken: null };

describe("the node after", () => {
  test.each<[string, Row[], object]>([
    ["its registration", [register], { status: "PENDING", resultPayload: null, acquiredAtMs: null, ...noLease }],
    [
      "an acquire",
      [register, acquire],
      { status: "RUNNING", acquiredAtMs: 20, leaseId: "l1", leaseOwner: "ann", fencingToken: 2 },
    ],
    ["a roll-back", [register, acquire, rollBack], { status: "PENDING", acquiredAtMs: null, ...noLease }],
    [
      "a completion",
      [register, acquire, complete],
      { status: "COMPLETED", resultPayload: '{"ok":true}', acquiredAtMs: 20, ...noLease },
    ],
    [
      "a failure",
      [register, acquire, fail],
      { status: "FAILED", resultPayload: '"why"', acquiredAtMs: 20, ...noLease },
    ],
    [
      "a second acquire",
      [register, acquire, rollBack, [actions.acquireNode, { lease_id: "l2", lease_owner: "bob" }]],
      { status: "RUNNING", acquiredAtMs: 40, leaseId: "l2", leaseOwner: "bob", fencingToken: 4 },
    ],
    [
      "a client's event that is named like a transition",
      [register, acquire, [actions.completeNode, { result: 1 }, { origin: "client" }]],
      { status: "RUNNING" },
    ],
  ])("%s", (_, rows, node) => {
    expect(replayed(...rows).nodes.get("a")).toMatchObject(node);
  });

  test("a completion lets the next one wait for one node less", () => {
    expect(replayed(register, acquire).waitingOn("b")).toBe(1);
    expect(replayed(register, acquire, complete).waitingOn("b")).toBe(0);
    expect(replayed(register, acquire, fail).waitingOn("b")).toBe(1);
  });
});

test("a task is kept with its goal, its context as text, and the time of its row", () => {
  expect(replayed(register).tasks.get("task")).toEqual({
    goal: "g",
    context: "{}",
    createdAtMs: 10,
    name: null,
    labels: "{}",
    priority: 0,
    paused: false,
    counts: { PENDING: 2, RUNNING: 0, COMPLETED: 0, FAILED: 0 },
  });
});

test("a task counts its nodes by status, and a node who waits for it", () => {
  const { tasks, nodes } = replayed(register, acquire, complete);
  expect(tasks.get("task")?.counts).toEqual({ PENDING: 1, RUNNING: 0, COMPLETED: 1, FAILED: 0 });
  expect([nodes.get("a")?.dependents, nodes.get("b")?.dependents]).toEqual([1, 0]);
});

test("texts are kept in the brief form that they are compared in", () => {
  const replay = new Replay((text) => `<${text}>`);
  for (const [index, row] of [register, acquire, complete].entries()) replay.apply(rowAt(index + 1, row));
  expect(replay.tasks.get("task")).toMatchObject({ goal: "<g>", context: "<{}>" });
  expect(replay.nodes.get("a")).toMatchObject({ payloadSchema: '<{"n":1}>', resultPayload: '<{"ok":true}>' });
});

describe("the lock after", () => {
  const held = { owner: "ann", leaseId: "l1", provider: null, taskId: "task", nodeId: "a", metadata: "{}" };
  test.each<[string, Row[], object | undefined]>([
    ["an acquire", [acquireLock], { ...held, acquiredAtMs: 10, fencingToken: 1 }],
    [
      "a take-over",
      [acquireLock, takeOver],
      { ...held, owner: "bob", leaseId: "l2", acquiredAtMs: 20, fencingToken: 2 },
    ],
    ["a release", [acquireLock, release], undefined],
    ["an expiry", [acquireLock, [actions.expireLock, release[1]]], undefined],
  ])("%s", (_, rows, expected) => {
    expect(replayed(...rows).locks.get("k")).toEqual(expected as never);
  });
});

describe("what was adopted from the original is taken as it stood", () => {
  const running = { ...a, status: "RUNNING", acquired_at_ms: 5, lease_id: "old", lease_owner: "ann" };
  const ended = { ...b, status: "FAILED", result_payload: "why" };
  const adopt: Row = [actions.adoptTask, { goal: "g", context: null, created_at_ms: 3, nodes: [running, ended] }];

  test("a task with nodes in their states", () => {
    const { tasks, nodes } = replayed(adopt);
    expect(tasks.get("task")).toMatchObject({ goal: "g", context: "null", createdAtMs: 3 });
    expect(tasks.get("task")?.counts).toEqual({ PENDING: 0, RUNNING: 1, COMPLETED: 0, FAILED: 1 });
    expect(nodes.get("a")).toMatchObject({ status: "RUNNING", acquiredAtMs: 5, leaseId: "old", fencingToken: 1 });
    expect(nodes.get("b")).toMatchObject({ status: "FAILED", resultPayload: '"why"', ...noLease });
  });

  test("a lock with its own time", () => {
    const { locks } = replayed([actions.adoptLock, { ...lock, acquired_at_ms: 3 }]);
    expect(locks.get("k")).toMatchObject({ owner: "ann", acquiredAtMs: 3, fencingToken: 1 });
  });
});

describe("a row that no daemon can have written is named", () => {
  test.each<[string, Row[], RegExp]>([
    ["an unknown transition", [["DANCE", {}]], /no transition DANCE/],
    ["a task registered twice", [register, register], /task task was registered already/],
    [
      "a node registered twice",
      [register, [register[0], register[1], { taskId: "t2" }]],
      /node a was registered already/,
    ],
    ["a task without an id", [[register[0], register[1], { taskId: null }]], /payload is not what/],
    ["a task without a goal", [[actions.registerTask, { context: {}, nodes: [] }]], /payload is not what/],
    ["a payload that is no object", [[actions.registerTask, [1]]], /payload is not what/],
    ["a payload that is null", [[actions.registerTask, null]], /payload is not what/],
    ["an acquire of an unknown node", [acquire], /node a was never registered/],
    ["an acquire of a running node", [register, acquire, acquire], /node a was RUNNING, not PENDING/],
    ["an acquire of a completed node", [register, acquire, complete, acquire], /node a was COMPLETED, not PENDING/],
    ["a roll-back of a pending node", [register, rollBack], /node a was PENDING, not RUNNING/],
    ["a completion of a pending node", [register, complete], /node a was PENDING, not RUNNING/],
    ["a completion after a failure", [register, acquire, fail, complete], /node a was FAILED, not RUNNING/],
    ["a failure after a roll-back", [register, acquire, rollBack, fail], /node a was PENDING, not RUNNING/],
    ["a lock given while it was held", [acquireLock, acquireLock], /held already/],
    ["a lock taken over from nobody", [takeOver], /lease l1 did not hold it/],
    ["a lock taken over from another lease", [acquireLock, takeOver, takeOver], /lease l1 did not hold it/],
    ["a lock released twice", [acquireLock, release, release], /lease l1 did not hold it/],
    ["a lock released by another lease", [acquireLock, takeOver, release], /lease l1 did not hold it/],
  ])("%s", (_, rows, message) => {
    const before = rows.slice(0, -1);
    const replay = replayed(...before);
    const last = rows.at(-1);
    if (last === undefined) throw new Error("a case needs a row");
    const apply = () => replay.apply(rowAt(rows.length, last));
    expect(apply).toThrow(message);
    expect(apply).toThrow(ImpossibleRow);
  });

  test("and an acquire of a node whose dependency is not completed", () => {
    const acquireB: Row = [acquire[0], acquire[1], { nodeId: "b" }];
    expect(() => replayed(register, acquireB)).toThrow(/node b waits for 1 of its dependencies/);
    expect(() => replayed(register, acquire, fail, acquireB)).toThrow(ImpossibleRow);
    expect(replayed(register, acquire, complete, acquireB).nodes.get("b")).toMatchObject({ status: "RUNNING" });
  });
});
