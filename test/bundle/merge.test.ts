import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, rename, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { MergeReport } from "../../src/cli/bundle/merge/report.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { files, merge, of, outcomes, tryMerge } from "./merges.ts";
import { bundleWorld, edited, tenLines } from "./world.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const decided = async (bundle_id: string) => (await daemon.client.call("GetPatchBundle", { bundle_id })).bundle;
describe("agentd bundle merge", () => {
  test("makes a branch with a commit a bundle, records each decision, and touches nothing else", async () => {
    await using world = await bundleWorld(daemon, files);
    const ann = await world.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    const bob = await world.submit("bob", { "a.txt": edited({ 10: "bob" }), "new.txt": "new\n" });
    const cy = await world.submit("cy", { "a.txt": edited({ 1: "cy", 2: "cy" }) });
    const before = await world.trace();
    const report = await merge(world, "--branch", "merged", "--by", "dee");
    const log = await world.git([
      "log",
      "--reverse",
      "--format=%an|%cn|%s|%(trailers:unfold,separator=%x2C)",
      "main..merged",
    ]);
    const trailers = (id: string, owner: string) =>
      `Agentd-Bundle: ${id},Agentd-Provider: ${owner} inc,Agentd-Owner: ${owner}`;
    expect(log.trim().split("\n")).toEqual([
      `ann|Ada|work of ann|${trailers(ann, "ann")}`,
      `bob|Ada|work of bob|${trailers(bob, "bob")}`,
    ]);
    expect(await world.git(["show", "merged:a.txt"])).toBe(edited({ 1: "ann", 10: "bob" }));
    expect(await decided(ann)).toMatchObject({
      status: "ACCEPTED",
      decision: { decided_by: "dee", merged_revision: of(report, "ann").merged_revision, alternatives: [cy] },
    });
    expect(await decided(cy)).toMatchObject({
      status: "REJECTED",
      decision: { reason: `it conflicts in a.txt with ${ann}, merged before it`, alternatives: [ann] },
    });
    expect(report).toMatchObject({
      branch: "merged",
      revision: (await world.git(["rev-parse", "merged"])).trim(),
      rebases: [cy],
      overlaps: [
        { a: ann, b: bob, relation: "compatible" },
        { a: ann, b: cy, relation: "overlapping", paths: ["a.txt"] },
        { a: bob, b: cy, relation: "compatible" },
      ],
    });
    await world.git(["branch", "-D", "merged"]);
    expect(await world.trace()).toBe(before);
  });

  test("says only what it would do with --dry-run, and leaves no trace", async () => {
    await using world = await bundleWorld(daemon, files);
    const ann = await world.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    const before = await world.trace();
    const objects = await world.git(["count-objects", "-v"]);
    const report = await merge(world, "--dry-run");
    expect(report).toMatchObject({ dry_run: true, branch: null, bundles: [{ outcome: "accepted" }] });
    expect(await world.trace()).toBe(before);
    expect(await world.git(["count-objects", "-v"])).toBe(objects);
    expect((await decided(ann)).status).toBe("SUBMITTED");
  });

  test("merges what is stale as long as git can, and rejects it otherwise", async () => {
    await using world = await bundleWorld(daemon, files);
    const base = (await world.git(["rev-parse", "main"])).trim();
    await world.write({ "a.txt": edited({ 5: "meanwhile" }), "c.txt": null });
    await world.commit("meanwhile");
    await world.submit("clean", { "a.txt": edited({ 1: "clean" }) }, { base_revision: base });
    await world.submit("stale", { "a.txt": edited({ 5: "stale" }) }, { base_revision: base });
    await world.submit("gone", { "c.txt": edited({ 5: "gone" }) }, { base_revision: base });
    const report = await merge(world, "--branch", "merged");
    expect(outcomes(report)).toEqual({ clean: "accepted", stale: "rejected", gone: "rejected" });
    expect(of(report, "stale")).toMatchObject({ conflicts: ["a.txt"], against: [] });
    expect(of(report, "stale").reason).toStartWith("it is stale: main changed since its base what it changes, too");
    expect(of(report, "gone").conflicts).toEqual(["c.txt"]);
    expect(report.rebases).toHaveLength(2);
    expect(await world.git(["show", "merged:a.txt"])).toBe(edited({ 1: "clean", 5: "meanwhile" }));
  });

  test("takes the bundle out again that the verification fails with, and goes on", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.submit("one", { "a.txt": edited({ 1: "one" }) }, { confidence: "high" });
    await world.submit("two", { "b.txt": edited({ 1: "two" }) });
    await world.submit("three", { "c.txt": edited({ 1: "three" }) }, { confidence: "low" });
    const both = "if [ $(cat a.txt b.txt | grep -c -e one -e two) = 2 ]; then echo both; exit 4; fi";
    const command = `test ! -e left-behind || exit 5; ${both}; touch left-behind`;
    const { exit, report } = await tryMerge(world, "--verify", command, "--branch", "merged");
    expect(exit).toBe(0);
    expect(outcomes(report)).toEqual({ one: "accepted", two: "rejected", three: "accepted" });
    expect(of(report, "two")).toMatchObject({ verification: [{ command, exit_code: 4, output_tail: "both\n" }] });
    expect(of(report, "two").reason).toEndWith(
      `, and fails with both of them: ${JSON.stringify(command)} ended with 4: both`,
    );
    expect(report.verification).toMatchObject([{ command, exit_code: 0 }]);
    expect(await world.git(["diff", "--name-only", "main", "merged"])).toBe("a.txt\nc.txt\n");
  });

  test("blames nobody where the verification fails without them, too", async () => {
    await using world = await bundleWorld(daemon, files);
    const ann = await world.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    const { exit, report } = await tryMerge(world, "--verify", "false");
    expect(exit).toBe(1);
    expect(of(report, "ann")).toMatchObject({ outcome: "left", merged_revision: null });
    expect((await decided(ann)).status).toBe("SUBMITTED");
    expect(report).toMatchObject({ branch: null, revision: report.onto.revision });
  });

  test("leaves open what nobody verified unless it is allowed, and rejects what failed", async () => {
    await using world = await bundleWorld(daemon, files);
    const ann = await world.submit("ann", { "a.txt": edited({ 1: "ann" }) }, { verification: [] });
    const bob = await world.submit(
      "bob",
      { "b.txt": edited({ 1: "bob" }) },
      { verification: [{ command: "exit 9", exit_code: 9 }] },
    );
    const { exit, report } = await tryMerge(world);
    expect(exit).toBe(1);
    expect(outcomes(report)).toEqual({ ann: "left", bob: "rejected" });
    expect(of(report, "bob").reason).toBe('its verification failed: "exit 9" ended with 9');
    expect([(await decided(ann)).status, (await decided(bob)).status]).toEqual(["SUBMITTED", "REJECTED"]);
    expect(outcomes(await merge(world, "--allow-unverified"))).toEqual({ ann: "accepted" });
  });

  test("supersedes what another does as well, and what is in already", async () => {
    await using world = await bundleWorld(daemon, files);
    const first = await world.submit("ann", { "a.txt": edited({ 1: "same" }) }, { confidence: "high" });
    const second = await world.submit("bob", { "a.txt": edited({ 1: "same" }) });
    expect(outcomes(await merge(world, "--branch", "merged"))).toEqual({ ann: "accepted", bob: "superseded" });
    expect(await decided(second)).toMatchObject({ status: "SUPERSEDED", decision: { alternatives: [first] } });
    await world.submit("cy", { "a.txt": edited({ 1: "same" }) });
    const again = JSON.parse(
      (await world.agentd(["bundle", "merge", "--onto", "merged", "--json"])).out,
    ) as MergeReport;
    expect(of(again, "cy")).toMatchObject({ outcome: "superseded", reason: "everything it does is in merged already" });
  });

  test("leaves to people what assumes the contrary of what was merged", async () => {
    await using world = await bundleWorld(daemon, files);
    const sure = { confidence: "high" as const, assumptions: ["tokens=ascii"] };
    await world.submit("ann", { "a.txt": edited({ 1: "ann" }) }, sure);
    const bob = await world.submit("bob", { "b.txt": edited({ 1: "bob" }) }, { assumptions: ["tokens=utf8"] });
    const report = await merge(world);
    expect(outcomes(report)).toEqual({ ann: "accepted", bob: "left" });
    expect(of(report, "bob").reason).toContain('it assumes "tokens=utf8"');
    expect((await decided(bob)).status).toBe("SUBMITTED");
  });

  test("keeps renames, modes, deletions and odd names", async () => {
    await using world = await bundleWorld(daemon, { ...files, 'q"uo\tte ä.txt': tenLines });
    const cwd = join(world.top, "..", "work");
    await world.git(["worktree", "add", "-q", "--detach", cwd, "main"]);
    await rename(join(cwd, "a.txt"), join(cwd, "moved.txt"));
    await chmod(join(cwd, "b.txt"), 0o755);
    await world.write({ 'q"uo\tte ä.txt': edited({ 1: "odd" }), "c.txt": null }, cwd);
    const sure = ["--verify", "true", "--confidence", "high"];
    await world.json(["bundle", "create", "--owner", "ann", ...sure], { cwd });
    await world.submit("bob", { "a.txt": edited({ 10: "bob" }) });
    const report = await merge(world, "--branch", "merged");
    // Git would follow the move; whether what bob did still makes sense there, somebody has to look at.
    expect(outcomes(report)).toEqual({ ann: "accepted", bob: "left" });
    expect(of(report, "bob").reason).toStartWith("git would merge it, but it overlaps with ");
    const entries = (await world.git(["ls-tree", "-r", "-z", "merged"])).split("\0");
    expect(entries.map((entry) => entry.replace(/ blob \w+\t/, " "))).toEqual([
      "100755 b.txt",
      "100644 moved.txt",
      '100644 q"uo\tte ä.txt',
      "",
    ]);
  });

  test("keeps to the attributes of the target that are git's own", async () => {
    await using world = await bundleWorld(daemon, {
      ".gitattributes": "CHANGES merge=union\n*.lock -merge\n",
      CHANGES: "# Changes\n",
      "x.lock": tenLines,
    });
    await world.submit(
      "ann",
      { CHANGES: "# Changes\n- ann\n", "x.lock": edited({ 1: "ann" }) },
      { confidence: "high" },
    );
    await world.submit("bob", { "x.lock": edited({ 10: "bob" }) });
    const report = await merge(world, "--branch", "merged");
    expect(outcomes(report)).toEqual({ ann: "accepted", bob: "rejected" });
    expect(of(report, "bob").conflicts).toEqual(["x.lock"]);
  });

  test("merges a bundle that is only known by its head revision", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.write({ "large.txt": "a line of text\n".repeat(50_000), "a.txt": edited({ 1: "ann" }) });
    await world.json(["bundle", "create", "--verify", "true", "--owner", "ann"]);
    await world.submit("bob", { "a.txt": edited({ 10: "bob" }) });
    expect(outcomes(await merge(world, "--branch", "merged"))).toEqual({ ann: "accepted", bob: "accepted" });
    expect(await world.git(["show", "merged:a.txt"])).toBe(edited({ 1: "ann", 10: "bob" }));
    expect(await world.git(["for-each-ref", "refs/agentd"])).toBe("");
  });

  test("lets go of what was kept for a bundle that never came, but not while it may be on its way", async () => {
    await using world = await bundleWorld(daemon, files);
    const main = (await world.git(["rev-parse", "main"])).trim();
    const [old, young] = ["refs/agentd/bundles/old", "refs/agentd/bundles/young"];
    for (const ref of [old, young]) await world.git(["update-ref", ref, main]);
    const longAgo = Date.now() / 1000 - 7_200;
    await utimes(join(world.top, ".git", old), longAgo, longAgo);
    await merge(world, "--dry-run");
    expect(await world.git(["for-each-ref", "--format=%(refname)", "refs/agentd"])).toBe(`${old}\n${young}\n`);
    await merge(world);
    expect(await world.git(["for-each-ref", "--format=%(refname)", "refs/agentd"])).toBe(`${young}\n`);
  });

  test("makes the same branch of the same bundles, and has nothing to do a second time", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    const first = await merge(world, "--dry-run");
    const second = await merge(world);
    expect(second).toMatchObject({ revision: first.revision, branch: `agentd/merge-${first.revision.slice(0, 12)}` });
    expect(await merge(world)).toMatchObject({ bundles: [], branch: null });
  });

  test("reports locks that are still held, as text and as Markdown", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.submit("ann", { "a.txt": edited({ 1: "ann" }) }, { diff_summary: "a | <b>" });
    await world.json(["lock", "acquire", "file:a.txt", "--owner", "ann"]);
    const { out } = await world.agentd(["bundle", "merge", "--onto", "main", "--dry-run"]);
    expect(out).toStartWith("1 of 1 bundles would be merged onto main; nothing was written or recorded\n");
    expect(out).toMatch(/locks still held\n {2}file:a\.txt {2}"ann" {2}for /);
    const markdown = await world.agentd(["bundle", "merge", "--onto", "main", "--markdown", "--verify", "true"]);
    expect(markdown.out).toContain(`| ann (ann inc) | a \\| \\<b\\> | accepted |`);
    expect(markdown.out).toContain("## Locks still held\n\n| Key | Owner |\n| --- | --- |\n| `file:a.txt` | ann |\n");
  });
});

