import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Comparison } from "../../src/cli/bundle/comparison.ts";
import type { MergeReport } from "../../src/cli/bundle/merge/report.ts";
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

const decided = async (bundle_id: string) => (await daemon.client.call("GetPatchBundle", { bundle_id })).bundle;

async function onto(world: World, branch: string, ...words: string[]): Promise<{ exit: number; report: MergeReport }> {
  const { exit, out, err } = await world.agentd(["bundle", "merge", "--onto", branch, "--json", ...words]);
  if (out === "") throw new Error(err);
  return { exit, report: JSON.parse(out) as MergeReport };
}

describe("what was left open for people", () => {
  /** P is merged into `merged`, and Q is left open, since it assumes the contrary. */
  async function leftOpen() {
    const world = await bundleWorld(daemon, files);
    const sure = { confidence: "high" as const, assumptions: ["api=1"] };
    const p = await world.submit("p", { "a.txt": edited({ 1: "p" }) }, sure);
    const q = await world.submit("q", { "b.txt": edited({ 1: "q" }) }, { assumptions: ["api=2"] });
    const { report } = await tryMerge(world, "--branch", "merged");
    expect(outcomes(report)).toEqual({ p: "accepted", q: "left" });
    return { world, p, q };
  }

  test("is left open again by the next merge onto that branch, and by the one after a squash", async () => {
    const { world, p, q } = await leftOpen();
    await using _world = world;
    await world.git(["checkout", "-q", "-b", "squashed", "main"]);
    await world.git(["merge", "-q", "--squash", "merged"]);
    await world.git(["commit", "-q", "-m", `squashed\n\n* one\n\n  Agentd-Bundle: ${p}\n\nmore`]);
    for (const branch of ["merged", "squashed"]) {
      const { exit, report } = await onto(world, branch);
      expect(exit).toBe(1);
      expect(of(report, "q")).toMatchObject({ outcome: "left", against: [p] });
      expect(of(report, "q").reason).toContain("decide on it, or merge it with --override REASON");
      const compared = await world.json<Comparison>(["bundle", "compare", "--onto", branch]);
      expect(compared.bundles[0]).toMatchObject({ recommendation: "choose", contradictions: [{ bundle_id: p }] });
    }
    expect((await decided(q)).status).toBe("SUBMITTED");
  });

  test("goes in with a reason that somebody gives for it by name", async () => {
    const { world, q } = await leftOpen();
    await using _world = world;
    const nameless = await world.agentd(["bundle", "merge", "--onto", "merged", "--override", "looked"]);
    expect(nameless).toMatchObject({ exit: 2, err: expect.stringContaining("name each BUNDLE") as string });
    const { report } = await onto(world, "merged", q, "--override", "api 2 is what is served now");
    expect(outcomes(report)).toEqual({ q: "accepted" });
    expect((await decided(q)).decision?.reason).toContain("chosen all the same: api 2 is what is served now");
  });

  test("is no longer in question once its author started from there", async () => {
    const { world, q } = await leftOpen();
    await using _world = world;
    await daemon.client.call("DecidePatchBundle", { bundle_id: q, decision: "rejected", reason: "x", decided_by: "x" });
    const base_revision = (await world.git(["rev-parse", "merged"])).trim();
    await world.submit("q2", { "b.txt": edited({ 1: "q" }) }, { assumptions: ["api=2"], base_revision });
    const { report } = await onto(world, "merged", "--branch", "next");
    expect(outcomes(report)).toEqual({ q2: "accepted" });
  });

  test("a bundle that the target changed under names who did", async () => {
    await using world = await bundleWorld(daemon, files);
    const p = await world.submit("p", { "a.txt": edited({ 1: "p" }) }, { confidence: "high" });
    await tryMerge(world, "--branch", "merged");
    await world.submit("q", { "a.txt": edited({ 1: "q" }) });
    const { report } = await onto(world, "merged");
    expect(of(report, "q")).toMatchObject({ outcome: "rejected", against: [p] });
    expect(of(report, "q").reason).toContain(`(${p} was merged there)`);
  });
});

