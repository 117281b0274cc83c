import { describe, expect, test } from "bun:test";
import { hashOf } from "../../../src/store/tables/journal.ts";
import fc from "fast-check";
import { type JournalFilter, type JournalRow, matchesFilter } from "../../../src/core/journal/journal.ts";
import { acquire, complete, everything, register, tell, within } from "../story.ts";
import { type MakeSpecimen, prepared } from "./specimen.ts";

/** The journal: its chain, its pages, its walks. */
export function describeJournal(engine: string, make: MakeSpecimen): void {
  describe(`${engine}: the journal`, () => {
    test("chains each row to the one before it", () => {
      using specimen = prepared(make, (store) => {
        register(store, "t", { a: [] });
        acquire(store, "a");
        complete(store, "a");
      });
      const { store } = specimen;
      let hash = "0".repeat(64);
      for (const { row, hash: kept } of store.reads.journal.slice(0, everything)) {
        hash = hashOf(hash, row);
        expect(kept).toBe(hash);
      }
      expect(store.reads.head).toEqual({ seq: 3, hash });
    });

    test("shows a task's newest events, oldest first: what has an id, and nothing of others", () => {
      using specimen = prepared(make, (store) => {
        register(store, "t", { a: [] });
        for (let n = 1; n <= 4; n++) {
          tell(store, { id: `e${n}`, taskId: "t", payload: n });
          tell(store, { id: `other ${n}`, taskId: "u" });
          tell(store, { id: null, taskId: "t", origin: "daemon" });
        }
      });
      const { store } = specimen;
      expect(store.reads.journal.newestEvents("t", 0, 3).map(({ id, payload }) => [id, payload])).toEqual([
        ["e2", "2"],
        ["e3", "3"],
        ["e4", "4"],
      ]);
      expect([
        store.reads.journal.newestEvents("t", 0, 0),
        store.reads.journal.newestEvents("t", 0, 99).length,
      ]).toEqual([[], 4] as never);
    });

    test("is read in pages that together are the whole of it, in order, whatever is asked for", () => {
      const entry: fc.Arbitrary<Partial<JournalRow>> = fc.record({
        id: fc.constantFrom(null, "id"),
        taskId: fc.constantFrom(null, "t", "u"),
        nodeId: fc.constantFrom(null, "n"),
        actionType: fc.constantFrom("x", "y"),
        payload: fc.string({ maxLength: 20 }),
      });
      const filter: fc.Arbitrary<JournalFilter> = fc.record({
        taskId: fc.constantFrom(null, "t", "none"),
        nodeId: fc.constantFrom(null, "n"),
        actionTypes: fc.constantFrom(null, new Set<string>(), new Set(["x"]), new Set(["x", "y"])),
      });
      const bounds = fc.record({
        limit: fc.integer({ min: 1, max: 7 }),
        scanMax: fc.integer({ min: 1, max: 9 }),
        scanCharsMax: fc.integer({ min: 0, max: 40 }),
        payloadCharsMax: fc.integer({ min: 0, max: 40 }),
      });
      const entries = fc.array(entry, { maxLength: 25, size: "max" });
      using specimen = make();
      const holds = fc.property(entries, filter, bounds, fc.nat(5), (told, wanted, pageBounds, skipped) => {
        const { store } = specimen;
        const start = store.reads.head.seq;
        within(store, () => told.map((event) => tell(store, event)));
        const expected = store.reads.journal
          .slice(start + skipped, everything)
          .filter(({ row }) => matchesFilter(row, wanted));
        const seen: JournalRow[] = [];
        for (let after = start + skipped; after < store.reads.head.seq;) {
          const page = store.reads.journal.page(wanted, after, pageBounds);
          expect(page.rows.length).toBeLessThanOrEqual(pageBounds.limit);
          expect(page.nextAfterSeq).toBeGreaterThan(after);
          seen.push(...page.rows);
          after = page.nextAfterSeq;
        }
        expect(seen.map(({ seq }) => seq)).toEqual(expected.map(({ row }) => row.seq));
      });
      fc.assert(holds, { numRuns: 300 });
    });

    test("a page ends after the row with which its payloads grow too large, and shows one at least", () => {
      using specimen = prepared(make, (store) => {
        for (const payload of ["aaaa", "bb", "cc"]) tell(store, { payload });
      });
      const any = { taskId: null, nodeId: null, actionTypes: null };
      const page = (payloadCharsMax: number) =>
        specimen.store.reads.journal
          .page(any, 0, { limit: 9, scanMax: 9, scanCharsMax: 999, payloadCharsMax })
          .rows.map(({ payload }) => payload);
      expect([page(0), page(6), page(10)]).toEqual([["aaaa"], ["aaaa", "bb"], ["aaaa", "bb", "cc"]]);
    });

    test("a page after the end is empty and does not go back", () => {
      using specimen = prepared(make, (store) => tell(store));
      const any = { taskId: null, nodeId: null, actionTypes: null };
      const page = specimen.store.reads.journal.page(any, 9, {
        limit: 9,
        scanMax: 9,
        scanCharsMax: 999,
        payloadCharsMax: 9,
      });
      expect(page).toMatchObject({ rows: [], nextAfterSeq: 9 });
    });

    test("a page that was cut short holds nothing up", () => {
      using specimen = prepared(make, (store) => {
        for (let n = 0; n < 5; n++) tell(store, { taskId: "t" });
      });
      const { store } = specimen;
      for (const taskId of [null, "t"]) {
        const filter = { taskId, nodeId: null, actionTypes: null };
        expect(
          store.reads.journal.page(filter, 0, { limit: 1, scanMax: 9, scanCharsMax: 999, payloadCharsMax: 9 }).rows,
        ).toHaveLength(1);
        within(store, () => tell(store));
        expect(
          store.reads.journal.page(filter, 0, { limit: 9, scanMax: 9, scanCharsMax: 999, payloadCharsMax: 99 }).rows[0]
            ?.seq,
        ).toBe(1);
      }
    });

    test("is walked in slices that end where a bound is met", () => {
      using specimen = prepared(make, (store) => {
        for (const payload of ["aaaa", "bb", "cc", "dd"]) tell(store, { payload });
      });
      const seqs = (afterSeq: number, rows: number, chars: number) =>
        specimen.store.reads.journal.slice(afterSeq, { rows, chars }).map(({ row }) => row.seq);
      expect([seqs(0, 2, 99), seqs(0, 9, 0), seqs(2, 9, 99), seqs(4, 9, 99)]).toEqual([[1, 2], [1], [3, 4], []]);
    });
  });
}
