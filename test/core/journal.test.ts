import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { genesis, type JournalFilter, matchesFilter } from "../../src/core/journal/journal.ts";
import { type HashedRow, hashedText } from "../../src/protocol/chain.ts";

describe("the text that is hashed", () => {
  const uuid = fc.option(fc.uuid(), { nil: null });
  /** Text that looks like what surrounds it, so that a boundary in the wrong place would show. */
  const free = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: fc.constantFrom(" ", "\n", "0", "1", "null", '"', "😀") }),
  );
  const row: fc.Arbitrary<HashedRow> = fc.record({
    seq: fc.integer({ min: 1, max: 99 }),
    id: uuid,
    taskId: uuid,
    nodeId: uuid,
    actionType: free,
    origin: fc.constantFrom("daemon", "client"),
    payload: free,
    timestampMs: fc.integer({ min: 0, max: 99 }),
  });
  const hash = fc.string({ unit: fc.constantFrom("0", "f"), minLength: 64, maxLength: 64 });

  test("is another one for every other row and every other previous hash", () => {
    const holds = fc.property(hash, row, hash, row, (hashA, a, hashB, b) => {
      const same = hashA === hashB && Bun.deepEquals(a, b);
      expect(hashedText(hashA, a) === hashedText(hashB, b)).toBe(same);
    });
    fc.assert(holds, { numRuns: 2_000 });
  });

  test("of one row is another one after every other row", () => {
    const holds = fc.property(hash, hash, row, (hashA, hashB, a) => {
      expect(hashedText(hashA, a) === hashedText(hashB, a)).toBe(hashA === hashB);
    });
    fc.assert(holds, { numRuns: 500 });
  });

  test("is another one whichever single field changes", () => {
    const holds = fc.property(row, row, (a, b) => {
      for (const field of Object.keys(a) as (keyof HashedRow)[]) {
        if (a[field] === b[field]) continue;
        expect(hashedText(genesis.hash, { ...a, [field]: b[field] })).not.toBe(hashedText(genesis.hash, a));
      }
    });
    fc.assert(holds, { numRuns: 500 });
  });

  test("is another one wherever the line between action type and payload is drawn", () => {
    const holds = fc.property(row, free, fc.nat(), fc.nat(), (base, both, one, other) => {
      const split = (at: number) => {
        const place = at % (both.length + 1);
        return { place, row: { ...base, actionType: both.slice(0, place), payload: both.slice(place) } };
      };
      const [a, b] = [split(one), split(other)];
      const same = hashedText(genesis.hash, a.row) === hashedText(genesis.hash, b.row);
      expect(same).toBe(a.place === b.place);
    });
    fc.assert(holds, { numRuns: 1_000 });
  });
});

describe("a row matches a filter", () => {
  const row = {
    id: null,
    taskId: "task",
    nodeId: "node",
    actionType: "progress",
    origin: "client",
    payload: null,
    timestampMs: 0,
  } as const;
  const any: JournalFilter = { taskId: null, nodeId: null, actionTypes: null };

  test.each<[string, Partial<JournalFilter>, boolean]>([
    ["that wants anything", {}, true],
    ["of its task", { taskId: "task" }, true],
    ["of its task, not of another", { taskId: "other" }, false],
    ["of its node", { nodeId: "node" }, true],
    ["of its node, not of another", { nodeId: "other" }, false],
    ["of its action type among several", { actionTypes: new Set(["a", "progress"]) }, true],
    ["of its action type, not of another", { actionTypes: new Set(["Progress"]) }, false],
    ["of no action type never", { actionTypes: new Set<string>() }, false],
    ["only when all of it fits", { taskId: "task", nodeId: "other", actionTypes: new Set(["progress"]) }, false],
  ])("%s", (_, filter, matches) => {
    expect(matchesFilter(row, { ...any, ...filter })).toBe(matches);
  });

  test("that names a task never when it belongs to none", () => {
    expect(matchesFilter({ ...row, taskId: null }, { ...any, taskId: "task" })).toBe(false);
  });
});
