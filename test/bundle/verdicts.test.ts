import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { culpritAmong } from "../../src/cli/bundle/merge/culprit.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { files, of, outcomes, tryMerge } from "./merges.ts";
import { bundleWorld, edited, type World } from "./world.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const bundleOf = async (bundle_id: string) => (await daemon.client.call("GetPatchBundle", { bundle_id })).bundle;

describe("agentd bundle create refuses before it verifies", () => {
  const gitlink = (id: string) => ["update-index", "--add", "--cacheinfo", `160000,${id},sub`];
  test.each<[what: string, prepare: (world: World) => Promise<string[]>, why: string]>([
    [
      "a symbolic link",
      async (world) => {
        await world.write({ "a.txt": "changed\n" });
        await world.git(["update-index", "--add", "--cacheinfo", `120000,${await blob(world)},link`]);
        await world.git(["commit", "-q", "-m", "link"]);
        return ["--head", "HEAD", "--base", "HEAD~1"];
      },
      "link is or was a symbolic link or a submodule",
    ],
    [
      "a submodule that is staged",
      async (world) => {
        await world.git(gitlink((await world.git(["rev-parse", "HEAD"])).trim()));
        return ["--base", "HEAD"];
      },
      "sub is or was a symbolic link or a submodule",
    ],
    [
      "the place of a bundle that is decided",
      async (world) => {
        const id = await world.submit("ada", { "a.txt": edited({ 1: "old" }) });
        await daemon.client.call("DecidePatchBundle", {
          bundle_id: id,
          decision: "rejected",
          reason: "r",
          decided_by: "x",
        });
        await world.write({ "a.txt": edited({ 1: "new" }) });
        return ["--supersedes", id, "--owner", "ada", "--provider", "ada inc"];
      },
      "cannot become SUPERSEDED: it is REJECTED",
    ],
    [
      "the place of another's bundle",
      async (world) => {
        await world.write({ "a.txt": edited({ 1: "new" }) });
        return ["--supersedes", await world.submit("bob", { "a.txt": edited({ 1: "old" }) })];
      },
      "only its own author's next takes its place",
    ],
    [
      "a lease that is lost",
      async (world) => {
        await world.write({ "a.txt": edited({ 1: "new" }) });
        const node = { id: crypto.randomUUID() };
        const { task_id } = await daemon.client.call("RegisterTask", { goal: "g", initial_nodes: [node] });
        return ["--task", task_id, "--node", node.id, "--lease", crypto.randomUUID()];
      },
      "lease",
    ],
    [
      "what is too long",
      async (world) => {
        await world.write({ "a.txt": edited({ 1: "new" }) });
        return ["--summary", "x".repeat(20_000)];
      },
      "at most",
    ],
  ])("%s", async (_what, prepare, why) => {
    await using world = await bundleWorld(daemon, files);
    const mark = join(world.top, "../verified");
    const words = await prepare(world);
    const ran = await world.agentd(["bundle", "create", "--verify", `touch '${mark}'`, ...words]);
    expect(ran.exit).not.toBe(0);
    expect(ran.err).toContain(why);
    expect(await Bun.file(mark).exists()).toBe(false);
  });

  const blob = async (world: World) => (await world.git(["hash-object", "-w", "a.txt"])).trim();
});

test("a new commit in a submodule is left out, and that is said", async () => {
  await using world = await bundleWorld(daemon, files);
  await world.git(["init", "-q", "-b", "main", "../library"]);
  const library = join(world.top, "../library");
  await world.write({ "x.txt": "x\n" }, library);
  await world.commit("x", library);
  await world.git(["submodule", "--quiet", "add", "../library", "vendor"]);
  await world.commit("vendor");
  await world.write({ "x.txt": "y\n" }, join(world.top, "vendor"));
  await world.commit("y", join(world.top, "vendor"));
  await world.write({ "a.txt": edited({ 1: "new" }) });
  const told = await world.json<object>(["bundle", "create"]);
  expect(told).toMatchObject({ touched_paths: ["a.txt"], left_out: ["vendor"] });
  const ran = await world.agentd(["bundle", "create"]);
  expect(ran.exit).toBe(0);
  expect(ran.err).toContain("left out: the new commit of the submodule vendor");
  await world.git(["submodule", "--quiet", "update"]);
  expect(await world.json<object>(["bundle", "create"])).toMatchObject({ left_out: [] });
});

