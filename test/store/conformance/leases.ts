import { describe, expect, test } from "bun:test";
import { acquire, lock, register, rollBack, unlock, within } from "../story.ts";
import { type MakeSpecimen, prepared } from "./specimen.ts";

/** Leases and locks: when they are over, and how they move. */
export function describeLeases(engine: string, make: MakeSpecimen): void {
  describe(`${engine}: leases`, () => {
    const leased = () =>
      prepared(make, (store) => {
        register(store, "t", { a: [], b: [], c: [], d: [] });
        acquire(store, "a", { expiresAtMs: 30 });
        acquire(store, "b", { expiresAtMs: 10 });
        acquire(store, "c", { expiresAtMs: 20, ttlMs: 0 });
        lock(store, "k1", { expiresAtMs: 25 });
        lock(store, "k2", { expiresAtMs: 15 });
      });
    const ids = (nodes: readonly { id: string }[]) => nodes.map(({ id }) => id);

    test("are due at their deadline, the longest overdue first", () => {
      using specimen = leased();
      const { store } = specimen;
      expect([9, 10, 29, 30].map((nowMs) => ids(store.dueNodes(nowMs, 9)))).toEqual([[], ["b"], ["b"], ["b", "a"]]);
      expect(ids(store.dueNodes(30, 1))).toEqual(["b"]);
      const keys = (nowMs: number, limit = 9) => store.dueLocks(nowMs, limit).map(({ resourceKey }) => resourceKey);
      expect([keys(14), keys(15), keys(25), keys(25, 1)]).toEqual([[], ["k2"], ["k2", "k1"], ["k2"]]);
    });

    test("of a task are over for its next acquire, those without a length too", () => {
      using specimen = leased();
      expect(ids(specimen.store.expiredNodes("t", 20, 9))).toEqual(["b", "c"]);
      expect(ids(specimen.store.expiredNodes("t", 20, 1))).toEqual(["b"]);
      expect(specimen.store.expiredNodes("other", 99, 9)).toEqual([]);
    });

    test("name the next deadline, not of one without a length", () => {
      using specimen = leased();
      const { store } = specimen;
      const deadlines = [store.nextDeadlineMs()];
      within(store, () => rollBack(store, "b"));
      deadlines.push(store.nextDeadlineMs());
      within(store, () => [unlock(store, "k2"), unlock(store, "k1")]);
      deadlines.push(store.nextDeadlineMs());
      within(store, () => rollBack(store, "a"));
      expect([...deadlines, store.nextDeadlineMs()]).toEqual([10, 15, 30, null]);
    });

    test("are counted, and those that are over", () => {
      using specimen = leased();
      expect(specimen.store.countLeases(20)).toEqual({ running: 3, expiredRunning: 2, locks: 2, expiredLocks: 1 });
    });

    test("move together", () => {
      using specimen = leased();
      const { store } = specimen;
      within(store, () => store.shiftDeadlines(-5));
      expect(["a", "b", "c"].map((id) => store.nodeHead(id)?.lease?.expiresAtMs)).toEqual([25, 5, 15]);
      expect(store.locks().map(({ expiresAtMs }) => expiresAtMs)).toEqual([20, 10]);
    });

    test("are renewed together, except those without a length", () => {
      using specimen = leased();
      const { store } = specimen;
      within(store, () => store.renewLeases(1_000));
      expect(["a", "b", "c"].map((id) => store.nodeHead(id)?.lease?.expiresAtMs)).toEqual([1_050, 1_050, 20]);
      expect(store.locks().map(({ expiresAtMs }) => expiresAtMs)).toEqual([1_050, 1_050]);
    });

    test("are extended one by one, with their new length", () => {
      using specimen = leased();
      const { store } = specimen;
      within(store, () => store.extendNodeLease("a", 70, 60, 10));
      within(store, () => store.extendLock("k1", 80, 75, 5));
      expect(store.nodeHead("a")?.lease).toMatchObject({ expiresAtMs: 70, ttlMs: 60 });
      expect(store.nodesOf("t")[0]?.updatedAtMs).toBe(10);
      expect(store.lock("k1")).toMatchObject({ expiresAtMs: 80, ttlMs: 75, updatedAtMs: 5 });
      expect([store.nodeHead("b")?.lease?.expiresAtMs, store.lock("k2")?.expiresAtMs]).toEqual([10, 15]);
    });
  });

  describe(`${engine}: a lock`, () => {
    test("is found under its key, fenced by the seq of its row, and listed by key", () => {
      using specimen = make();
      const { store } = specimen;
      const seqs = within(store, () => [lock(store, "b"), lock(store, "a"), lock(store, "ä")]);
      expect(store.lock("a")).toMatchObject({ leaseId: "lease of a", metadata: { m: 1 }, fencingToken: seqs[1] });
      expect(store.locks().map(({ resourceKey }) => resourceKey)).toEqual(["a", "b", "ä"]);
      expect(store.lockSlice("a", 1).map(({ resourceKey }) => resourceKey)).toEqual(["b"]);
      within(store, () => unlock(store, "a"));
      expect(store.lock("a")).toBeNull();
    });

    test("that is taken over is the new holder's", () => {
      using specimen = prepared(make, (store) => lock(store, "a", { expiresAtMs: 1 }));
      const { store } = specimen;
      within(store, () => lock(store, "a", { expiresAtMs: 500 }));
      expect(store.locks()).toMatchObject([{ expiresAtMs: 500, fencingToken: 2 }]);
    });
  });
}
