import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { indexTerms, type SearchTerms, searchTerms } from "../../../src/core/locks/resource-index.ts";
import { readResourceKey } from "../../../src/core/locks/resource-key.ts";
import { HeldLocks, type LockEntry } from "../../../src/store/heads/held-locks.ts";
import { SortedList } from "../../../src/store/heads/sorted-list.ts";
import type { LeasedLock } from "../../../src/store/reads.ts";

/* What is found of locks in memory is what a look at every lock tells, whatever was changed and undone before. */

const keys = [
  "file:a",
  "dir:a",
  "dir:.",
  "file:a/b",
  "glob:a/*.ts",
  "glob:{a,b/c}/**",
  "dir:/",
  "file:/a/b",
  "name:a",
  "x",
];
const keyOf = (written: string) => readResourceKey(written, { ignoreCase: false, scope: "global" });
const scopes = ["", "s"];
const parties: readonly [owner: string, provider: string | null][] = [
  ["ann", null],
  ["ann", "p"],
  ["bob", null],
];
const tasks = [null, "t1", "t2"];
const leases = ["l0", "l1", "l2", "l3"];
const times = [0, 250, 500, 1_000];

const pickOf = <T>(list: readonly T[], pick: number): T => list[pick % list.length] as T;

interface Step {
  what: "grant" | "extend" | "regrant" | "outlive" | "end";
  pick: number;
  other: number;
}
const anyStep: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom("grant", "grant", "grant", "extend", "regrant", "outlive", "end", "end"),
  pick: fc.nat(1_000),
  other: fc.nat(1_000),
});
const anyRequest = fc.record({ steps: fc.array(anyStep, { maxLength: 6 }), undone: fc.boolean() });

/** Locks to which anything may happen, and the same in a plain map by row. */
class World {
  readonly undo: (() => void)[] = [];
  readonly locks = new HeldLocks(this.undo);
  readonly known = new Map<number, LeasedLock>();

  run({ what, pick, other }: Step): void {
    if (what === "grant") return this.#grant(pick, other);
    const all = [...this.locks.all];
    const lock = all[pick % Math.max(1, all.length)];
    if (lock === undefined) return;
    if (what === "end") {
      this.locks.remove(lock);
      this.known.delete(lock.row);
    } else if (what === "extend") this.#change(lock, { expiresAtMs: other, ttlMs: other % 3, updatedAtMs: pick });
    else if (what === "outlive") this.#change(lock, { endsWithNode: false, expiresAtMs: other, ttlMs: 0 });
    else {
      const [taskId, endsWithNode] = [pickOf(tasks, other), other % 2 === 0];
      this.#change(lock, { taskId, endsWithNode, mode: "exclusive", fencingToken: pick, metadataBytes: other });
    }
  }

  #grant(pick: number, other: number): void {
    const resourceKey = pickOf(keys, pick);
    const [owner, provider] = pickOf(parties, other);
    const [scope, leaseId] = [pickOf(scopes, other), pickOf(leases, pick + other)];
    const normalKey = keyOf(resourceKey).normal;
    if (this.locks.held({ leaseId, scope, normalKey }) !== undefined) return;
    const state: LeasedLock = {
      resourceKey,
      normalKey,
      scope,
      mode: "shared",
      ignoreCase: scope === "s",
      leaseId,
      owner,
      provider,
      taskId: pickOf(tasks, pick),
      nodeId: null,
      endsWithNode: other % 4 === 0,
      acquiredAtMs: 1,
      expiresAtMs: pick,
      ttlMs: 5,
      fencingToken: other,
      updatedAtMs: 1,
      metadataBytes: 2,
    };
    // As in the table, the row after the last is the next.
    const row = Math.max(0, ...this.known.keys()) + 1;
    this.locks.add({ row, state });
    this.known.set(row, state);
  }

  #change(
    lock: LockEntry,
    change: Partial<Omit<LeasedLock, "leaseId" | "scope" | "normalKey" | "owner" | "provider">>,
  ) {
    this.locks.change(lock, change);
    this.known.set(lock.row, { ...(this.known.get(lock.row) as LeasedLock), ...change });
  }

  undoTo(mark: number): void {
    while (this.undo.length > mark) this.undo.pop()?.();
  }
}

const everyKey = keys.map((written) => keyOf(written));
const everyTerm = everyKey.map((key) => searchTerms(key));

/** All that can be asked. */
function answers({ locks }: { locks: HeldLocks }) {
  const states = (entries: Iterable<LockEntry>) => [...entries].map(({ row, state }) => ({ row, ...state }));
  const rows = (entries: Iterable<LockEntry>) => [...entries].map(({ row }) => row);
  return {
    all: states(locks.all),
    size: locks.size,
    after: [0, 2, 5].map((row) => rows(locks.after(row))),
    ofLease: leases.map((id) => rows(locks.ofLease(id))),
    on: scopes.flatMap((scope) => everyKey.map(({ normal }) => rows(locks.on(scope, normal)))),
    parties: parties.map(([owner, provider]) => locks.holdsAnything(owner, provider)),
    taskIds: [...locks.taskIds].toSorted(),
    ofNodes: ["t1", "t2"].map((id) => rows(locks.ofNodes(id))),
    ignoresCase: scopes.map((scope) => locks.ignoresCase(scope)),
    near: scopes.flatMap((scope) => everyTerm.map((terms) => named(locks.near(scope, terms)))),
    due: times.map((nowMs) => rows(locks.due(nowMs, 3))),
    countOver: times.map((nowMs) => locks.countOver(nowMs)),
    nextDeadlineMs: locks.nextDeadlineMs,
  };
}

