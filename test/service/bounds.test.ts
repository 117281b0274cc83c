import { describe, expect, test } from "bun:test";
import type { JournalReads } from "../../src/store/reads.ts";
import { StorageFailure, type Store } from "../../src/store/store.ts";
import { acquire, registerTask, TestService } from "./harness.ts";
import { overriding, overridingReads } from "./overriding.ts";
import { Work } from "./work.ts";

const skip = { on_dependency_failure: "skip" } as const;
const run = { on_dependency_failure: "run" } as const;

/** A node `a`, nodes to be skipped when it fails, and one that runs after them whatever became of them. */
function wide(behind: number, options: ConstructorParameters<typeof Work>[1] = {}): Work {
  const names = Array.from({ length: behind }, (_, n) => `n${n}`);
  const nodes = names.map((name) => [name, { dependencies: ["a"], ...skip }] as const);
  const work = new Work(
    { a: {}, ...Object.fromEntries(nodes), clean: { dependencies: ["n0", ...names], ...run } },
    options,
  );
  work.acquire();
  return work;
}

describe("no request holds others up for long", () => {
  test("several nodes at once end with the one whose context passes a mebibyte", () => {
    using service = new TestService();
    const client = service.client();
    const context = "x".repeat(300_000);
    const initial_nodes = Array.from({ length: 9 }, () => ({}));
    const { task_id } = client.call("RegisterTask", { goal: "g", context, initial_nodes });
    const taken = () => (client.call("AcquireNextNode", { task_id, count: 100 }) as { nodes: unknown[] }).nodes.length;
    expect([taken(), taken(), taken()]).toEqual([4, 4, 1]);
  });

  test("a node's context holds what eight mebibytes of results and events leave room for, and says what it leaves out", () => {
    using service = new TestService();
    const client = service.client();
    const names = Array.from({ length: 12 }, (_, n) => `n${n}`);
    const initial_nodes = [...names.map((name) => ({ name })), { name: "last", dependencies: names }];
    const { task_id } = client.call("RegisterTask", { goal: "g", initial_nodes });
    const result_payload = "x".repeat(900_000);
    for (let n = 0; n < names.length; n++) {
      client.call("CompleteNode", { ...acquire(client, task_id).claim, result_payload });
    }
    const { context } = acquire(client, task_id);
    const omitted = context.completed_dependencies.map(({ result_omitted }) => result_omitted ?? false);
    expect(omitted).toEqual([...Array.from({ length: 9 }, () => false), true, true, true]);
    expect(context.event_journal).toHaveLength(10);
    expect(context.event_journal.at(-1)).toMatchObject({ action_type: "COMPLETE_NODE" });
  });

  test("nodes put before others are refused where that makes too many dependencies", () => {
    using service = new TestService();
    const client = service.client();
    const { taskId, nodeIds } = registerTask(client, 300);
    const nodes = Array.from({ length: 167 }, () => ({}));
    const { error } = client.ask("AddNodes", { task_id: taskId, nodes, expand_before: nodeIds });
    expect(error?.data).toMatchObject({ kind: "LIMIT_EXCEEDED", limit: "new_dependencies_max", got: 50_100 });
    expect(error?.message).toContain("put one node between groups");
  });

  test("a task's dependencies are counted together, however many calls make them", () => {
    using service = new TestService();
    const client = service.client();
    const { taskId, nodeIds } = registerTask(client, 1_000);
    const add = (count: number) =>
      client.ask("AddNodes", {
        task_id: taskId,
        nodes: Array.from({ length: count }, () => ({ dependencies: nodeIds })),
      });
    for (let n = 0; n < 8; n++) expect(add(25).error).toBeUndefined();
    expect(add(1).error?.data).toMatchObject({ limit: "task_dependencies_max", max: 200_000, got: 201_000 });
    expect(client.ask("CancelTask", { task_id: taskId, reason: "enough" }).error).toBeUndefined();
  });

  test("what follows from a failure takes its time over several turns, however slow each of it is", () => {
    const slow: { work?: Work } = {};
    using work = wide(100, { wrap: (store) => slowly(store, slow) });
    slow.work = work;
    work.user.send("FailNode", { ...work.claim("a"), error_payload: 1 });
    work.turn();
    expect(work.store.reads.totals.nodes.FAILED).toBeLessThan(60);
    expect(work.settle()).toBeGreaterThan(1);
    expect(work.store.reads.totals.nodes).toMatchObject({ FAILED: 101, PENDING: 1 });
  });

  test("a retried node is handed out once all that was skipped for it waits again: nobody ends its task before", () => {
    const slow: { work?: Work } = {};
    using work = wide(100, { wrap: (store) => slowly(store, slow) });
    work.user.call("FailNode", { ...work.claim("a"), error_payload: 1 });
    work.settle();
    slow.work = work;
    work.user.send("RetryNode", { task_id: work.taskId, node_id: work.id("a") });
    work.turn();
    expect([work.store.reads.nodes.next(work.taskId, {}), work.store.reads.dag.isSettled()]).toEqual([null, false]);
    work.settle();
    expect(work.store.reads.nodes.next(work.taskId, {})).not.toBeNull();
    expect(work.store.reads.totals.nodes).toMatchObject({ FAILED: 0 });
  });
});

