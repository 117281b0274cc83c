import { describe, expect, test } from "bun:test";
import { Replay } from "../../src/core/journal/replay.ts";
import { ImpossibleRow } from "../../src/core/journal/replayed.ts";
import type { Json } from "../../src/protocol/json.ts";
import { replayed, type Row, rowAt } from "./replaying.ts";

const a = { id: "a", dependencies: [], payload_schema: { n: 1 } };
const b = { id: "b", dependencies: ["a", "a"], payload_schema: {} };
const register: Row = ["REGISTER_TASK", { goal: "g", context: {}, nodes: [a, b] }, { nodeId: null }];
const acquire: Row = ["ACQUIRE_NODE", { lease_id: "l1", lease_owner: "ann" }];
const rollBack: Row = ["TIMEOUT_ROLLBACK", { lease_id: "l1", lease_owner: "ann", lost_attempts: 1 }];
const complete: Row = ["COMPLETE_NODE", { result: { ok: true } }];
const fail: Row = ["FAIL_NODE", { error: "why" }];
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
      [register, acquire, rollBack, ["ACQUIRE_NODE", { lease_id: "l2", lease_owner: "bob" }]],
      { status: "RUNNING", acquiredAtMs: 40, leaseId: "l2", leaseOwner: "bob", fencingToken: 4 },
    ],
    [
      "a client's event that is named like a transition",
      [register, acquire, ["COMPLETE_NODE", { result: 1 }, { origin: "client" }]],
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

describe("the node after", () => {
  const policy = { on_dependency_failure: "skip", max_attempts: 2 };
  const skipping: Row = [
    "REGISTER_TASK",
    {
      goal: "g",
      context: {},
      nodes: [
        { ...a, max_attempts: 2 },
        { ...b, ...policy },
      ],
    },
    { nodeId: null },
  ];
  const retried: Row = ["FAIL_NODE", { error: "why", retry: { failed_attempts: 1, not_before_ms: null } }];
  const lost: Row = ["FAIL_NODE", { error: { kind: "TOO_MANY_LOST_LEASES", lost_attempts: 3 }, cause: "lost" }];
  const giveBack: Row = ["RELEASE_NODE", { lease_id: "l1", lease_owner: "ann", not_before_ms: null }];
  const cancel: Row = ["CANCEL_TASK", { reason: "no use" }, { nodeId: null }];
  const skipB: Row = ["SKIP_NODE", { error: { kind: "DEPENDENCY_FAILED", node_ids: ["a"] } }, { nodeId: "b" }];
  const again: Row = ["RETRY_NODE", {}];

  test.each<[string, string, Row[], object]>([
    [
      "a failure with attempts left",
      "a",
      [skipping, acquire, retried],
      { status: "PENDING", failedAttempts: 1, failure: null },
    ],
    [
      "the lease that was one too many",
      "a",
      [register, acquire, lost],
      { status: "FAILED", failure: "lost", lostAttempts: 3 },
    ],
    [
      "a release",
      "a",
      [register, acquire, giveBack],
      { status: "PENDING", failedAttempts: 0, lostAttempts: 0, ...noLease },
    ],
    ["a failure it is skipped for", "b", [skipping, acquire, fail, skipB], { status: "FAILED", failure: "skipped" }],
    [
      "a retry",
      "a",
      [register, acquire, fail, again],
      { status: "PENDING", failedAttempts: 0, failure: null, resultPayload: null },
    ],
    [
      "a cancellation while it ran",
      "a",
      [register, acquire, cancel],
      { status: "FAILED", failure: "canceled", resultPayload: '{"kind":"CANCELED","reason":"no use"}', ...noLease },
    ],
    ["a cancellation while it waited", "b", [register, cancel], { status: "FAILED", failure: "canceled" }],
    ["a cancellation after it ended", "a", [register, acquire, complete, cancel], { status: "COMPLETED" }],
    ["another priority", "b", [register, ["SET_PRIORITY", { priority: 7 }, { nodeId: "b" }]], { priority: 7 }],
  ])("%s", (_, id, rows, expected) => {
    expect(replayed(...rows).nodes.get(id)).toMatchObject(expected);
  });

  test("each end of a lease tells its attempts otherwise", () => {
    const told = [rollBack, complete, fail, giveBack, cancel].map(
      (end) => replayed(register, acquire, end).nodes.get("a")?.attempts,
    );
    expect(new Set(told).size).toBe(told.length);
    expect(told[0]).toBe(`\n${JSON.stringify([2, "l1", "ann", 20, 30, "EXPIRED", null])}`);
    expect(told[2]).toBe(`\n${JSON.stringify([2, "l1", "ann", 20, 30, "FAILED", '"why"'])}`);
  });

  test("its task waits or not for what failed, as its policy says", () => {
    const cleaning: Row = [
      "REGISTER_TASK",
      { goal: "g", context: {}, nodes: [a, { ...b, on_dependency_failure: "run" }] },
      { nodeId: null },
    ];
    const counts = (...rows: Row[]) => [replayed(...rows).waitingOn("b"), replayed(...rows).failingOn("b")];
    expect(counts(cleaning, acquire)).toEqual([1, 0]);
    expect(counts(cleaning, acquire, fail)).toEqual([0, 1]);
    expect(counts(cleaning, acquire, fail, again)).toEqual([1, 0]);
  });

  test("nodes were added before it waits for them", () => {
    const add: Row = [
      "ADD_NODES",
      { nodes: [{ id: "c", name: "third", dependencies: [], payload_schema: {} }], expand_before: ["b"] },
      { nodeId: null },
    ];
    const { nodes, tasks } = replayed(register, add);
    expect(nodes.get("b")?.dependencies).toBe('["a","a","c"]');
    expect(nodes.get("c")).toMatchObject({ name: "third", status: "PENDING" });
    expect(tasks.get("task")?.counts.PENDING).toBe(3);
  });
});

test("a task is paused, resumed and given a priority", () => {
  const of = (actionType: string, payload: Json = {}): Row => [actionType, payload, { nodeId: null }];
  const rows = [register, of("PAUSE_TASK"), of("SET_PRIORITY", { priority: 4 })];
  expect(replayed(...rows).tasks.get("task")).toMatchObject({ paused: true, priority: 4 });
  expect(replayed(...rows, of("RESUME_TASK")).tasks.get("task")?.paused).toBe(false);
});

test("a task is kept with its goal, its context as text, and the time of its row", () => {
  expect(replayed(register).tasks.get("task")).toEqual({
    place: 0,
    goal: "g",
    context: "{}",
    createdAtMs: 10,
    name: null,
    labels: "{}",
    priority: 0,
    policy: "{}",
    paused: false,
    counts: { PENDING: 2, RUNNING: 0, COMPLETED: 0, FAILED: 0 },
  });
});

test("a task counts its nodes by status", () => {
  const { tasks } = replayed(register, acquire, complete);
  expect(tasks.get("task")?.counts).toEqual({ PENDING: 1, RUNNING: 0, COMPLETED: 1, FAILED: 0 });
});

test("texts are kept in the brief form that they are compared in", () => {
  const replay = new Replay((text) => `<${text}>`);
  for (const [index, row] of [register, acquire, complete].entries()) replay.apply(rowAt(index + 1, row));
  expect(replay.tasks.get("task")).toMatchObject({ goal: "<g>", context: "<{}>" });
  expect(replay.nodes.get("a")).toMatchObject({ payloadSchema: '<{"n":1}>', resultPayload: '<{"ok":true}>' });
});

describe("what was adopted from the original is taken as it stood", () => {
  const running = { ...a, status: "RUNNING", acquired_at_ms: 5, lease_id: "old", lease_owner: "ann" };
  const ended = { ...b, status: "FAILED", result_payload: "why" };
  const adopt: Row = ["ADOPT_TASK", { goal: "g", context: null, created_at_ms: 3, nodes: [running, ended] }];

  test("a task with nodes in their states", () => {
    const { tasks, nodes } = replayed(adopt);
    expect(tasks.get("task")).toMatchObject({ goal: "g", context: "null", createdAtMs: 3 });
    expect(tasks.get("task")?.counts).toEqual({ PENDING: 0, RUNNING: 1, COMPLETED: 0, FAILED: 1 });
    expect(nodes.get("a")).toMatchObject({ status: "RUNNING", acquiredAtMs: 5, leaseId: "old", fencingToken: 1 });
    expect(nodes.get("b")).toMatchObject({ status: "FAILED", resultPayload: '"why"', ...noLease });
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
    ["a task without a goal", [["REGISTER_TASK", { context: {}, nodes: [] }]], /payload is not what/],
    ["a payload that is no object", [["REGISTER_TASK", [1]]], /payload is not what/],
    ["a payload that is null", [["REGISTER_TASK", null]], /payload is not what/],
    ["an acquire of an unknown node", [acquire], /node a was never registered/],
    ["an acquire of a running node", [register, acquire, acquire], /node a was RUNNING, not PENDING/],
    ["an acquire of a completed node", [register, acquire, complete, acquire], /node a was COMPLETED, not PENDING/],
    ["a roll-back of a pending node", [register, rollBack], /node a was PENDING, not RUNNING/],
    ["a completion of a pending node", [register, complete], /node a was PENDING, not RUNNING/],
    ["a completion after a failure", [register, acquire, fail, complete], /node a was FAILED, not RUNNING/],
    ["a failure after a roll-back", [register, acquire, rollBack, fail], /node a was PENDING, not RUNNING/],
    [
      "a skip of a node that waits",
      [register, ["SKIP_NODE", { error: { kind: "DEPENDENCY_FAILED", node_ids: ["b"] } }]],
      /was not to be skipped/,
    ],
    ["a retry of a running node", [register, acquire, ["RETRY_NODE", {}]], /node a was RUNNING, not FAILED/],
    [
      "a release of a pending node",
      [register, ["RELEASE_NODE", { lease_id: "l1", lease_owner: "ann", not_before_ms: null }]],
      /node a was PENDING, not RUNNING/,
    ],
    ["a cancellation of an unknown task", [["CANCEL_TASK", { reason: "" }]], /task task was never registered/],
    ["an acquire from a paused task", [register, ["PAUSE_TASK", {}], acquire], /task task was paused/],
    [
      "nodes put before one that runs",
      [register, acquire, ["ADD_NODES", { nodes: [], expand_before: ["a"] }]],
      /node a was RUNNING, not PENDING/,
    ],
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
