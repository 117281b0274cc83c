import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Store } from "../../../src/store/store.ts";
import {
  allLocks,
  acquire,
  asTold,
  complete,
  everything,
  fail,
  lock,
  lockOn,
  recount,
  register,
  rollBack,
  tell,
  unlock,
  within,
} from "../story.ts";
import { reopen } from "../failures.ts";
import { type MakeSpecimen, prepared } from "./specimen.ts";

/** Transactions: what is kept, what is undone, and what a restart finds. */
export function describeTransactions(engine: string, make: MakeSpecimen): void {
  describe(`${engine}: a transaction`, () => {
    test("that is abandoned leaves nothing, head and totals included", () => {
      using specimen = prepared(make, (store) => register(store, "t", { a: [] }));
      const { store } = specimen;
      const before = asTold(store);
      store.begin();
      acquire(store, "a");
      lock(store, "k");
      register(store, "u", { b: [] });
      store.abandon();
      expect(asTold(store)).toEqual(before);
      expect([store.reads.tasks.find("u"), lockOn(store, "k"), store.reads.nodes.head("a")?.status]).toEqual([
        null,
        null,
        "PENDING",
      ]);
      expect(store.appended).toEqual([]);
      within(store, () => acquire(store, "a"));
      expect(store.reads.head.seq).toBe(2);
    });

    test("keeps of an attempt that was not kept nothing, and all of its neighbours", () => {
      using specimen = make();
      const { store } = specimen;
      within(store, () => {
        store.savepoint(() => tell(store, { payload: "before" }), Boolean);
        store.savepoint(
          () => tell(store, { payload: "not kept" }),
          () => false,
        );
        expect(() => store.savepoint(() => throwing(store), Boolean)).toThrow("a bug");
        store.savepoint(() => tell(store, { payload: "after" }), Boolean);
        expect(store.appended.map(({ payload }) => payload)).toEqual(["before", "after"]);
      });
      expect(store.reads.journal.slice(0, everything).map(({ row }) => row.payload)).toEqual(['"before"', '"after"']);
      expect(asTold(store)).toEqual(recount(store));
    });

    function throwing(store: Store): never {
      tell(store, { payload: "thrown away" });
      throw new Error("a bug");
    }

    test("names what it journalled, until the next one begins", () => {
      using specimen = prepared(make, (store) => tell(store, { payload: 1 }));
      const { store } = specimen;
      expect(store.appended.map(({ payload }) => payload)).toEqual([1]);
      store.begin();
      expect(store.appended).toEqual([]);
      store.commit();
    });

    test("that changes nothing may be committed", () => {
      using specimen = prepared(make, () => undefined);
      expect(specimen.restart().reads.head.seq).toBe(0);
    });

    test("whatever is done, kept, undone or abandoned: head and totals are what the tables hold", () => {
      type Step = { work: number; keep: boolean };
      const steps = fc.array(fc.record({ work: fc.nat(7), keep: fc.boolean() }), { maxLength: 12, size: "max" });
      const transactions = fc.array(fc.record({ steps, commit: fc.boolean() }), { maxLength: 5, size: "max" });
      using specimen = make();
      let n = 0;
      const perform = (store: Store, { work, keep }: Step) =>
        store.savepoint(
          () => someWork(store, work, ++n),
          () => keep,
        );
      const holds = fc.property(transactions, (all) => {
        const { store } = specimen;
        for (const transaction of all) {
          store.begin();
          for (const step of transaction.steps) perform(store, step);
          if (transaction.commit) store.commit();
          else store.abandon();
          expect(asTold(store)).toEqual(recount(store));
        }
      });
      fc.assert(holds, { numRuns: 50 });
      const told = asTold(specimen.store);
      expect(asTold(specimen.restart())).toEqual(told);
    });

    /** One of eight kinds of work, on the oldest node there is in the right state. */
    function someWork(store: Store, kind: number, n: number): void {
      const inState = (wanted: string) =>
        store.reads.verification.nodes(0, everything).find(({ status }) => status === wanted)?.id;
      const [pending, running] = [inState("PENDING"), inState("RUNNING")];
      const held = allLocks(store)[0]?.resourceKey;
      if (kind === 0) register(store, `t${n}`, { [`a${n}`]: [], [`b${n}`]: [`a${n}`] });
      else if (kind === 1 && pending !== undefined) acquire(store, pending);
      else if (kind === 2 && running !== undefined) complete(store, running);
      else if (kind === 3 && running !== undefined) fail(store, running);
      else if (kind === 4 && running !== undefined) rollBack(store, running);
      else if (kind === 5 && lockOn(store, `k${n % 3}`) === null) lock(store, `k${n % 3}`);
      else if (kind === 6 && held !== undefined) unlock(store, held);
      else tell(store, { payload: n });
    }
  });

  describe(`${engine}: an answer`, () => {
    const answer = { method: "m", paramsHash: "h", answer: '{"result":1}' };
    const weekMs = 7 * 86_400_000;
    const dropped = { untilMs: 0, limit: 1 };

    test("is remembered for seven days, also over a restart", () => {
      using specimen = prepared(make, (store) =>
        store.apply({ kind: "rememberAnswer", key: "key", answer, nowMs: 1_000, dropped }),
      );
      const store = specimen.restart();
      expect(store.reads.answers.find("key", 1_000 + weekMs - 1)).toEqual(answer);
      expect([store.reads.answers.find("key", 1_000 + weekMs), store.reads.answers.find("other", 0)]).toEqual([
        null,
        null,
      ]);
    });

    test("that is over makes room for a new one under its key", () => {
      using specimen = prepared(make, (store) =>
        store.apply({ kind: "rememberAnswer", key: "key", answer, nowMs: 0, dropped }),
      );
      const { store } = specimen;
      within(store, () =>
        store.apply({ kind: "rememberAnswer", key: "key", answer: { ...answer, method: "n" }, nowMs: weekMs, dropped }),
      );
      expect(store.reads.answers.find("key", weekMs)).toMatchObject({ method: "n" });
    });

    test("is forgotten with the transaction it was given in", () => {
      using specimen = make();
      const { store } = specimen;
      store.begin();
      store.apply({ kind: "rememberAnswer", key: "key", answer, nowMs: 0, dropped });
      store.abandon();
      expect(store.reads.answers.find("key", 0)).toBeNull();
    });
  });

  test(`${engine}: a restart finds everything as it was left`, () => {
    using specimen = prepared(make, (store) => {
      register(store, "t", { a: [], b: ["a"], c: ["a"] });
      acquire(store, "a");
      complete(store, "a");
      acquire(store, "b");
      lock(store, "k");
      tell(store, { taskId: "t", payload: { n: 1 } });
    });
    const snapshot = (store: Store) => ({
      ...asTold(store),
      tasks: store.reads.verification.tasks(0, everything),
      nodes: store.reads.nodes.ofTask("t"),
      walked: store.reads.verification.nodes(0, everything),
      locks: allLocks(store),
      journal: store.reads.journal.slice(0, everything),
      next: store.reads.nodes.next("t", {})?.id,
    });
    const before = snapshot(specimen.store);
    expect(snapshot(specimen.restart())).toEqual(before);
    reopen(specimen.store);
    expect(snapshot(specimen.store)).toEqual(before);
  });
}