/** Each change of a node takes a millisecond, once `slow` has the work whose clock it is. */
const slowly = (store: Store, slow: { work?: Work }): Store =>
  overriding(store, {
    apply(effect) {
      if (effect.kind === "changeNode" && slow.work !== undefined) slow.work.clock.monotonicMs += 1;
      return store.apply(effect);
    },
  });

describe("a node with thousands of dependents", () => {
  /** `a`, then `behind` nodes that wait for it, some of them in another way. */
  function star(behind: number): Work {
    const ways = [{}, run, skip];
    const nodes = Array.from({ length: behind }, (_, n) => [`n${n}`, { dependencies: ["a"], ...ways[n % 3] }] as const);
    return new Work({ a: { max_attempts: 1 }, ...Object.fromEntries(nodes) });
  }

  test("lets all of them run at once, in their order", () => {
    using work = star(1_200);
    work.acquire();
    work.user.send("CompleteNode", { ...work.claim("a"), result_payload: 1 });
    work.turn();
    expect(work.store.reads.tasks.summary(work.taskId)?.state).toBe("ACTIVE");
    expect(work.store.reads.nodes.next(work.taskId, {})?.name).toBe("n0");
    work.settle();
    work.user.read();
    expect([work.acquire(), work.acquire(), work.acquire()]).toEqual(["n0", "n1", "n2"]);
    expect(work.difference()).toBeNull();
  });

  test("goes on with them after a restart", () => {
    using work = star(1_200);
    work.acquire();
    work.user.send("FailNode", { ...work.claim("a"), error_payload: 1 });
    work.turn();
    work.restart();
    work.settle();
    const { FAILED, PENDING } = work.store.reads.totals.nodes;
    // A third of them is skipped with it, a third could run, and a third waits for ever.
    expect([FAILED, PENDING, work.difference()]).toEqual([1 + 400, 800, null]);
  });

  test("may change again in the same turn", () => {
    using work = star(1_200);
    work.acquire();
    work.user.send("FailNode", { ...work.claim("a"), error_payload: 1 });
    work.user.send("RetryNode", { task_id: work.taskId, node_id: work.id("a") });
    work.turn();
    work.settle();
    expect([work.store.reads.totals.nodes.PENDING, work.difference()]).toEqual([1_201, null]);
  });

  test("may be added to, or canceled, in the same turn", () => {
    using work = star(1_200);
    work.acquire();
    work.user.send("CompleteNode", { ...work.claim("a"), result_payload: 1 });
    work.user.send("AddNodes", {
      task_id: work.taskId,
      nodes: [{ name: "late", dependencies: ["a"] }],
      expand_before: ["n1199"],
    });
    work.settle();
    expect([work.node("late").blocked_by, work.difference()]).toEqual([[], null]);
    work.client().call("SetPriority", { task_id: work.taskId, node_id: work.id("late"), priority: 1 });
    work.user.answers.length = 0;
    expect(work.acquire()).toBe("late");
    work.user.call("CancelTask", { task_id: work.taskId, reason: "enough" });
    expect(work.difference()).toBeNull();
  });

  test("is canceled with all that was still to be counted", () => {
    using work = star(1_200);
    work.acquire();
    work.user.send("FailNode", { ...work.claim("a"), error_payload: 1 });
    work.user.send("RetryNode", { task_id: work.taskId, node_id: work.id("a") });
    work.user.send("CancelTask", { task_id: work.taskId, reason: "enough" });
    work.turn();
    work.settle();
    expect([work.store.reads.totals.nodes.FAILED, work.state(), work.difference()]).toEqual([1_201, "FAILED", null]);
  });
});

