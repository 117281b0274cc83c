import { describe, expect, test } from "bun:test";
import { TestService } from "./harness.ts";
import { Work } from "./work.ts";

const skip = { on_dependency_failure: "skip" } as const;
const run = { on_dependency_failure: "run" } as const;

/** Takes and ends the next node: `fail` names those that fail. */
function drive(work: Work, fail: string[]): string[] {
  const taken: string[] = [];
  for (let name = work.acquire(); name !== null; name = work.acquire()) {
    taken.push(name);
    if (fail.includes(name)) work.fail(name);
    else work.complete(name);
  }
  return taken;
}

describe("a node to be skipped where a dependency fails", () => {
  test("fails with it, and so on down the DAG", () => {
    using work = new Work({
      a: {},
      b: { dependencies: ["a"], ...skip },
      c: { dependencies: ["b"], ...skip },
      d: { dependencies: ["b"] },
      e: {},
    });
    expect(drive(work, ["a"])).toEqual(["a", "e"]);
    expect(work.statuses()).toBe("a FAILED, b FAILED, c FAILED, d PENDING, e COMPLETED");
    expect(work.node("b").result_payload).toEqual({ kind: "DEPENDENCY_FAILED", node_ids: [work.id("a")] });
    expect(work.node("c").result_payload).toEqual({ kind: "DEPENDENCY_FAILED", node_ids: [work.id("b")] });
    expect(work.node("d").blocked_by).toEqual([work.id("b")]);
    expect(work.journal("SKIP_NODE").map(({ node_id }) => node_id)).toEqual([work.id("b"), work.id("c")]);
    expect([work.state(), work.difference()]).toEqual(["FAILED", null]);
  });

  test("is among what the failure's seq covers", () => {
    using work = new Work({ a: {}, b: { dependencies: ["a"], ...skip } });
    work.acquire();
    const { seq } = work.user.call("FailNode", { ...work.claim("a"), error_payload: 1 });
    expect(work.journal("SKIP_NODE")).toMatchObject([{ seq }]);
  });

  test("is skipped once, whatever ways lead to it", () => {
    using work = new Work({
      a: {},
      b: { dependencies: ["a"], ...skip },
      c: { dependencies: ["a"], ...skip },
      d: { dependencies: ["b", "c", "a"], ...skip },
    });
    drive(work, ["a"]);
    expect(work.journal("SKIP_NODE").length).toBe(3);
    expect(work.difference()).toBeNull();
  });

  test("comes back when what it was skipped for is retried, with all behind it", () => {
    using work = new Work({ a: {}, b: { dependencies: ["a"], ...skip }, c: { dependencies: ["b"], ...skip } });
    drive(work, ["a"]);
    expect(work.retry("a")).toEqual(["a", "b", "c"]);
    expect(drive(work, [])).toEqual(["a", "b", "c"]);
    expect([work.state(), work.difference()]).toEqual(["COMPLETED", null]);
  });

  test("stays skipped while another of its dependencies is FAILED", () => {
    using work = new Work({ a: {}, b: {}, c: { dependencies: ["a", "b"], ...skip } });
    drive(work, ["a", "b"]);
    expect(work.retry("a")).toEqual(["a"]);
    expect(work.statuses()).toBe("a PENDING, b FAILED, c FAILED");
    expect(work.retry("b")).toEqual(["b", "c"]);
  });

  test("cannot be retried by itself while it would be skipped again", () => {
    using work = new Work({ a: {}, b: { dependencies: ["a"], ...skip } });
    drive(work, ["a"]);
    const { error } = work.user.ask("RetryNode", { task_id: work.taskId, node_id: work.id("b") });
    expect(error).toMatchObject({ data: { kind: "INVALID_STATE", node_ids: [work.id("a")] } });
    expect(error?.message).toContain("retry that first");
  });
});

test("a thousand nodes are skipped some at a time, between which others are served, also over a restart", () => {
  const behind = Array.from({ length: 1_000 }, (_, n) => [`n${n}`, { dependencies: ["a"], ...skip }] as const);
  using work = new Work({ a: {}, ...Object.fromEntries(behind) });
  work.acquire();
  const other = work.client();
  work.user.send("FailNode", { ...work.claim("a"), error_payload: 1 });
  const failed: (number | undefined)[] = [];
  for (let turn = 0; turn < 3; turn++) {
    work.turn();
    failed.push(work.store.reads.totals.nodes.FAILED);
    other.send("ListResourceLocks", {});
  }
  expect(failed).toEqual([257, 513, 769]);
  expect(other.answers.length).toBe(2);
  work.restart();
  work.settle();
  expect(work.store.reads.totals.nodes).toMatchObject({ PENDING: 0, FAILED: 1_001 });
  expect(work.difference()).toBeNull();
});

describe("a node that runs whatever becomes of its dependencies", () => {
  test("runs once all have ended, failed ones too", () => {
    using work = new Work({ a: {}, b: {}, clean: { dependencies: ["a", "b"], ...run } });
    expect(work.acquire()).toBe("a");
    expect(work.acquire()).toBe("b");
    work.fail("a");
    expect([work.acquire(), work.state()]).toEqual([null, "ACTIVE"]);
    work.complete("b");
    expect(work.acquire()).toBe("clean");
    work.complete("clean");
    expect([work.state(), work.difference()]).toEqual(["FAILED", null]);
  });

  test("runs after a skipped one", () => {
    using work = new Work({ a: {}, b: { dependencies: ["a"], ...skip }, clean: { dependencies: ["b"], ...run } });
    expect(drive(work, ["a"])).toEqual(["a", "clean"]);
    expect(work.difference()).toBeNull();
  });

  test("waits again for what is retried", () => {
    using work = new Work({ a: {}, clean: { dependencies: ["a"], ...run } });
    work.acquire();
    work.fail("a");
    work.retry("a");
    expect(drive(work, [])).toEqual(["a", "clean"]);
    expect(work.difference()).toBeNull();
  });

  test("does not run behind a node that waits for ever", () => {
    using work = new Work({ a: {}, b: { dependencies: ["a"] }, clean: { dependencies: ["b"], ...run } });
    expect(drive(work, ["a"])).toEqual(["a"]);
    expect([work.node("clean").blocked_by, work.state()]).toEqual([[work.id("a")], "FAILED"]);
  });
});

test("nodes of several tasks are skipped in registration order, whichever failed first", () => {
  using service = new TestService();
  const client = service.client();
  const plan = [
    { name: "lost", max_lost_attempts: 1 },
    { dependencies: ["lost"], on_dependency_failure: "skip" as const },
  ];
  const taskIds = [1, 2].map(() => client.call("RegisterTask", { goal: "g", initial_nodes: plan }).task_id);
  for (const task_id of taskIds.toReversed()) {
    client.call("AcquireNextNode", { task_id, ttl_secs: 1 });
    service.pass(1);
  }
  service.live(2_000);
  const { events } = client.call("ListEvents", { action_types: ["SKIP_NODE"] });
  expect(events.map(({ task_id }) => task_id)).toEqual(taskIds);
});
