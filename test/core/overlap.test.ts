import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isRefusal } from "../../src/core/decision.ts";
import { indexTerms, type SearchTerms, searchTerms } from "../../src/core/locks/resource-index.ts";
import { overlaps } from "../../src/core/locks/overlap.ts";
import { parseResourceKey, type KeyRules, type ResourceKey } from "../../src/core/locks/resource-key.ts";
import { WorkBudget } from "../../src/core/work-budget.ts";
import { BruteForce } from "./brute-force.ts";

const ample = () => new WorkBudget(Infinity);

/** `NUM_RUNS=20000 bun test ./test/core/overlap.test.ts` looks longer. */
const numRuns = Number(process.env.NUM_RUNS ?? 400);

/** Letters of keys, the one `[!…]` may leave out, and letters of the paths that are tried. */
interface World {
  keyLetters: string[];
  leftOut: string[];
  pathLetters: string[];
  ignoreCase: boolean;
  questionMarksMax: number;
}

const withCase = { ignoreCase: false, questionMarksMax: Infinity };
const withoutCase = { ignoreCase: true, questionMarksMax: 2 };

/**
 * In each, the paths tell apart whatever its keys do: a stranger path belongs to no two keys that these do not. No letter
 * here folds into three, as `ﬃ` does, so that no key may ask for three where another asks for one.
 */
const worlds: [string, World][] = [
  ["plain names", { ...withCase, keyLetters: ["a", "b"], leftOut: ["a"], pathLetters: ["a", "b", "/"] }],
  ["names with dots", { ...withCase, keyLetters: ["a", "."], leftOut: ["."], pathLetters: ["a", ".", "/"] }],
  ["letters that fold", { ...withoutCase, keyLetters: ["s", "S", "ß"], leftOut: [], pathLetters: ["s", "ß", "/"] }],
];
/** Characters that the shortest path of a key, and those under a directory, may need. */
const needMax = 4;
/** A path that belongs to two keys needs no character but those that one of them needs. */
const lengthMax = 2 * needMax;

describe.each(worlds)("among %s", (_, world) => {
  const rules: KeyRules = { ignoreCase: world.ignoreCase, scope: "global" };
  const parsed = (written: string) => {
    const key = parseResourceKey(written, rules);
    return isRefusal(key) ? [] : [key];
  };
  const pairs = fc
    .tuple(keysOf(world), keysOf(world))
    .map(([a, b]) => [...parsed(a), ...parsed(b)])
    .filter((keys): keys is [ResourceKey, ResourceKey] => keys.length === 2);

  test("keys overlap when some path belongs to both, and a search finds those that do", () => {
    const paths = new BruteForce(world.pathLetters, lengthMax, world.ignoreCase);
    const seen = { overlapping: 0, apart: 0 };
    const holds = fc.property(pairs, ([a, b]) => {
      const expected = a.normal === b.normal || paths.overlap(spelled(a), spelled(b));
      seen[expected ? "overlapping" : "apart"]++;
      expect([a.written, b.written, overlaps(a, b, ample()), overlaps(b, a, ample())]).toEqual([
        a.written,
        b.written,
        expected,
        expected,
      ]);
      if (expected) expect(indexTerms(b).some((term) => finds(searchTerms(a), term))).toBe(true);
    });
    fc.assert(holds, { numRuns });
    expect(Math.min(seen.overlapping, seen.apart)).toBeGreaterThan(numRuns / 10);
  });

  test("a normal key is its own normal form, and the same key as the one that was written", () => {
    const holds = fc.property(keysOf(world), (written) => {
      for (const key of parsed(written)) {
        const [again] = parsed(key.normal);
        expect(again?.normal).toBe(key.normal);
        expect(indexTerms(again ?? key)).toEqual(indexTerms(key));
      }
    });
    fc.assert(holds, { numRuns });
  });
});

/** The oracle reads paths in normal form, and globs as they were written. */
const spelled = (key: ResourceKey) => (key.kind === "glob" ? key.written : key.normal);

function finds({ exact, ranges }: SearchTerms, term: string): boolean {
  return exact.includes(term) || ranges.some(({ from, to }) => from <= term && term < to);
}

function keysOf({ keyLetters, leftOut, questionMarksMax }: World): fc.Arbitrary<string> {
  const letter = fc.constantFrom(...keyLetters);
  const joined = (part: fc.Arbitrary<string>, maxLength: number) =>
    fc.array(part, { maxLength }).map((parts) => parts.join(""));
  const path = joined(fc.oneof({ weight: 2, arbitrary: letter }, fc.constant("/")), needMax - 1);
  const part = fc.oneof(
    { weight: 3, arbitrary: letter },
    { weight: 3, arbitrary: fc.constantFrom("?", "*", "**", "/", "**/", "/**/") },
    letter.map((one) => `[${one}]`),
    fc.constantFrom("?", ...leftOut.map((one) => `[!${one}]`)),
  );
  const braces = fc
    .tuple(joined(part, 1), joined(part, 2), joined(part, 2), joined(part, 1))
    .map(([before, one, other, after]) => `${before}{${one},${other}}${after}`);
  const pattern = fc
    .oneof(joined(part, 4), braces)
    .filter((text) => need(text) <= needMax && text.split("?").length - 1 <= questionMarksMax);
  return fc.oneof(
    path.map((text) => `file:${text}`),
    path.map((text) => `dir:${text}`),
    fc.constantFrom("dir:.", "dir:/", "glob:**", "tool:a"),
    { weight: 3, arbitrary: pattern.map((text) => `glob:${text}`) },
  );
}

/** No fewer characters than a pattern needs: one for each part, none for `**` before a `/` that others follow. */
function need(pattern: string): number {
  return pattern
    .replaceAll(/\[[^\]]*\]/g, "?")
    .replaceAll(/\*\*+\/(?!$)/g, "")
    .replaceAll(/[{,}]/g, "").length;
}
