import { describe, expect, test } from "bun:test";
import { isRefusal } from "../../src/core/decision.ts";
import { parseDiff } from "../../src/core/bundles/diff.ts";
import type { FileChange } from "../../src/core/bundles/file-change.ts";
import { compareBundles, type Decided, type Target } from "../../src/core/bundles/compare.ts";
import { containsChange } from "../../src/core/bundles/file-contains.ts";
import { compared, doing, failed, patchBundle } from "./bundles.ts";

const names = "diff --git a/f b/f\n";

function change(diff: string): FileChange {
  const parsed = parseDiff(diff, { exact: true });
  if (isRefusal(parsed)) throw new Error(parsed.message);
  const [first] = parsed;
  if (first === undefined) throw new Error("the diff changes nothing");
  return first;
}

/** A change of `f` by one hunk at a line: each line of text is one of the hunk's. */
function hunk(start: number, ...lines: string[]): FileChange {
  const count = (mark: string) => lines.filter((line) => line.startsWith(mark)).length;
  const [removed, added] = [count("-"), count("+")];
  const from = removed === 0 ? start - 1 : start;
  const to = added === 0 ? start - 1 : start;
  const head = `@@ -${from},${removed} +${to},${added} @@\n`;
  return change(`${names}index 1111..2222 100644\n--- a/f\n+++ b/f\n${head}${lines.join("\n")}\n`);
}

describe("one change of a file has another in it", () => {
  test.each<[what: string, outer: FileChange, inner: FileChange, contains: boolean]>([
    ["the same", hunk(5, "-a", "+b"), hunk(5, "-a", "+b"), true],
    ["with a line more", hunk(5, "+a", "+b", "+c"), hunk(5, "+a", "+c"), true],
    ["with a line less", hunk(5, "+a", "+c"), hunk(5, "+a", "+b", "+c"), false],
    ["with the lines in another order", hunk(5, "+c", "+a"), hunk(5, "+a", "+c"), false],
    ["elsewhere", hunk(7, "+a"), hunk(5, "+a"), false],
    ["where more goes", hunk(4, "-x", "-a", "+b"), hunk(5, "-a", "+b"), true],
    ["where less goes", hunk(5, "-a", "+b"), hunk(4, "-x", "-a", "+b"), false],
    ["where lines only go", hunk(5, "-a"), hunk(5, "-a"), true],
    ["where what goes may have come back", hunk(5, "-a", "+b"), hunk(5, "-a"), false],
  ])("%s", (_what, outer, inner, contains) => expect(containsChange(outer, inner).contains).toBe(contains));

  const mode = change(`${names}old mode 100644\nnew mode 100755\n`);
  const added = (text: string) =>
    change(`${names}new file mode 100644\nindex 0000..2222\n--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n${text}`);
  test.each<[what: string, outer: FileChange, inner: FileChange, contains: boolean]>([
    ["a mode", mode, mode, true],
    ["a mode that is not set", hunk(5, "+a"), mode, false],
    ["a new file", added("+a\n+b\n"), added("+a\n+b\n"), true],
    ["another new file", added("+a\n+b\n"), added("+a\n+c\n"), false],
    ["a new file in a change", hunk(1, "+a", "+b"), added("+a\n+b\n"), false],
  ])("%s", (_what, outer, inner, contains) => expect(containsChange(outer, inner).contains).toBe(contains));
});

describe("bundles that are decided", () => {
  const open = doing("open", ["edit a 5"], { submittedSeq: 9, baseRevision: "base" });
  const merged = doing("merged", ["edit a 5"], { submittedSeq: 1, baseRevision: "base", assumptions: ["x"] });
  const since = (ids: string[]) => ({
    revision: "target",
    changedSince: new Map([["base", []]]),
    acceptedSince: new Map([["base", ids]]),
  });
  const pairs = (target: Target | null, decided: Decided) => {
    const work = compareBundles([open], target, decided);
    let step = work.next();
    while (step.done !== true) step = work.next();
    return step.value.pairs.map(({ a, b }) => `${a} ${b}`);
  };

  test("are told of where the target has them and the base has not", () => {
    const decided = { accepted: [merged], rejected: [] };
    expect(pairs(since(["merged"]), decided)).toEqual(["merged open"]);
    expect(pairs(since([]), decided)).toEqual([]);
  });

  test("are told of where they were rejected and are in another, and not where they only meet it", () => {
    const rejected = doing("rejected", ["edit b 5"], { baseRevision: "base" });
    const meets = doing("meets", ["edit a 5"], { baseRevision: "base" });
    const decidedSeq = 10;
    const all = (bundle: typeof open) => ({ accepted: [], rejected: [{ bundle, decidedSeq }] });
    expect(pairs(null, all(rejected))).toEqual([]);
    expect(pairs(null, all({ ...meets, changes: null }))).toEqual([]);
  });
});

describe("a bundle contains another", () => {
  const small = doing("small", ["edit a 5"], { submittedSeq: 1 });
  const large = doing("large", ["edit a 5", "add b x"], { submittedSeq: 2, confidence: "high" });
  const containers = (...bundles: Parameters<typeof compared>[0][]) =>
    compared(bundles.flatMap((each) => [...each])).pairs.map(({ container }) => container);

  test("with all it does at every path, from one base", () => {
    expect(containers([small, large])).toEqual(["large"]);
    expect(containers([small, { ...large, baseRevision: "other" }])).toEqual([null]);
    expect(containers([small, doing("other", ["edit a 5"])])).toEqual([null]);
  });

  test("by its history, whatever lines it has", () => {
    const built = patchBundle({ bundleId: "built", submittedSeq: 3, containedIds: ["small"], baseRevision: "other" });
    expect(containers([small, built])).toEqual(["built"]);
  });

  test("which is to be merged first, and whose failed verification stops it but for its own author's next", () => {
    expect(compared([small, large]).mergeOrder).toEqual(["small", "large"]);
    const broken = { ...small, verification: failed };
    const advice = (other: typeof large) =>
      compared([broken, other]).bundles.find(({ bundleId }) => bundleId === "large");
    expect(advice({ ...large, owner: "bob" })).toMatchObject({
      recommendation: "choose",
      contains: [{ bundleId: "small", rejected: true }],
    });
    expect(advice(large)).toMatchObject({ recommendation: "merge", contains: [{ rejected: false }] });
  });
});