describe("a verification that fails in a merge", () => {
  test("names the two that fail together, and its output is kept with the decision", async () => {
    await using world = await bundleWorld(daemon, { ...files, "d.txt": files["a.txt"] });
    const ids: Record<string, string> = {};
    for (const [owner, file, confidence] of [
      ["one", "a.txt", "high"],
      ["two", "b.txt", "high"],
      ["three", "c.txt", "medium"],
      ["four", "d.txt", "low"],
    ] as const) {
      ids[owner] = await world.submit(owner, { [file]: edited({ 1: owner }) }, { confidence });
    }
    const command = "if grep -q two b.txt && grep -q four d.txt; then echo two and four do not agree; exit 7; fi";
    const { report } = await tryMerge(world, "--verify", command, "--branch", "merged");
    expect(outcomes(report)).toEqual({ one: "accepted", two: "accepted", three: "accepted", four: "rejected" });
    expect(of(report, "four")).toMatchObject({ against: [ids.two] });
    const two = ids.two ?? "";
    expect(of(report, "four").reason).toContain(`passes with it and with ${two}, and fails with both of them`);
    const { decision } = await bundleOf(ids.four ?? "");
    const run = { command, exit_code: 7, output_tail: "two and four do not agree\n", timed_out: false };
    expect(decision).toMatchObject({ alternatives: [two], verification: [run] });
    expect((await world.agentd(["bundle", "show", ids.four ?? ""])).out).toContain("| two and four do not agree");
  });

  test("tells one that fails alone from one that fails with another", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.submit("one", { "a.txt": edited({ 1: "one" }) }, { confidence: "high" });
    await world.submit("two", { "b.txt": edited({ 1: "two" }) });
    const { report } = await tryMerge(world, "--verify", "! grep -q two b.txt", "--branch", "merged");
    expect(of(report, "two")).toMatchObject({ outcome: "rejected", against: [] });
    expect(of(report, "two").reason).toContain("passes without it, and fails with it on main alone");
  });
});

describe("a verification that takes too long is no verdict", () => {
  const slow = ["--timeout", "1s", "--verify", "sleep 600"];
  test("in a merge: the bundle stays open", async () => {
    await using world = await bundleWorld(daemon, files);
    const id = await world.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    const { exit, report } = await tryMerge(world, ...slow, "--branch", "merged");
    expect(exit).toBe(1);
    expect(of(report, "ann")).toMatchObject({ outcome: "left", verification: [{ timed_out: true }] });
    expect(of(report, "ann").reason).toContain("did not end in 1s, which is no verdict");
    expect((await bundleOf(id)).status).toBe("SUBMITTED");
  });

  test("in creating it: it is submitted as one that nobody has verified", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.write({ "a.txt": edited({ 1: "ann" }) });
    const { bundle_id: id } = JSON.parse((await world.agentd(["bundle", "create", "--json", ...slow])).out) as {
      bundle_id: string;
    };
    expect(await bundleOf(id)).toMatchObject({ verified: "missing", verification: [{ timed_out: true }] });
    const { report } = await tryMerge(world, "--allow-unverified", "--branch", "merged");
    expect(report.bundles).toMatchObject([{ outcome: "accepted" }]);
  });
});

describe("the step that something fails with", () => {
  /** What fails from a step on, and in how many tries it is found. */
  async function found(steps: number, failsFrom: number): Promise<{ culprit: number | "alone" | null; tries: number }> {
    let tries = 0;
    const commits = Array.from({ length: steps + 1 }, (_step, i) => String(i));
    const culprit = await culpritAmong(commits, (commit, withIt) => {
      tries++;
      return Promise.resolve(!withIt || Number(commit) < failsFrom);
    });
    return { culprit, tries };
  }

  test("is found wherever it is, in a few tries", async () => {
    for (let steps = 1; steps <= 40; steps++) {
      for (let step = 1; step <= steps; step++) {
        const { culprit, tries } = await found(steps, step);
        expect(culprit).toBe(step);
        expect(tries).toBeLessThanOrEqual(1 + Math.ceil(Math.log2(steps)));
      }
      expect(await found(steps, 0)).toEqual({ culprit: "alone", tries: 2 });
    }
  });

  test("is nobody's where nobody can tell", async () => {
    expect(await culpritAmong(["0", "1"], () => Promise.resolve(null))).toBeNull();
    expect(await culpritAmong(["0", "1"], () => Promise.resolve(false))).toBeNull();
  });
});
