import { describe, expect, test } from "bun:test";
import type { Store } from "../../../src/store/store.ts";
import { allLocks, acquire, asTold, complete, fail, register, rollBack, within } from "../story.ts";
import { type MakeSpecimen, prepared } from "./specimen.ts";
import { newTask, nodeHead } from "../../support/specimen.ts";

/** Tasks and nodes: what is registered, what may run next, what became of it. */
export function describeState(engine: string, make: MakeSpecimen): void {
  describe(`${engine}: an empty store`, () => {
    test("has the head before the first row, and counts nothing", () => {
      using specimen = make();
      expect(asTold(specimen.store)).toEqual({
        head: { seq: 0, hash: "0".repeat(64) },
        totals: { tasks: 0, rows: 0, events: 0, nodes: { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 } },
      });
    });

    test("finds nothing", () => {
      using specimen = make();
      const { store } = specimen;
      expect([
        store.reads.tasks.find("x"),
        store.reads.tasks.summary("x"),
        store.reads.nodes.head("x"),
        store.reads.locks.ofLease("x")[0] ?? null,
      ]).toEqual([null, null, null, null]);
      expect([
        [...store.reads.nodes.ofTask("x")],
        allLocks(store),
        store.reads.journal.newestEvents("x", 0, 9),
        store.reads.leases.due(9, 9),
      ]).toEqual([[], [], [], []]);
      expect([
        store.reads.nodes.taken(["x"]),
        store.reads.leases.nextDeadlineMs(),
        store.reads.answers.find("x", 0),
      ]).toEqual([null, null, null]);
      expect([store.reads.tasks.list(9, { rows: 9, chars: 9 }), store.reads.tasks.placeOf("x")]).toEqual([[], null]);
      expect([store.reads.journal.oldestSeq(), store.check()]).toEqual([1, null]);
    });
  });

  describe(`${engine}: a registered task`, () => {
    test("is found with its nodes in the order they were registered in", () => {
      using specimen = prepared(make, (store) => register(store, "t", { z: [], a: ["z"], m: ["z", "a", "z"] }, 7));
      const { store } = specimen;
      expect(store.reads.tasks.find("t")).toEqual(
        newTask({ id: "t", goal: "goal of t", context: { of: "t" }, createdAtMs: 7 }),
      );
      expect([...store.reads.nodes.ofTask("t")].map(({ id, dependencies }) => [id, dependencies])).toEqual([
        ["z", []],
        ["a", ["z"]],
        ["m", ["z", "a", "z"]],
      ]);
      expect(store.reads.nodes.head("m")).toMatchObject(nodeHead({ id: "m", taskId: "t" }));
      expect([store.reads.nodes.taken(["t", "m", "x"]), store.reads.nodes.taken(["t"])]).toEqual(["m", null]);
      expect(store.reads.tasks.summary("t")).toEqual({ state: "ACTIVE", counts: { PENDING: 3 } });
    });

    test("without nodes is completed", () => {
      using specimen = prepared(make, (store) => register(store, "t", {}));
      expect(specimen.store.reads.tasks.summary("t")).toEqual({ state: "COMPLETED", counts: {} });
    });

    test("keeps every text and number to the letter", () => {
      const delicate = { "ä\u0000\n\u2028😀": ["1.0", JSON.rawJSON("12345678901234567890"), JSON.rawJSON("-0")] };
      using specimen = prepared(make, (store) => {
        register(store, "t", { a: [] });
        acquire(store, "a");
        complete(store, "a", delicate);
      });
      expect(JSON.stringify(specimen.restart().reads.nodes.outcome("a", 9_999)?.result?.told)).toBe(
        JSON.stringify(delicate),
      );
    });
  });

  describe(`${engine}: the next runnable node`, () => {
    const next = (work: (store: Store) => void) => {
      using specimen = prepared(make, (store) => {
        register(store, "t", { a: [], b: [], c: ["a", "a", "b"], d: ["c"] });
        register(store, "other", { x: [] });
        work(store);
      });
      return specimen.store.reads.nodes.next("t", {})?.id ?? null;
    };
    const done =
      (...ids: string[]) =>
      (store: Store) => {
        for (const id of ids) {
          acquire(store, id);
          complete(store, id);
        }
      };

    test.each<[string, string | null, (store: Store) => void]>([
      ["is the first one registered", "a", () => undefined],
      ["is not one that runs", "b", (store) => acquire(store, "a")],
      ["is one that was rolled back", "a", (store) => [acquire(store, "a"), rollBack(store, "a")]],
      ["is none while a dependency runs", null, (store) => [done("a")(store), acquire(store, "b")]],
      ["is the one whose last dependency was completed, also when it names one twice", "c", done("a", "b")],
      ["is none behind a failed one", null, (store) => [done("a")(store), acquire(store, "b"), fail(store, "b")]],
      ["is none when all are completed", null, done("a", "b", "c", "d")],
    ])("%s", (_, id, work) => {
      expect(next(work)).toBe(id);
    });
  });

  describe(`${engine}: a node`, () => {
    test("that was acquired is under its lease, fenced by the seq of its row", () => {
      using specimen = make();
      const { store } = specimen;
      within(store, () => register(store, "t", { a: [] }));
      const seq = within(store, () => acquire(store, "a", { expiresAtMs: 90, ttlMs: 60, nowMs: 30 }));
      const lease = { id: "lease of a", owner: "ann", expiresAtMs: 90, ttlMs: 60, fencingToken: seq };
      expect(store.reads.nodes.head("a")).toMatchObject(nodeHead({ id: "a", taskId: "t", status: "RUNNING", lease }));
      expect([...store.reads.nodes.ofTask("t")][0]).toMatchObject({
        lease,
        acquiredAtMs: 30,
        updatedAtMs: 30,
        resultPayload: null,
      });
    });

    test.each<[string, string, unknown, (store: Store) => void]>([
      ["completed", "COMPLETED", { by: "a" }, (store) => complete(store, "a")],
      ["failed", "FAILED", "why", (store) => fail(store, "a")],
      ["rolled back", "PENDING", null, (store) => rollBack(store, "a")],
    ])("that was %s has no lease", (_, status, result, end) => {
      using specimen = prepared(make, (store) => {
        register(store, "t", { a: [] });
        acquire(store, "a");
        end(store);
      });
      const { store } = specimen;
      expect([...store.reads.nodes.ofTask("t")][0]).toMatchObject({ status, lease: null, resultPayload: result });
      expect([store.reads.nodes.outcome("a", 9_999)?.result?.told, store.reads.leases.nextDeadlineMs()]).toEqual([
        result,
        null,
      ] as never);
    });
  });

  test(`${engine}: tasks are listed newest first, a page at a time`, () => {
    using specimen = prepared(make, (store) => ["t1", "t2", "t3"].map((id) => register(store, id, {})));
    const { tasks } = specimen.store.reads;
    const list = (before: string | null, rows: number) =>
      tasks
        .list((before === null ? null : tasks.placeOf(before)) ?? Infinity, { rows, chars: 999 })
        .map(({ id }) => id);
    expect([list(null, 2), list("t2", 2), list("t1", 2)]).toEqual([["t3", "t2"], ["t1"], []]);
  });
}
