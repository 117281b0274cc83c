import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { ParamsInput } from "../../src/protocol/methods.ts";
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

describe("a bundle is set aside", () => {
  const revision = "1".repeat(40);
  type Params = ParamsInput<"SubmitPatchBundle">;
  const crafted = async (world: World, more: Partial<Params>): Promise<string> => {
    const base_revision = (await world.git(["rev-parse", "main"])).trim();
    const about = { provider: "x", owner: "ann", scope: join(world.top, ".git"), diff_summary: "s" };
    const verification = [{ command: "true", exit_code: 0 }];
    const plain = { ...about, base_revision, touched_paths: ["a.txt"], confidence: "high" as const, verification };
    const answer = await daemon.client.call("SubmitPatchBundle", { ...plain, ...more });
    return answer.bundle_id;
  };
  const diffOf = (line: string) =>
    `diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-${line}\n+other\n`.replace(
      "\n---",
      `\nindex ${"1".repeat(40)}..${"2".repeat(40)} 100644\n---`,
    );

  test.each<[what: string, more: (world: World) => Partial<Params>, outcome: string, reason: string]>([
    [
      "whose base is not here",
      () => ({ base_revision: revision, diff: diffOf("line 1") }),
      "left",
      "is not in this repository; fetch it",
    ],
    [
      "whose head is not here",
      () => ({ head_revision: revision }),
      "left",
      "is not in this repository, and it has no diff",
    ],
    [
      "whose diff does not fit its base",
      () => ({ diff: diffOf("line one") }),
      "rejected",
      "its diff does not fit its base",
    ],
  ])("%s", async (_what, more, expected, reason) => {
    await using world = await bundleWorld(daemon, files);
    await crafted(world, more(world));
    const { exit, report } = await tryMerge(world);
    expect(exit).toBe(1);
    expect(of(report, "ann").outcome).toBe(expected as "left");
    expect(of(report, "ann").reason).toContain(reason);
  });

  test("whose head does something else than it says, or changes a link", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.git(["checkout", "-q", "-b", "topic"]);
    await world.write({ "a.txt": edited({ 1: "said" }), "b.txt": edited({ 1: "not said" }) });
    const unsaid = await world.commit("unsaid");
    await world.git([
      "update-index",
      "--add",
      "--cacheinfo",
      `120000,${(await world.git(["hash-object", "-w", "a.txt"])).trim()},a.txt`,
    ]);
    await world.git(["commit", "-q", "-m", "link"]);
    const link = (await world.git(["rev-parse", "HEAD"])).trim();
    await crafted(world, { head_revision: unsaid, owner: "one" });
    await crafted(world, { head_revision: link, touched_paths: ["a.txt", "b.txt"], owner: "two" });
    const { report } = await tryMerge(world);
    expect(outcomes(report)).toEqual({ one: "rejected", two: "rejected" });
    expect(of(report, "one").reason).toContain("do not agree at b.txt");
    expect(of(report, "two").reason).toContain("it changes a.txt, which is or was a symbolic link or submodule");
  });
});

describe("agentd bundle merge refuses", () => {
  test.each<[words: string[], why: string]>([
    [[], "--onto is missing"],
    [["--onto", "nowhere"], '--onto is "nowhere", which is not a commit here'],
    [["--onto", "main", "--branch", "main"], '--branch is "main", which exists already'],
    [["--onto", "main", "--branch", "a..b"], '--branch is "a..b", which is not a valid branch name'],
    [["--onto", "main", "--timeout", "soon"], '--timeout is "soon"'],
  ])("%j", async (words, why) => {
    await using world = await bundleWorld(daemon, files);
    const ran = await world.agentd(["bundle", "merge", ...words]);
    expect(ran).toMatchObject({ exit: 2, err: expect.stringContaining(why) as string });
  });
});