describe("a stack", () => {
  const s1 = edited({ 1: "s1" });
  const s2 = edited({ 1: "s1", 9: "s2" });

  /** S1 is handed in as it stands in the work tree or as a commit, and S2 as what is built on it. */
  async function stacked(how: "committed" | "not committed") {
    const world = await bundleWorld(daemon, files);
    const create = async (owner: string, ...words: string[]) => {
      const more = ["--owner", owner, "--verify", "true", "--base", "main", ...words];
      return (await world.json<{ bundle_id: string }>(["bundle", "create", ...more])).bundle_id;
    };
    await world.git(["checkout", "-q", "-b", "s1"]);
    await world.write({ "a.txt": s1 });
    if (how === "committed") await world.commit("s1");
    const first = await create("one");
    await world.git(["checkout", "-q", "-b", "s2"]);
    // Of lines that are changed once more only the history tells whose they were.
    await world.write({ "a.txt": how === "committed" ? edited({ 1: "s1 and s2" }) : s2 });
    if (how === "committed") await world.commit("s2");
    return { world, first, create };
  }

  test.each(["committed", "not committed"] as const)("%s says what it contains", async (how) => {
    const { world, first, create } = await stacked(how);
    await using _world = world;
    const second = await create("two", "--confidence", "high");
    const { pairs, bundles, merge_order: order } = await world.json<Comparison>(["bundle", "compare"]);
    expect(pairs).toMatchObject([{ container: second }]);
    expect(bundles.map(({ contains }) => contains)).toEqual([[], [{ bundle_id: first, rejected: false }]]);
    expect(order).toEqual([first, second]);
  });

  test.each(["committed", "not committed"] as const)(
    "%s does not bring in what was rejected, unless somebody says so",
    async (how) => {
      const { world, first, create } = await stacked(how);
      await using _world = world;
      const reject = { decision: "rejected", reason: "unsafe", decided_by: "ann" } as const;
      const second = await create("two");
      await daemon.client.call("DecidePatchBundle", { bundle_id: first, ...reject });
      const compared = await world.json<Comparison>(["bundle", "compare", "--onto", "main"]);
      expect(compared.bundles[0]).toMatchObject({
        recommendation: "choose",
        contains: [{ bundle_id: first, rejected: true }],
      });
      const { exit, report } = await tryMerge(world, "--branch", "merged");
      expect(exit).toBe(1);
      expect(of(report, "two")).toMatchObject({ outcome: "left", against: [first] });
      expect(of(report, "two").reason).toContain(`it contains ${first}, which was rejected`);
      const { report: forced } = await tryMerge(world, second, "--override", "it is safe here", "--branch", "merged");
      expect(outcomes(forced)).toEqual({ two: "accepted" });
    },
  );

  test("is judged from its bottom, and stops where that is rejected in the same merge", async () => {
    const { world, first, create } = await stacked("not committed");
    await using _world = world;
    await create("two", "--confidence", "high");
    const { report } = await tryMerge(world, "--branch", "merged", "--verify", "! grep -q s1 a.txt");
    expect(outcomes(report)).toEqual({ one: "rejected", two: "left" });
    expect(of(report, "two").against).toEqual([first]);
  });

  test("of what its own author mends after a rejection is no stack", async () => {
    const { world, first, create } = await stacked("not committed");
    await using _world = world;
    const reject = { decision: "rejected", reason: "half of it", decided_by: "ann" } as const;
    await daemon.client.call("DecidePatchBundle", { bundle_id: first, ...reject });
    await create("one");
    const { report } = await tryMerge(world, "--branch", "merged");
    expect(outcomes(report)).toEqual({ one: "accepted" });
  });

  test("tells its author at once what it was built on", async () => {
    const { world, first } = await stacked("committed");
    await using _world = world;
    const reject = { decision: "rejected", reason: "unsafe", decided_by: "ann" } as const;
    await daemon.client.call("DecidePatchBundle", { bundle_id: first, ...reject });
    const ran = await world.agentd(["bundle", "create", "--base", "main", "--owner", "two", "--verify", "true"]);
    expect(ran.exit).toBe(0);
    expect(ran.out).toMatch(
      new RegExp(`it contains ${first} of .*, which is REJECTED: a merge leaves this one open for that`),
    );
  });
});
