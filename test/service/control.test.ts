import { describe, expect, test } from "bun:test";
import { Work } from "./work.ts";

describe("a canceled task", () => {
  const canceled = (work: Work) => work.user.call("CancelTask", { task_id: work.taskId, reason: "no use" });

  test("has nothing left that runs or could", () => {
    using work = new Work({
      a: {},
      b: {},
      c: { dependencies: ["b"] },
      clean: { dependencies: ["b"], on_dependency_failure: "run" },
    });
    work.acquire();
    work.complete("a");
    work.acquire();
    expect(canceled(work)).toMatchObject({ ok: true, canceled: 3 });
    expect(work.statuses()).toBe("a COMPLETED, b FAILED, c FAILED, clean FAILED");
    expect(work.node("c").result_payload).toEqual({ kind: "CANCELED", reason: "no use" });
    expect(work.outcomes("b")).toEqual(["CANCELED"]);
    expect([work.state(), work.acquire(), work.difference()]).toEqual(["FAILED", null, null]);
    expect(work.journal("CANCEL_TASK")).toMatchObject([{ task_id: work.taskId, payload: { reason: "no use" } }]);
  });

  test("tells its workers so at their next heartbeat", () => {
    using work = new Work({ a: {} });
    work.acquire();
    canceled(work);
    const { error } = work.user.ask("HeartbeatNode", work.claim("a"));
    expect(error?.data).toMatchObject({ kind: "LEASE_LOST", reason: "CANCELED" });
    expect(error?.message).toContain("its task was canceled");
  });

  test("answers those who wait for its nodes at once", () => {
    using work = new Work({ a: {} });
    work.acquire();
    const waiting = work.client();
    waiting.send("AcquireNextNode", { task_id: work.taskId, wait_ms: 60_000 });
    work.settle();
    canceled(work);
    expect(waiting.answers).toMatchObject([{ result: null }]);
  });

  test("cannot be canceled again: nothing of it is left to", () => {
    using work = new Work({ a: {} });
    canceled(work);
    const { error } = work.user.ask("CancelTask", { task_id: work.taskId, reason: "" });
    expect(error?.message).toContain("none of its nodes is PENDING or RUNNING");
  });

  test("can be taken up again node by node", () => {
    using work = new Work({ a: {}, b: { dependencies: ["a"] } });
    canceled(work);
    expect(work.retry("b")).toEqual(["b"]);
    expect(work.retry("a")).toEqual(["a"]);
    expect([work.acquire(), work.difference()]).toEqual(["a", null]);
  });

  test("counts the leases that it ended no more", () => {
    using work = new Work({ a: {}, b: {} });
    work.acquire();
    canceled(work);
    const { database } = work.user.call("Metrics", {});
    expect(database).toMatchObject({ running_leases: 0, node_status_counts: { FAILED: 2 } });
    expect(work.dispatcher.msUntilTurn()).toBeNull();
  });
});

describe("a paused task", () => {
  test("hands out nothing, lets what runs go on, and is ACTIVE", () => {
    using work = new Work({ a: {}, b: {} });
    work.acquire();
    work.user.call("PauseTask", { task_id: work.taskId });
    expect([work.acquire(), work.acquire({ task_id: null }), work.state()]).toEqual([null, null, "ACTIVE"]);
    work.complete("a");
    work.user.call("ResumeTask", { task_id: work.taskId });
    expect([work.acquire(), work.difference()]).toEqual(["b", null]);
  });

  test("keeps those waiting who wait for its nodes, until it is resumed", () => {
    using work = new Work({ a: {} });
    work.user.call("PauseTask", { task_id: work.taskId });
    const [named, any] = [work.client(), work.client()];
    named.send("AcquireNextNode", { task_id: work.taskId, wait_ms: 60_000 });
    any.send("AcquireNextNode", { wait_ms: 60_000 });
    work.settle();
    expect([named.answers, any.answers]).toEqual([[], []]);
    work.user.call("ResumeTask", { task_id: work.taskId });
    expect(named.answers).toMatchObject([{ result: { node_id: work.id("a") } }]);
    expect(any.answers).toEqual([]);
  });

  test("can be paused and resumed again and again, of which only changes are journalled", () => {
    using work = new Work({});
    for (const method of ["ResumeTask", "PauseTask", "PauseTask", "ResumeTask"] as const) {
      work.user.call(method, { task_id: work.taskId });
    }
    expect(work.journal("PAUSE_TASK", "RESUME_TASK").map(({ action_type }) => action_type)).toEqual([
      "PAUSE_TASK",
      "RESUME_TASK",
    ]);
  });

  test("shows that it is, also after a restart", () => {
    using work = new Work({});
    work.user.call("PauseTask", { task_id: work.taskId });
    work.restart();
    expect(work.client().call("TaskStatus", { task_id: work.taskId }).task.paused).toBe(true);
    expect(work.client().call("ListTasks", {}).tasks).toMatchObject([{ paused: true }]);
  });
});

