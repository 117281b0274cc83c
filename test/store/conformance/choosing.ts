import { describe, expect, test } from "bun:test";
import { isRefusal } from "../../../src/core/decision.ts";
import type { NewNode } from "../../../src/core/model.ts";
import { nodeChanged } from "../../../src/core/effects.ts";
import { releaseNode, skipNode } from "../../../src/core/dag/node.ts";
import { defaultPolicy } from "../../../src/core/dag/node-policy.ts";
import { addNodes, cancellation, cancelTask, pauseTask, setPriority } from "../../../src/core/dag/task.ts";
import type { Store } from "../../../src/store/store.ts";
import { newNode, newTask } from "../../support/specimen.ts";
import { acquire, complete, fail, registerNodes, within } from "../story.ts";
import { type MakeSpecimen, prepared } from "./specimen.ts";

const skip = { ...defaultPolicy, onDependencyFailure: "skip" } as const;
const run = { ...defaultPolicy, onDependencyFailure: "run" } as const;

/** Which node is handed out next, and what holds one back. */
export function describeChoosing(engine: string, make: MakeSpecimen): void {
  const stored = (...nodes: Partial<NewNode>[]) =>
    prepared(make, (store) => registerNodes(store, newTask({ id: "t" }), nodes));
  /** Takes nodes until there is none; their ids. */
  const taken = (store: Store, taskId: string | null = "t", labels = {}) => {
    const order: string[] = [];
    within(store, () => {
      for (
        let node = store.reads.nodes.next(taskId, labels);
        node !== null;
        node = store.reads.nodes.next(taskId, labels)
      ) {
        acquire(store, node.id);
        order.push(node.id);
      }
    });
    return order;
  };

  describe(`${engine}: nodes are handed out`, () => {
    test("by priority and registration", () => {
      using specimen = stored(
        { id: "a" },
        { id: "b", priority: 2 },
        { id: "c", priority: -1 },
        { id: "d", priority: 2 },
      );
      expect(taken(specimen.store)).toEqual(["b", "d", "a", "c"]);
    });

    test("of any task by the task's priority first", () => {
      using specimen = prepared(make, (store) => {
        registerNodes(store, newTask({ id: "low", priority: -1 }), [{ id: "a", priority: 9 }]);
        registerNodes(store, newTask({ id: "t1" }), [{ id: "b" }, { id: "c", priority: 1 }]);
        registerNodes(store, newTask({ id: "t2" }), [{ id: "d", priority: 1 }]);
        const high = registerNodes(store, newTask({ id: "high" }), [{ id: "e", priority: -9 }]);
        store.apply({ kind: "steerTask", task: { ...high, priority: 1 }, entry: setPriority("high", null, 1, 2) });
        store.apply({ kind: "setNodePriority", nodeId: "b", priority: 5, entry: setPriority("t1", "b", 5, 2) });
      });
      expect(taken(specimen.restart(), null)).toEqual(["e", "b", "c", "d", "a"]);
    });

    test("only with every label that is asked for", () => {
      using specimen = stored(
        { id: "a", labels: { os: "linux" } },
        { id: "b", labels: { os: "linux", gpu: "yes" }, dependencies: ["a"] },
        { id: "c", labels: { os: "mac", gpu: "yes" } },
        { id: "d", labels: { os: "linux", gpu: "yes" }, priority: 1 },
        { id: "e" },
      );
      const { store } = specimen;
      expect(taken(store, "t", { gpu: "yes", os: "linux" })).toEqual(["d"]);
      expect(taken(store, null, { os: "linux" })).toEqual(["a"]);
      within(store, () => complete(store, "a"));
      expect(taken(store, "t", { os: "linux", gpu: "no" })).toEqual([]);
      expect(taken(store, null, { gpu: "yes" })).toEqual(["b", "c"]);
      expect(taken(store, "t")).toEqual(["e"]);
    });

    test("of no paused task, which is ACTIVE all the same", () => {
      using specimen = stored({ id: "a", labels: { k: "v" } });
      const { store } = specimen;
      const pause = (paused: boolean) =>
        within(store, () => {
          const task = store.reads.tasks.find("t");
          const entry = task === null ? null : pauseTask(task, paused, 2);
          if (task !== null && entry !== null) store.apply({ kind: "steerTask", task: { ...task, paused }, entry });
        });
      pause(true);
      expect([
        store.reads.nodes.next("t", {}),
        store.reads.nodes.next(null, {}),
        store.reads.nodes.next("t", { k: "v" }),
      ]).toEqual([null, null, null]);
      expect(store.reads.tasks.summary("t")?.state).toBe("ACTIVE");
      pause(false);
      expect(taken(store, "t", { k: "v" })).toEqual(["a"]);
    });

    test("after their delay, which ends when it is told to, and moves with a clock that is set back alone", () => {
      using specimen = stored({ id: "a", policy: { ...defaultPolicy, maxAttempts: 2, backoffMs: 100 } });
      const { store } = specimen;
      within(store, () => [acquire(store, "a"), fail(store, "a", "why", 0.5)]);
      expect([store.reads.nodes.find("a")?.notBeforeMs, store.reads.leases.nextDeadlineMs()]).toEqual([53, 53]);
      expect([store.reads.nodes.next("t", {}), store.reads.tasks.summary("t")?.state]).toEqual([null, "ACTIVE"]);
      within(store, () => store.apply({ kind: "shiftDeadlines", byMs: 1_000 }));
      within(store, () => store.apply({ kind: "shiftDeadlines", byMs: -7 }));
      within(store, () => store.apply({ kind: "endDelays", nowMs: 45, limit: 9 }));
      expect([taken(store), store.reads.nodes.find("a")?.notBeforeMs]).toEqual([[], 46]);
      within(store, () => store.apply({ kind: "endDelays", nowMs: 46, limit: 9 }));
      expect([taken(store), store.reads.nodes.find("a")?.notBeforeMs]).toEqual([["a"], null]);
    });
  });

  describe(`${engine}: a node behind a failed one`, () => {
    test("is to be skipped, or runs, as its policy says", () => {
      using specimen = stored(
        { id: "a" },
        { id: "skips", dependencies: ["a", "a"], policy: skip },
        { id: "runs", dependencies: ["a"], policy: run },
        { id: "waits", dependencies: ["a"] },
      );
      const { store } = specimen;
      within(store, () => acquire(store, "a"));
      expect([store.reads.dag.toSkip(null)?.id, store.reads.nodes.next("t", {})]).toEqual([undefined, null]);
      within(store, () => fail(store, "a"));
      expect([
        store.reads.dag.toSkip(null)?.id,
        store.reads.nodes.next("t", {})?.id,
        store.reads.dag.failedOf("skips"),
      ]).toEqual(["skips", "runs", ["a"]]);
      expect(store.reads.dag.isSettled()).toBe(false);
      within(store, () => {
        const node = store.reads.dag.toSkip("t");
        if (node !== null) store.apply(nodeChanged(skipNode(node, ["a"], 4)));
      });
      expect([
        store.reads.dag.toSkip(null)?.id,
        store.reads.leases.nextDeadlineMs(),
        store.reads.nodes.head("skips")?.failure,
      ]).toEqual([undefined, null, "skipped"]);
    });
  });

  describe(`${engine}: attempts`, () => {
    test("are kept with how they ended, also over a restart", () => {
      using specimen = stored({ id: "a", policy: { ...defaultPolicy, maxAttempts: 9 } }, { id: "b" });
      const { store } = specimen;
      const seqs = within(store, () => {
        const first = acquire(store, "a", { nowMs: 1 });
        fail(store, "a", { why: 1 });
        const second = acquire(store, "a", { nowMs: 2 });
        const node = store.reads.nodes.head("a");
        const claim = { taskId: "t", nodeId: "a", leaseId: "lease of a" };
        const released = releaseNode(node, claim, 0, 5);
        if (!isRefusal(released)) store.apply(nodeChanged(released));
        acquire(store, "a");
        return [first, second];
      });
      const lease = { leaseId: "lease of a", owner: "ann" };
      expect(specimen.restart().reads.nodes.attempts("a", Infinity, { rows: 9, chars: 99 })).toEqual([
        { ...lease, fencingToken: seqs[0] ?? 0, startedAtMs: 1, endedAtMs: 3, outcome: "FAILED", error: { why: 1 } },
        { ...lease, fencingToken: seqs[1] ?? 0, startedAtMs: 2, endedAtMs: 5, outcome: "RELEASED", error: null },
      ]);
      expect([
        specimen.store.reads.nodes.attempts("b", Infinity, { rows: 9, chars: 99 }),
        specimen.store.reads.nodes.attemptUnder("a", "another"),
      ]).toEqual([[], null]);
    });
  });

  describe(`${engine}: a task`, () => {
    test("that is canceled has nothing left that runs or could, and counts it so", () => {
      using specimen = stored({ id: "a" }, { id: "b" }, { id: "c", dependencies: ["b"], policy: run }, { id: "d" });
      const { store } = specimen;
      within(store, () => [acquire(store, "a"), complete(store, "a"), acquire(store, "b")]);
      const task = store.reads.tasks.find("t") ?? newTask();
      within(store, () => {
        const entry = cancelTask(task, 3, "no use", 9);
        if (!isRefusal(entry)) store.apply({ kind: "cancelTask", taskId: "t", error: cancellation("no use"), entry });
      });
      expect(store.reads.tasks.summary("t")).toEqual({ state: "FAILED", counts: { COMPLETED: 1, FAILED: 3 } });
      expect(store.reads.totals.nodes).toEqual({ PENDING: 0, RUNNING: 0, COMPLETED: 1, FAILED: 3 });
      expect(store.reads.nodes.attempts("b", Infinity, { rows: 9, chars: 99 })).toMatchObject([
        { outcome: "CANCELED", endedAtMs: 9 },
      ]);
      expect([taken(store), store.reads.leases.nextDeadlineMs()]).toEqual([[], null]);
    });

    test("grows by nodes that others wait for", () => {
      using specimen = stored({ id: "a" }, { id: "b", name: "named" });
      const { store } = specimen;
      const added = [newNode({ id: "n", dependencies: ["a"] })];
      const task = store.reads.tasks.find("t") ?? newTask();
      const entry = addNodes("t", added, ["b"], null, 5);
      within(store, () => store.apply({ kind: "addNodes", task, nodes: added, expandBefore: ["b"], entry }));
      expect(store.reads.dag.edges("t")).toEqual([
        { id: "a", dependencies: [] },
        { id: "b", dependencies: ["n"] },
        { id: "n", dependencies: ["a"] },
      ]);
      expect([
        taken(store),
        store.reads.nodes.idByName("t", "named"),
        store.reads.nodes.idByName("x", "named"),
      ]).toEqual([["a"], "b", null]);
      within(store, () => complete(store, "a"));
      expect(taken(store)).toEqual(["n"]);
      expect(store.reads.leases.node("t", "lease of n")?.id).toBe("n");
    });
  });
}
