import { describe, expect, test } from "bun:test";
import type { ParamsInput } from "../../src/protocol/methods.ts";
import { Work } from "./work.ts";

const add = (work: Work, params: Omit<ParamsInput<"AddNodes">, "task_id">) =>
  work.user.ask("AddNodes", { task_id: work.taskId, ...params });

describe("nodes added to a task", () => {
  test("are handed out after those there are, and may depend on any of them, by id or name", () => {
    using work = new Work({ a: {} });
    const { result } = add(work, {
      nodes: [
        { name: "b", dependencies: ["a"] },
        { name: "c", dependencies: ["b", work.id("a")] },
      ],
    });
    expect(result).toMatchObject({ nodes: [{ name: "b" }, { name: "c" }], seq: 2 });
    const taken = ["a", "b", "c"].map((name) => {
      const next = work.acquire();
      work.complete(name);
      return next;
    });
    expect([taken, work.state(), work.difference()]).toEqual([["a", "b", "c"], "COMPLETED", null]);
  });

  test("wait for nothing that is COMPLETED already", () => {
    using work = new Work({ a: {} });
    work.acquire();
    work.complete("a");
    add(work, { nodes: [{ name: "b", dependencies: ["a"] }] });
    expect([work.state(), work.acquire(), work.difference()]).toEqual(["ACTIVE", "b", null]);
  });

  test("are skipped at once, with what is behind them, where a dependency is FAILED already", () => {
    using work = new Work({ a: {}, x: {} });
    work.acquire();
    work.fail("a");
    const skip = { on_dependency_failure: "skip" } as const;
    add(work, {
      nodes: [
        { name: "b", dependencies: ["a"], ...skip },
        { name: "c", dependencies: ["b"], ...skip },
      ],
    });
    expect(work.statuses()).toBe("a FAILED, x PENDING, b FAILED, c FAILED");
    expect(work.difference()).toBeNull();
  });

  test("are waited for by those they are put before", () => {
    using work = new Work({ a: {}, b: { dependencies: ["a"] }, c: {} });
    add(work, { nodes: [{ name: "n" }, { name: "m" }], expand_before: ["c", work.id("b"), "c"] });
    expect(work.node("c").dependencies).toEqual([work.id("n"), work.id("m")]);
    expect(work.node("b").dependencies).toEqual([work.id("a"), work.id("n"), work.id("m")]);
    expect([work.acquire(), work.acquire(), work.acquire(), work.acquire()]).toEqual(["a", "n", "m", null]);
    for (const name of ["a", "n", "m"]) work.complete(name);
    expect([work.acquire(), work.acquire(), work.difference()]).toEqual(["b", "c", null]);
  });

  test("go to one who waits", () => {
    using work = new Work({ a: {} });
    work.acquire();
    const waiting = work.client();
    waiting.send("AcquireNextNode", { task_id: work.taskId, wait_ms: 60_000 });
    work.settle();
    add(work, { nodes: [{ name: "b" }], lease_id: work.claim("a").lease_id });
    expect(waiting.answers).toMatchObject([{ result: { node_id: work.id("b") } }]);
    expect(work.journal("ADD_NODES")).toMatchObject([
      { node_id: work.id("a"), payload: { lease_id: work.claim("a").lease_id, expand_before: [] } },
    ]);
  });

  test("are not handed out while the task is paused", () => {
    using work = new Work({});
    work.user.call("PauseTask", { task_id: work.taskId });
    add(work, { nodes: [{ name: "a" }] });
    expect(work.acquire()).toBeNull();
    work.user.call("ResumeTask", { task_id: work.taskId });
    expect([work.acquire(), work.difference()]).toEqual(["a", null]);
  });
});

describe("adding is refused, and nothing stored,", () => {
  const refusals: [string, Omit<ParamsInput<"AddNodes">, "task_id">, string, string][] = [
    [
      "with a name that is taken",
      { nodes: [{}, { name: "a" }] },
      "DUPLICATE_ID",
      `"a" cannot be used: a node of the task`,
    ],
    ["with a name twice", { nodes: [{ name: "n" }, { name: "n" }] }, "DUPLICATE_ID", "the call gives it twice"],
    ["with an unknown name", { nodes: [{ dependencies: ["z"] }] }, "UNKNOWN_DEPENDENCY", `depends on "z"`],
    ["before an unknown node", { nodes: [{}], expand_before: ["z"] }, "NOT_FOUND", "has no node z"],
    ["before a node that runs", { nodes: [{}], expand_before: ["a"] }, "INVALID_STATE", "it is RUNNING"],
    [
      "where a circle would close",
      { nodes: [{ name: "n", dependencies: ["c"] }], expand_before: ["b"] },
      "CYCLE",
      "the dependencies form a cycle",
    ],
    ["where a node would wait for itself", { nodes: [{ dependencies: ["b"] }], expand_before: ["b"] }, "CYCLE", "->"],
    ["with a node too many", { nodes: [{}, {}] }, "LIMIT_EXCEEDED", "would have 5 nodes and the limit is 4"],
    [
      "with a dependency too many",
      { nodes: [{ name: "n" }], expand_before: ["c"] },
      "LIMIT_EXCEEDED",
      "2 dependencies",
    ],
    [
      "under a lease of nobody",
      { nodes: [{}], lease_id: "00000000-0000-4000-8000-00000000ffff" },
      "LEASE_LOST",
      "it is not a current lease of task",
    ],
  ];
  test.each(refusals)("%s", (_, params, kind, message) => {
    const settings = { taskNodesMax: 4, nodeDependenciesMax: 1 };
    using work = new Work({ a: {}, b: {}, c: { dependencies: ["b"] } }, { settings });
    work.acquire();
    const { seq } = work.store.reads.head;
    const { error } = add(work, params);
    expect(String(error?.data.kind)).toBe(kind);
    expect(error?.message).toContain(message);
    expect([work.store.reads.head.seq, work.nodes().length, work.difference()]).toEqual([seq, 3, null]);
  });
});

test("nodes that a lowered limit would refuse do not stand in the way of others", () => {
  using work = new Work({ a: {}, b: {}, c: { dependencies: ["a", "b"] }, d: {} });
  work.settings.nodeDependenciesMax = 1;
  const added = work.user.ask("AddNodes", { task_id: work.taskId, nodes: [{}], expand_before: ["d"] });
  expect(added.error).toBeUndefined();
});