describe("where a tag has the name of a branch", () => {
  test("bundles are made from the branch, compared with it and merged onto it", async () => {
    await using world = await bundleWorld(daemon, files);
    const main = (await world.git(["rev-parse", "main"])).trim();
    await world.write({ "c.txt": edited({ 5: "old" }) });
    const old = await world.commit("old");
    await world.git(["tag", "release"]);
    await world.git(["tag", "topic"]);
    await world.git(["tag", "main"]);
    await world.git(["reset", "-q", "--hard", main]);
    await world.git(["branch", "release", main]);
    await world.git(["checkout", "-q", "-b", "topic", main]);
    await world.write({ "a.txt": edited({ 1: "new" }) });
    const topic = await world.commit("new");
    const words = ["bundle", "create", "--base", "release", "--head", "topic", "--verify", "true"];
    const created = await world.json<{ base_revision: string; head_revision: string }>(words);
    expect(created).toMatchObject({ base_revision: main, head_revision: topic });
    const assumed = await world.json<{ base_revision: string }>(["bundle", "create", "--head", "topic"]);
    expect(assumed.base_revision).toBe(main);
    const compared = await world.json<{ bundles: { stale: boolean }[] }>(["bundle", "compare", "--onto", "release"]);
    expect(compared.bundles.map(({ stale }) => stale)).toEqual([false, false]);
    const merged = await world.json<MergeReport>(["bundle", "merge", "--onto", "release", "--dry-run"]);
    expect(merged.onto).toEqual({ name: "release", revision: main });
    const tagged = await world.json<MergeReport>(["bundle", "merge", "--onto", "tags/release", "--dry-run"]);
    expect(tagged.onto.revision).toBe(old);
  });
});
