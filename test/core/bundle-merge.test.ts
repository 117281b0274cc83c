import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRefusal } from "../../src/core/decision.ts";
import { parseDiff, touchedPaths } from "../../src/core/bundles/diff.ts";
import { type Files, GitRepository } from "./git.ts";
import { patchBundle, compared } from "./bundles.ts";
import { Chance, randomlyChanged } from "./random-edits.ts";

/** `NUM_RUNS=200 SEED=7 bun test ./test/core/bundle-merge.test.ts` looks longer, and elsewhere. */
const numRuns = Number(process.env.NUM_RUNS ?? 5);
const firstSeed = Number(process.env.SEED ?? 1);
/** Bundles in one run; each is compared with each. */
const variantsMax = 24;

const settings = [
  ["merge.directoryRenames=false", "merge.renames=false"],
  ["merge.directoryRenames=false", "merge.renames=true"],
];

const root = join(import.meta.dir, "../..");
const real = ["src/core", "src/store", "docs"].flatMap((directory) =>
  readdirSync(join(root, directory))
    .filter((name) => /\.(?:ts|md)$/.test(name))
    .map((name) => readFileSync(join(root, directory, name), "utf8")),
);

/** A few pieces of real files, and at times one that git takes for binary. */
function randomBase(chance: Chance): Files {
  const files = ["a.ts", "b.ts", "lib/c.ts", "README"].slice(0, 1 + chance.below(4)).map((path) => {
    const lines = chance.pick(real).split("\n");
    const length = 10 + chance.below(60);
    const start = chance.below(Math.max(1, lines.length - length));
    return [path, { text: `${lines.slice(start, start + length).join("\n")}\n`, executable: false }] as const;
  });
  const binary = ["logo.png", { text: "\0PNG\n1\n2\n", executable: false }] as const;
  return new Map(chance.below(3) === 0 ? [...files, binary] : files);
}

const repository = new GitRepository();
afterAll(() => repository[Symbol.dispose]());

/** How a diff is printed, and whether that is how git's merge compares. */
const ways: [string, string[], boolean][] = [
  ["as git's merge compares, with renames", ["--histogram", "--no-indent-heuristic", "-M", "--full-index"], true],
  ["as git's merge compares, without renames", ["--histogram", "--no-indent-heuristic", "--no-renames"], true],
  ["as git's merge compares, with copies", ["--histogram", "--no-indent-heuristic", "-C", "-C", "-U1"], true],
  ["by git's default", ["-M"], false],
];

/** Pairs that git merges and does not; of the first those called otherwise; those called likely to merge, and that wrongly. */
const none = { merging: 0, conflicting: 0, heldBack: 0, likely: 0, likelyWrong: 0 };

describe.each(ways)("bundles whose diffs are printed %s", (name, options, exact) => {
  const seen = { ...none };
  test("git merges what is called disjoint or compatible, in either order to one tree", () => {
    for (let run = 0; run < numRuns; run++) {
      const seed = firstSeed * 1_000_003 + run * 17 + options.length;
      for (const { pair, trees } of merged(seed, options, exact)) {
        const merges = trees.every((tree) => tree !== null) && new Set(trees).size === 1;
        const together = pair.relation !== "overlapping" && pair.relation !== "unknown";
        seen.merging += Number(merges);
        seen.conflicting += Number(!merges);
        seen.heldBack += Number(merges && !together);
        seen.likely += Number(together && !pair.certain);
        seen.likelyWrong += Number(together && !pair.certain && !merges);
        if (together && pair.certain)
          expect([name, seed, pair, trees]).toEqual([name, seed, pair, Array(4).fill(trees[0] ?? "a tree")]);
        if (exact) expect(pair.certain).toBe(true);
      }
    }
    if (process.env.NUM_RUNS !== undefined) process.stderr.write(`${name}: ${JSON.stringify(seen)}\n`);
    expect(seen.conflicting).toBeGreaterThan(0);
    // Else this rule would be kept by calling nothing compatible.
    expect(seen.heldBack / seen.merging).toBeLessThan(exact ? 0.25 : 0.5);
    // One patch that a merge sees differently may stand in the way of all others.
    expect(seen.likelyWrong).toBeLessThanOrEqual(seen.likely / 10);
  }, 600_000);
});

describe.each([
  ["-merge", "binary"],
  ["merge=union", "union"],
  ["merge=text", "text"],
])("bundles of files whose attributes say %s", (attribute, driver) => {
  afterAll(() => rmSync(join(repository.path, ".gitattributes"), { force: true }));
  test("are called compatible where git merges them, and certain where the order does not show", () => {
    writeFileSync(join(repository.path, ".gitattributes"), `* ${attribute}\n`);
    const [, options] = ways[0] ?? ["", []];
    let [together, apart] = [0, 0];
    for (let run = 0; run < numRuns; run++) {
      const seed = firstSeed * 1_000_003 + run * 19;
      for (const { pair, trees } of merged(seed, options, true, driver)) {
        const compatible = pair.relation !== "overlapping" && pair.relation !== "unknown";
        together += Number(compatible);
        apart += Number(!compatible);
        if (compatible) expect([attribute, seed, pair, trees.includes(null)]).toEqual([attribute, seed, pair, false]);
        if (compatible && pair.certain)
          expect([attribute, seed, pair, new Set(trees).size]).toEqual([attribute, seed, pair, 1]);
      }
    }
    expect(Math.min(together, apart)).toBeGreaterThan(0);
  }, 600_000);
});

/**
 * Random bundles of one base, each with each, and the trees git merges two of them to, or null: both orders, each setting.
 * @param driver what attributes name for all files
 */
function merged(seed: number, options: readonly string[], exact: boolean, driver = "text") {
  const chance = new Chance(seed);
  const base = randomBase(chance);
  const fileChangesOf100 = chance.pick([0, 15, 50]);
  const files = Array.from({ length: variantsMax }, () => randomlyChanged(base, chance, fileChangesOf100));
  const commits = repository.commit(base, files);
  const diffs = repository.diffs(commits.variants, options);
  const bundles = commits.variants.flatMap((commit, i) => {
    const text = diffs[i] ?? "";
    if (text === "") return [];
    const changes = parseDiff(text, { exact });
    if (isRefusal(changes)) throw new Error(`${changes.message}\n${text}`);
    const paths = touchedPaths(changes);
    const mergeDrivers = new Map(paths.map((path) => [path, [driver]]));
    return [patchBundle({ bundleId: commit, submittedSeq: i, changes, touchedPaths: paths, mergeDrivers })];
  });
  const { pairs } = compared(bundles);
  const orders = [...pairs.map(({ a, b }) => [a, b] as const), ...pairs.map(({ a, b }) => [b, a] as const)];
  const trees = settings.flatMap((setting) => {
    const all = repository.merges(orders, setting);
    return [all.slice(0, pairs.length), all.slice(pairs.length)];
  });
  return pairs.map((pair, i) => ({ pair, trees: trees.map((all) => all[i] ?? null) }));
}