describe("a node is chosen", () => {
  test("by priority, then in the order of registration", () => {
    using work = new Work({ a: {}, b: { priority: 5 }, c: { priority: -1 }, d: { priority: 5 } });
    expect([work.acquire(), work.acquire(), work.acquire(), work.acquire()]).toEqual(["b", "d", "a", "c"]);
  });

  test("by a priority that was set later", () => {
    using work = new Work({ a: {}, b: {} });
    work.user.call("SetPriority", { task_id: work.taskId, node_id: work.id("b"), priority: 1 });
    expect([work.acquire(), work.node("b").priority, work.difference()]).toEqual(["b", 1, null]);
  });

  test("of any task by its task's priority, the node's, and age", () => {
    using work = new Work({ a1: {}, a2: { priority: 9 } });
    const register = (priority: number, ...nodes: [string, number][]) =>
      work.user.call("RegisterTask", {
        goal: "g",
        priority,
        initial_nodes: nodes.map(([name, its]) => ({ name, priority: its })),
      }).task_id;
    register(0, ["b1", 0], ["b2", 9]);
    const low = register(-1, ["c1", 99]);
    register(1, ["d1", -5]);
    const next = () => work.acquire({ task_id: null });
    expect([next(), next(), next(), next()]).toEqual(["d1", "a2", "b2", "a1"]);
    work.user.call("SetPriority", { task_id: low, priority: 2 });
    expect([next(), next(), next(), work.difference()]).toEqual(["c1", "b1", null, null]);
  });

  test("only with all the labels that are asked for", () => {
    using work = new Work({
      a: { labels: { os: "mac" } },
      b: { labels: { os: "linux", gpu: "no" } },
      c: { labels: { os: "linux", gpu: "yes" }, priority: 1 },
      d: {},
      e: { labels: { os: "linux", gpu: "yes" } },
    });
    expect(work.acquire({ labels: { os: "windows" } })).toBeNull();
    expect(work.acquire({ labels: { os: "linux", gpu: "yes", more: "1" } })).toBeNull();
    expect(work.acquire({ labels: { os: "linux" } })).toBe("c");
    expect(work.acquire({ labels: { gpu: "yes", os: "linux" }, task_id: null })).toBe("e");
    expect(work.acquire({ labels: { gpu: "yes", os: "linux" } })).toBeNull();
    work.release("e");
    expect(work.acquire({ labels: { gpu: "yes", os: "linux" } })).toBe("e");
    expect(work.acquire({ labels: {} })).toBe("a");
  });

  test("with a label only once it waits for nothing", () => {
    using work = new Work({ a: {}, b: { labels: { k: "v" }, dependencies: ["a"] } });
    expect(work.acquire({ labels: { k: "v" } })).toBeNull();
    work.acquire();
    const waiting = work.client();
    waiting.send("AcquireNextNode", { labels: { k: "v" }, wait_ms: 60_000 });
    work.settle();
    work.complete("a");
    expect(waiting.answers).toMatchObject([{ result: { node_id: work.id("b") } }]);
  });

  test("as often as there are any, where several are asked for", () => {
    using work = new Work({ a: {}, b: {}, c: {} });
    const wish = { task_id: work.taskId, count: 2 };
    expect(work.user.call("AcquireNextNode", wish)).toMatchObject({
      nodes: [{ node_id: work.id("a") }, { node_id: work.id("b") }],
      seq: 3,
    });
    expect(work.user.call("AcquireNextNode", wish)).toMatchObject({ nodes: [{ node_id: work.id("c") }], seq: 4 });
    expect(work.user.call("AcquireNextNode", wish)).toBeNull();
  });

  test("under a lease as long as its own, unless the worker says otherwise", () => {
    using work = new Work({ a: { ttl_secs: 9 }, b: { ttl_secs: 9 } });
    const length = (name: string) => (work.node(name).lease_expires_at_ms ?? 0) - work.clock.wallMs;
    work.acquire();
    work.acquire({ ttl_secs: 4 });
    expect([length("a"), length("b")]).toEqual([9_000, 4_000]);
  });
});

test("progress is kept as it was last told, while the node runs, and is not journalled", () => {
  using work = new Work({ a: {} });
  work.acquire();
  const { seq } = work.store.reads.head;
  work.user.call("HeartbeatNode", { ...work.claim("a"), progress: { percent: 40, message: "half" } });
  work.user.call("HeartbeatNode", work.claim("a"));
  expect(work.node("a").progress).toEqual({ percent: 40, message: "half" });
  work.user.call("HeartbeatNode", { ...work.claim("a"), progress: { percent: 99.5 } });
  expect(work.node("a").progress).toEqual({ percent: 99.5, message: null });
  expect(work.store.reads.head.seq).toBe(seq);
  work.release("a");
  expect(work.node("a").progress).toBeNull();
});

test("tasks are listed by their labels", () => {
  using work = new Work({});
  const register = (name: string, labels: Record<string, string>) =>
    work.user.call("RegisterTask", { goal: "g", name, labels });
  register("one", { team: "a", kind: "x" });
  register("two", { team: "a" });
  const listed = (labels: Record<string, string>) =>
    work.user.call("ListTasks", { labels }).tasks.map(({ name }) => name);
  expect([listed({ team: "a" }), listed({ team: "a", kind: "x" }), listed({ team: "b" })]).toEqual([
    ["two", "one"],
    ["one"],
    [],
  ]);
});