const named = (found: Iterable<{ leaseId: string; normalKey: string }>) =>
  [...found].map(({ leaseId, normalKey }) => `${leaseId} ${normalKey}`).toSorted();

/** The same, found by looking at every lock. */
function expected({ known }: World): ReturnType<typeof answers> {
  const all = [...known].map(([row, state]) => ({ row, ...state })).toSorted((a, b) => a.row - b.row);
  const where = (holds: (lock: (typeof all)[number]) => boolean) => all.filter(holds).map(({ row }) => row);
  const ending = all.filter(({ endsWithNode }) => !endsWithNode);
  const over = (nowMs: number) => ending.filter(({ expiresAtMs }) => expiresAtMs <= nowMs);
  const inScope = (scope: string) => all.filter((lock) => lock.scope === scope);
  /** Once for each term by which it is met. */
  const meets = (lock: LeasedLock, { exact, ranges }: SearchTerms) => {
    const terms = indexTerms(readResourceKey(lock.normalKey, { ignoreCase: lock.ignoreCase, scope: "global" }));
    const met = terms.flatMap((term) => [
      ...exact.filter((its) => its === term),
      ...ranges.filter(({ from, to }) => from <= term && term < to),
    ]);
    return met.map(() => lock);
  };
  return {
    all,
    size: all.length,
    after: [0, 2, 5].map((after) => where(({ row }) => row > after)),
    ofLease: leases.map((id) => where(({ leaseId }) => leaseId === id)),
    on: scopes.flatMap((scope) =>
      everyKey.map(({ normal }) => where((lock) => lock.scope === scope && lock.normalKey === normal)),
    ),
    parties: parties.map(([owner, provider]) => all.some((lock) => lock.owner === owner && lock.provider === provider)),
    taskIds: [...new Set(all.flatMap(({ taskId }) => taskId ?? []))].toSorted(),
    ofNodes: ["t1", "t2"].map((id) => where(({ taskId, endsWithNode }) => taskId === id && endsWithNode)),
    ignoresCase: scopes.map((scope) => inScope(scope)[0]?.ignoreCase ?? null),
    near: scopes.flatMap((scope) =>
      everyTerm.map((terms) => named(inScope(scope).flatMap((lock) => meets(lock, terms)))),
    ),
    due: times.map((nowMs) =>
      over(nowMs)
        .toSorted((a, b) => a.expiresAtMs - b.expiresAtMs || a.row - b.row)
        .slice(0, 3)
        .map(({ row }) => row),
    ),
    countOver: times.map((nowMs) => over(nowMs).length),
    nextDeadlineMs: ending.length === 0 ? null : Math.min(...ending.map(({ expiresAtMs }) => expiresAtMs)),
  };
}

describe("locks in memory", () => {
  test("are found as a look at all of them finds them, through changes, undoing and a load of the same", () => {
    fc.assert(
      fc.property(fc.array(anyRequest, { maxLength: 20 }), (requests) => {
        const world = new World();
        for (const { steps, undone } of requests) {
          const mark = world.undo.length;
          const before = new Map(world.known);
          for (const step of steps) world.run(step);
          expect(answers(world)).toEqual(expected(world));
          if (undone) {
            world.undoTo(mark);
            world.known.clear();
            for (const [row, state] of before) world.known.set(row, state);
            expect(answers(world)).toEqual(expected(world));
          }
        }
        const loaded = new HeldLocks([]);
        loaded.load([...world.known].map(([row, state]) => ({ row, state })).toSorted((a, b) => a.row - b.row));
        expect(answers({ locks: loaded })).toEqual(answers(world));
      }),
      { numRuns: 200 },
    );
  });

  test("a search goes on from where it was, whatever comes and goes meanwhile", () => {
    const anyChange = fc.tuple(fc.boolean(), fc.nat(60));
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(60), { maxLength: 40 }),
        fc.nat(60),
        fc.array(anyChange, { maxLength: 40 }),
        (start, from, changes) => {
          const list = new SortedList<{ at: number }>((a, b) => a.at - b.at);
          const items = new Map(start.map((at) => [at, { at }]));
          list.putAll([...items.values()]);
          const left = [...changes];
          let last = from - 1;
          for (const { at } of list.from((item) => item.at < from)) {
            const between = [...items.keys()].filter((other) => other > last && other < at);
            expect([items.has(at), at > last, between]).toEqual([true, true, []]);
            last = at;
            const [puts, other] = left.shift() ?? [false, -1];
            const known = items.get(other);
            if (puts && known === undefined) {
              const added = { at: other };
              items.set(other, added);
              list.put(added);
            } else if (!puts && known !== undefined) {
              list.remove(known);
              items.delete(other);
            }
          }
          expect([...items.keys()].filter((other) => other > last)).toEqual([]);
          expect([list.size, list.first?.at]).toEqual([items.size, [...items.keys()].toSorted((a, b) => a - b)[0]]);
        },
      ),
    );
  });
});