describe("while nodes are still to be skipped", () => {
  test("who waits for what comes after them is not sent away", () => {
    using work = wide(300);
    const waiting = work.client();
    waiting.send("AcquireNextNode", { task_id: work.taskId, wait_ms: 60_000 });
    work.settle();
    work.user.send("FailNode", { ...work.claim("a"), error_payload: 1 });
    work.turn();
    expect([waiting.answers, work.store.reads.tasks.summary(work.taskId)?.state]).toEqual([[], "ACTIVE"]);
    work.settle();
    expect(waiting.answers).toMatchObject([{ result: { node_id: work.id("clean") } }]);
  });

  test("a cancellation ends those too that were about to be taken up again", () => {
    using work = wide(300);
    work.fail("a");
    work.acquire();
    work.user.send("RetryNode", { task_id: work.taskId, node_id: work.id("a") });
    work.user.send("CancelTask", { task_id: work.taskId, reason: "enough" });
    work.settle();
    expect(work.store.reads.totals.nodes).toEqual({ PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 302 });
    expect([work.state(), work.difference()]).toEqual(["FAILED", null]);
  });
});

describe("a waiting acquire", () => {
  /** A service in which reading a task's events, or a commit, fails when told to. */
  function failing(): { work: Work; fate: { events: boolean; commit: StorageFailure | null } } {
    const fate: { events: boolean; commit: StorageFailure | null } = { events: false, commit: null };
    const brokenEvents = (journal: JournalReads): Partial<JournalReads> => ({
      newestEvents(taskId, afterSeq, limit) {
        if (fate.events) throw new TypeError("undefined is not an event");
        return journal.newestEvents(taskId, afterSeq, limit);
      },
    });
    const wrap = (store: Store) =>
      overriding(overridingReads(store, "journal", brokenEvents), {
        commit() {
          store.commit();
          const { commit } = fate;
          fate.commit = null;
          if (commit !== null) throw commit;
        },
      });
    return { work: new Work({ a: {}, b: { dependencies: ["a"] } }, { wrap }), fate };
  }

  test("that meets a bug is told so, and whoever let it go on is not disturbed", () => {
    const { work, fate } = failing();
    using _ended = work;
    work.acquire();
    const waiting = work.client();
    waiting.send("AcquireNextNode", { task_id: work.taskId, wait_ms: 60_000 });
    work.settle();
    fate.events = true;
    work.complete("a");
    expect(waiting.answers).toMatchObject([{ error: { data: { kind: "INTERNAL" } } }]);
    expect(work.bugs).toMatchObject([{ message: "undefined is not an event" }]);
    fate.events = false;
    expect([work.acquire(), work.difference()]).toEqual(["b", null]);
  });

  test("that was served by a commit of unknown outcome is told so: the node may be its", () => {
    const { work, fate } = failing();
    using _ended = work;
    work.acquire();
    const waiting = work.client();
    waiting.send("AcquireNextNode", { task_id: work.taskId, wait_ms: 60_000 });
    work.settle();
    fate.commit = new StorageFailure("OUTCOME_UNKNOWN", "the sync failed", { reopen: true });
    work.user.send("CompleteNode", { ...work.claim("a"), result_payload: 1 });
    work.settle();
    expect(waiting.answers).toMatchObject([{ error: { data: { kind: "OUTCOME_UNKNOWN" } } }]);
  });
});

test("a number counts for what it is worth, however it is written", () => {
  using work = new Work({ a: {} });
  work.acquire();
  const asWritten = (text: string) => JSON.rawJSON(text) as number;
  work.user.call("HeartbeatNode", {
    ...work.claim("a"),
    progress: { percent: asWritten("40.0") },
    ttl_secs: asWritten("6e1"),
  });
  expect(work.node("a")).toMatchObject({ progress: { percent: 40 }, lease_expires_at_ms: work.clock.wallMs + 60_000 });
  const { error } = work.user.ask("HeartbeatNode", { ...work.claim("a"), ttl_secs: asWritten("60.50") });
  expect(error?.message).toContain("params.ttl_secs: expected an integer");
});

test("a node that runs after failures learns which of its dependencies failed", () => {
  using work = new Work({ a: {}, b: {}, clean: { dependencies: ["a", "b"], ...run } });
  work.acquire();
  work.acquire();
  work.fail("a");
  work.complete("b");
  const { result } = work.user.ask("AcquireNextNode", { task_id: work.taskId });
  expect(result).toMatchObject({
    context: {
      completed_dependencies: [
        { node_id: work.id("a"), result_payload: "a is broken", status: "FAILED" },
        { node_id: work.id("b"), result_payload: "b" },
      ],
    },
  });
});

test("a delay is over when its time has passed, also while the machine slept", () => {
  using work = new Work({ a: {} });
  work.acquire();
  work.release("a", 3_600);
  work.clock.wallMs += 3_600_000;
  work.settle();
  expect(work.acquire()).toBe("a");
});
