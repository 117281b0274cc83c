import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Comparison } from "../../src/cli/bundle/comparison.ts";
import { runGit } from "../guard/world.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { of, outcomes, tryMerge } from "./merges.ts";
import { bundleWorld, edited, tenLines, type World } from "./world.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

/** Branches `one` and `two` of main, each handed in as a bundle. */
async function branches(world: World, changes: Record<"one" | "two", Record<string, string>>): Promise<void> {
  for (const [owner, files] of Object.entries(changes)) {
    await world.git(["checkout", "-q", "-b", owner, "main"]);
    await world.write(files);
    await world.commit(owner);
    await world.json(["bundle", "create", "--owner", owner, "--verify", "true", "--base", "main"]);
  }
  await world.git(["checkout", "-q", "main"]);
}

/** Whether git merges the two, in a clone of its own. */
async function gitMerges(world: World): Promise<boolean> {
  const clone = join(world.top, "../clone");
  await world.git(["clone", "-q", world.top, clone]);
  await world.git(["checkout", "-q", "-b", "trial", "origin/one"], clone);
  const { exit } = await runGit(clone, ["merge", "-q", "-m", "trial", "origin/two"]);
  await rm(clone, { recursive: true });
  return exit === 0;
}

const comparison = (world: World) => world.json<Comparison>(["bundle", "compare", "--onto", "main"]);

const apart = { one: { "f.lock": edited({ 1: "one" }) }, two: { "f.lock": edited({ 9: "two" }) } };
const together = { one: { "f.lock": edited({ 5: "one" }) }, two: { "f.lock": edited({ 5: "two" }) } };

describe("what git merges by its attributes, and nothing else, is called compatible and merged", () => {
  test.each<[attributes: Record<string, string>, changes: typeof apart, merges: boolean]>([
    [{ ".gitattributes": "" }, apart, true],
    [{ ".gitattributes": "" }, together, false],
    [{ ".gitattributes": "f.lock -merge\n" }, apart, false],
    [{ ".gitattributes": "*.lock binary\n" }, apart, false],
    [{ ".gitattributes": "*.lock -diff\n" }, apart, true],
    [{ ".gitattributes": "[attr]lock -merge\n*.lock lock\n" }, apart, false],
    [{ ".gitattributes": "*.lock merge=union\n" }, apart, true],
    [{ ".gitattributes": "*.lock merge=union\n" }, together, true],
    [{ ".gitattributes": "*.lock merge=binary\n" }, apart, false],
    [{ ".gitattributes": "*.lock -merge\nf.lock merge\n" }, apart, true],
    [{ ".gitattributes": "*.lock merge=nobody\n" }, apart, true],
    [{ ".gitattributes": "*.lock merge=nobody\n" }, together, false],
  ])("%j, %j", async (attributes, changes, merges) => {
    await using world = await bundleWorld(daemon, { "f.lock": tenLines, ...attributes });
    await branches(world, changes);
    expect(await gitMerges(world)).toBe(merges);
    const { pairs } = await comparison(world);
    expect(pairs.map(({ relation }) => relation)).toEqual([merges ? "compatible" : "overlapping"]);
    const { report } = await tryMerge(world, "--branch", "merged");
    expect(Object.values(outcomes(report)).toSorted()).toEqual(["accepted", merges ? "accepted" : "rejected"]);
    const accepted = report.bundles.find(({ outcome }) => outcome === "accepted");
    const rejected = report.bundles.filter(({ outcome }) => outcome === "rejected");
    for (const { reason } of rejected) {
      expect(reason).toContain(`it conflicts in f.lock with ${accepted?.bundle_id}, merged before it`);
    }
  });
});

describe("attributes", () => {
  test("of a directory's own file count there", async () => {
    await using world = await bundleWorld(daemon, {
      "deep/f": tenLines,
      f: tenLines,
      "deep/.gitattributes": "f -merge\n",
    });
    await branches(world, {
      one: { "deep/f": edited({ 1: "one" }), f: edited({ 1: "one" }) },
      two: { "deep/f": edited({ 9: "two" }), f: edited({ 9: "two" }) },
    });
    const { pairs } = await comparison(world);
    expect(pairs[0]?.ranges.map(({ path, relation }) => `${path} ${relation}`)).toEqual([
      "deep/f overlapping",
      "f compatible",
    ]);
    expect(pairs[0]?.ranges[0]?.reason).toBe("attributes say that git is not to merge it (-merge)");
  });

  test("that name a program which the repository has are no merge of ours, and say whose they would be", async () => {
    await using world = await bundleWorld(daemon, { "f.lock": tenLines, ".gitattributes": "*.lock merge=ours\n" });
    const mark = join(world.top, "../ran");
    await world.git(["config", "merge.ours.driver", `touch '${mark}'`]);
    await branches(world, apart);
    const { pairs } = await comparison(world);
    expect(pairs[0]?.relation).toBe("overlapping");
    expect(pairs[0]?.ranges[0]?.reason).toBe("attributes name the merge driver ours, a program that is not run here");
    const { report } = await tryMerge(world, "--branch", "merged");
    expect(Object.values(outcomes(report)).toSorted()).toEqual(["accepted", "rejected"]);
    expect(await Bun.file(mark).exists()).toBe(false);
  });

  test("that one of two changes make neither order certain", async () => {
    await using world = await bundleWorld(daemon, { "f.lock": tenLines });
    await branches(world, {
      one: { "f.lock": edited({ 1: "one" }), ".gitattributes": "*.lock -merge\n" },
      two: { "f.lock": edited({ 9: "two" }) },
    });
    const { pairs } = await comparison(world);
    expect(pairs[0]?.ranges[0]).toMatchObject({
      relation: "overlapping",
      reason: "one changes how git is to merge it (.gitattributes)",
    });
  });

  test("of the user's own, which are in no commit, play no part", async () => {
    await using world = await bundleWorld(daemon, { "f.lock": tenLines });
    await Bun.write(join(world.top, ".git/info/attributes"), "*.lock -merge -diff\n");
    await branches(world, apart);
    expect((await comparison(world)).pairs[0]).toMatchObject({ relation: "compatible", certain: true });
    const { report } = await tryMerge(world, "--branch", "merged");
    expect(outcomes(report)).toEqual({ one: "accepted", two: "accepted" });
    expect(of(report, "two").verification).toEqual([]);
  });
});
