import { describe, expect, test } from "bun:test";
import { nodeHead } from "../../support/specimen.ts";
import { allLocks, acquire, lock, lockOn, register, rollBack, unlock, within } from "../story.ts";
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
      expect([9, 10, 29, 30].map((nowMs) => ids(store.reads.leases.due(nowMs, 9)))).toEqual([
        [],
        ["b"],
        ["b"],
        ["b", "a"],
      ]);
      expect(ids(store.reads.leases.due(30, 1))).toEqual(["b"]);
      const keys = (nowMs: number, limit = 9) => store.reads.leases.dueLocks(nowMs, limit).map((id) => id.slice(-2));
      expect([keys(14), keys(15), keys(25), keys(25, 1)]).toEqual([[], ["k2"], ["k2", "k1"], ["k2"]]);
    });

    test("of a task are over for its next acquire, those without a length too", () => {
      using specimen = leased();
      expect(ids(specimen.store.reads.leases.expired("t", 20, 9))).toEqual(["b", "c"]);
      expect(ids(specimen.store.reads.leases.expired("t", 20, 1))).toEqual(["b"]);
      expect(specimen.store.reads.leases.expired("other", 99, 9)).toEqual([]);
    });

    test("name the next deadline, not of one without a length", () => {
      using specimen = leased();
      const { store } = specimen;
      const deadlines = [store.reads.leases.nextDeadlineMs()];
      within(store, () => rollBack(store, "b"));
      deadlines.push(store.reads.leases.nextDeadlineMs());
      within(store, () => [unlock(store, "k2"), unlock(store, "k1")]);
      deadlines.push(store.reads.leases.nextDeadlineMs());
      within(store, () => rollBack(store, "a"));
      expect([...deadlines, store.reads.leases.nextDeadlineMs()]).toEqual([10, 15, 30, null]);
    });

    test("are counted, and those that are over", () => {
      using specimen = leased();
      expect(specimen.store.reads.leases.count(20)).toEqual({
        running: 3,
        expiredRunning: 2,
        locks: 2,
        expiredLocks: 1,
      });
    });

    test("move together", () => {
      using specimen = leased();
      const { store } = specimen;
      within(store, () => store.apply({ kind: "shiftDeadlines", byMs: -5 }));
      expect(["a", "b", "c"].map((id) => store.reads.nodes.head(id)?.lease?.expiresAtMs)).toEqual([25, 5, 15]);
      expect(allLocks(store).map(({ expiresAtMs }) => expiresAtMs)).toEqual([20, 10]);
    });

    test("are renewed together, except those without a length", () => {
      using specimen = leased();
      const { store } = specimen;
      within(store, () => store.apply({ kind: "renewLeases", nowMs: 1_000 }));
      expect(["a", "b", "c"].map((id) => store.reads.nodes.head(id)?.lease?.expiresAtMs)).toEqual([1_050, 1_050, 20]);
      expect(allLocks(store).map(({ expiresAtMs }) => expiresAtMs)).toEqual([1_050, 1_050]);
    });

    test("are extended one by one, with their new length", () => {
      using specimen = leased();
      const { store } = specimen;
      within(store, () => store.apply({ kind: "extendNodeLease", nodeId: "a", expiresAtMs: 70, ttlMs: 60, nowMs: 10 }));
      within(store, () =>
        store.apply({ kind: "extendLocks", leaseId: "lease of k1", expiresAtMs: 80, ttlMs: 75, nowMs: 5 }),
      );
      expect(store.reads.nodes.head("a")?.lease).toMatchObject({ expiresAtMs: 70, ttlMs: 60 });
      expect([...store.reads.nodes.ofTask("t")][0]?.updatedAtMs).toBe(10);
      expect(lockOn(store, "k1")).toMatchObject({ expiresAtMs: 80, ttlMs: 75, updatedAtMs: 5 });
      expect([store.reads.nodes.head("b")?.lease?.expiresAtMs, lockOn(store, "k2")?.expiresAtMs]).toEqual([10, 15]);
    });
  });

  describe(`${engine}: a lock`, () => {
    test("is found under its key, fenced by the seq of its row, and listed as it was granted", () => {
      using specimen = make();
      const { store } = specimen;
      const seqs = within(store, () => [lock(store, "b"), lock(store, "a"), lock(store, "ä")]);
      expect(lockOn(store, "a")).toMatchObject({ leaseId: "lease of a", metadata: { m: 1 }, fencingToken: seqs[1] });
      expect(allLocks(store).map(({ resourceKey }) => resourceKey)).toEqual(["b", "a", "ä"]);
      expect(store.reads.verification.locks(1, 1).map(({ resourceKey }) => resourceKey)).toEqual(["a"]);
      within(store, () => unlock(store, "a"));
      expect(lockOn(store, "a")).toBeNull();
    });

    test("is found once among very many, whatever else is read or ends meanwhile", () => {
      using specimen = make();
      const { store } = specimen;
      const keys = Array.from({ length: 300 }, (_, n) => `file:src/${String(n).padStart(3, "0")}`);
      within(store, () => {
        for (const key of keys) lock(store, key);
        for (const key of keys) lock(store, key, { scope: "other" });
      });
      const all = { exact: ["/src/007"], ranges: [{ from: "/src/", to: "/src0" }] };
      const found: string[] = [];
      store.begin();
      for (const its of store.reads.locks.near("", all)) {
        const [first] = store.reads.locks.near("", all);
        found.push(first === undefined ? "nothing" : its.resourceKey);
        if (its.resourceKey === "file:src/100") unlock(store, "file:src/050");
      }
      store.commit();
      expect(found).toEqual(["file:src/007", ...keys]);
    });

    test("is found among those of its lease, which are extended together", () => {
      using specimen = prepared(make, (store) => {
        lock(store, "a", { leaseId: "l" });
        lock(store, "b", { leaseId: "l", scope: "s" });
        lock(store, "c");
      });
      const { store } = specimen;
      within(store, () => store.apply({ kind: "extendLocks", leaseId: "l", expiresAtMs: 900, ttlMs: 800, nowMs: 7 }));
      expect(store.reads.locks.ofLease("l")).toMatchObject([
        { resourceKey: "a", scope: "", expiresAtMs: 900, ttlMs: 800, updatedAtMs: 7 },
        { resourceKey: "b", scope: "s", expiresAtMs: 900, ttlMs: 800, updatedAtMs: 7 },
      ]);
      expect(store.reads.locks.ofLease("lease of c")).toMatchObject([{ expiresAtMs: 100, updatedAtMs: 2 }]);
    });

    test("that is granted to its lease once more is one lock, with the newer mode and token", () => {
      using specimen = prepared(make, (store) => lock(store, "dir:a", { leaseId: "l", mode: "shared" }));
      const { store } = specimen;
      within(store, () => lock(store, "dir:a", { leaseId: "l" }));
      expect(store.reads.locks.ofLease("l")).toMatchObject([{ mode: "exclusive", fencingToken: 2 }]);
      within(store, () => unlock(store, "dir:a"));
      expect([...store.reads.locks.near("", { exact: ["/a"], ranges: [] })]).toEqual([]);
    });

    test("is found in its scope by terms, exact ones and ranges", () => {
      using specimen = prepared(make, (store) => {
        for (const key of ["file:src/a", "dir:src", "glob:src/b/*", "file:test"]) lock(store, key);
        lock(store, "file:src/c", { scope: "other" });
      });
      const near = (exact: string[], ranges: { from: string; to: string }[]) =>
        [...specimen.store.reads.locks.near("", { exact, ranges })].map(({ resourceKey }) => resourceKey).toSorted();
      expect(near(["/src", "/src/a"], [])).toEqual(["dir:src", "file:src/a"]);
      expect(near([], [{ from: "/src/", to: "/src0" }])).toEqual(["file:src/a", "glob:src/b/*"]);
      expect([...specimen.store.reads.locks.near("other", { exact: ["/src/c"], ranges: [] })]).toHaveLength(1);
    });

    test("that ends with its node is never due, and named by its task", () => {
      using specimen = prepared(make, (store) => {
        register(store, "t", { a: [] });
        acquire(store, "a");
        lock(store, "k", { leaseId: "lease of a", expiresAtMs: 5, ofNode: nodeHead({ id: "a", taskId: "t" }) });
      });
      const { store } = specimen;
      expect(store.reads.leases.dueLocks(1_000, 9)).toEqual([]);
      expect(store.reads.leases.nextDeadlineMs()).toBe(100);
      expect(store.reads.locks.leasesOfNodes("t")).toEqual(["lease of a"]);
      within(store, () =>
        store.apply({ kind: "extendNodeLease", nodeId: "a", expiresAtMs: 700, ttlMs: 600, nowMs: 3 }),
      );
      expect(lockOn(store, "k")).toMatchObject({ expiresAtMs: 700, ttlMs: 600 });
    });

    test("keeps a node from being handed out until its lease holds less", () => {
      using specimen = prepared(make, (store) => {
        register(store, "t", { a: [], b: [] });
        lock(store, "k1", { leaseId: "l" });
        lock(store, "k2", { leaseId: "l" });
        store.apply({ kind: "holdBack", nodeId: "a", leaseId: "l" });
      });
      const { store } = specimen;
      const next = () => store.reads.nodes.next("t", {})?.id ?? null;
      expect([next(), store.reads.nodes.find("a")?.heldBackBy, store.reads.tasks.summary("t")?.state]).toEqual([
        "b",
        "l",
        "ACTIVE",
      ]);
      within(store, () => unlock(store, "k1"));
      expect([next(), store.reads.nodes.find("a")?.heldBackBy]).toEqual(["a", null]);
      within(store, () => store.apply({ kind: "holdBack", nodeId: "a", leaseId: "l" }));
      within(store, () => store.apply({ kind: "forgetHeldBack" }));
      expect(next()).toBe("a");
    });
  });
}
