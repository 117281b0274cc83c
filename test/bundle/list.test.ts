import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Result } from "../../src/protocol/methods.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { runInTerminal } from "../support/terminal.ts";
import { bundleWorld, edited, tenLines, type World } from "./world.ts";

type Comparison = Result<"ComparePatchBundles">;

let daemon: TestDaemon;
let world: World;
/** Three bundles of one base: ann's and bob's meet in a line, and cy's goes with both. */
let [ann, bob, cy]: string[] = [];

beforeAll(async () => {
  daemon = await startDaemon();
  world = await bundleWorld(daemon, { "a.txt": tenLines, "b|`c.txt": "b\n" });
  ann = await world.submit("ann", { "a.txt": edited({ 1: "ann" }) });
  bob = await world.submit("bob", { "a.txt": edited({ 1: "bob" }), "b|`c.txt": "bob" });
  cy = await world.submit("cy", { "a.txt": edited({ 10: "cy" }), "new.txt": "cy" }, { assumptions: ["x=1"] });
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

const short = (id: string | undefined) => id?.slice(0, 8) ?? "";

describe("agentd bundle list", () => {
  test("shows the open ones of this repository, newest first", async () => {
    const { exit, out } = await world.agentd(["bundle", "list"]);
    expect(exit).toBe(0);
    expect(out).toMatch(
      /^BUNDLE.*\n.*"cy" \(cy inc\) .*\n.*"bob" \(bob inc\) .*\n.*"ann" \(ann inc\) .*work of ann\n$/,
    );
  });

  test("elsewhere and with another status shows others", async () => {
    await using other = await bundleWorld(daemon, { x: "x" });
    expect((await other.agentd(["bundle", "list"])).out).toContain("no open patch bundle");
    const everywhere = await other.json<{ bundles: unknown[] }>(["bundle", "list", "--everywhere"]);
    expect(everywhere.bundles).toHaveLength(3);
    expect(await world.json(["bundle", "list", "--status", "rejected"])).toEqual({ bundles: [] });
    expect(await world.json(["bundle", "list", "--owner", "ann"])).toMatchObject({ bundles: [{ bundle_id: ann }] });
  });
});

describe("agentd bundle show", () => {
  test("tells everything of a bundle, which the beginning of its id names", async () => {
    const { out } = await world.agentd(["bundle", "show", short(cy)]);
    expect(out).toContain(`${cy}  SUBMITTED  "cy" (cy inc)\n`);
    for (const fact of ["assumes     x=1", "paths       a.txt\n              new.txt", "verified    passed: true, in "])
      expect(out).toContain(fact);
  });

  test("prints its diff for git apply", async () => {
    const { out } = await world.agentd(["bundle", "show", short(ann), "--get", "diff"]);
    expect(out).toStartWith("diff --git a/a.txt b/a.txt\n");
  });

  test("refuses what is no bundle", async () => {
    const ran = await world.agentd(["bundle", "show", "ffffffff"]);
    expect(ran).toMatchObject({
      exit: 1,
      err: "agentd: no bundle id begins with ffffffff; see: agentd bundle list --everywhere --status all\n",
    });
  });
});

describe("agentd bundle compare", () => {
  test("shows who touches what, who is in whose way, and what to do", async () => {
    const { exit, out } = await world.agentd(["bundle", "compare"]);
    expect(exit).toBe(0);
    const lines = out.split("\n");
    expect(lines[0]).toMatch(/^A {2}.* {2}"ann" \(ann inc\) {2}choose {2}it overlaps with /);
    expect(lines[2]).toMatch(/^C {2}.* {2}"cy" \(cy inc\) +merge +it is verified, and nothing is in its way$/);
    expect(lines.slice(4, 8)).toEqual(["A  B  C  PATH", "✗  ✗  ~  a.txt", "·  ●  ·  b|`c.txt", "·  ·  ●  new.txt"]);
    expect(out).toContain(
      `${short(ann)} and ${short(bob)}  overlapping  a.txt: both change the same or adjacent lines`,
    );
    expect(out).toEndWith(`merge in this order: ${[ann, cy, bob].map(short).join(", ")}\n`);
  });

  test("is Markdown on request, in which no text of others' is more than text", async () => {
    const { out } = await world.agentd(["bundle", "compare", "--markdown"]);
    expect(out).toContain("| `a.txt` | overlapping | overlapping | compatible |\n");
    expect(out).toContain("| `` b\\|`c.txt `` |  | alone |  |\n");
  });

  test("finds out by itself what changed since the base", async () => {
    await using other = await bundleWorld(daemon, { "a.txt": tenLines, "b.txt": "b" });
    const met = await other.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    const unmet = await other.submit("bob", { "b.txt": "bob" });
    await other.write({ "a.txt": edited({ 10: "meanwhile" }) });
    await other.commit("meanwhile");
    const { bundles } = await other.json<Comparison>(["bundle", "compare"]);
    expect(bundles).toMatchObject([
      { bundle_id: met, stale: true, changed_since: ["a.txt"], recommendation: "rebase" },
      { bundle_id: unmet, stale: true, changed_since: [], recommendation: "merge" },
    ]);
    const before = await other.json<Comparison>(["bundle", "compare", "--onto", "main~1"]);
    expect(before.bundles.map(({ stale }) => stale)).toEqual([false, false]);
  });

  test("takes those that are named, from anywhere", async () => {
    const { bundles, pairs } = await daemon.json<Comparison>("bundle", "compare", ann ?? "", cy ?? "");
    expect(bundles.map(({ bundle_id: id }) => id)).toEqual([ann, cy].filter((id) => id !== undefined));
    expect(pairs).toMatchObject([{ relation: "compatible" }]);
  });

  test.each<[words: string[], why: string]>([
    [["--onto", "nowhere"], '--onto is "nowhere"'],
    [["ffff", "--task", "x"], "give BUNDLE or --task, not both"],
  ])("refuses %j", async (words, why) => {
    const ran = await world.agentd(["bundle", "compare", ...words]);
    expect(ran).toMatchObject({ exit: 2, err: expect.stringContaining(why) as string });
  });

  test("paints the matrix on a terminal", async () => {
    const run = runInTerminal(daemon, ["bundle", "compare", ann ?? "", bob ?? ""]);
    expect(await run.ended).toBe(0);
    expect(run.written()).toContain("\x1b[31m✗\x1b[0m");
  });
});

describe("agentd bundle decide", () => {
  test("decides once, for good, with the reason and what it was chosen over", async () => {
    await using other = await bundleWorld(daemon, { "a.txt": tenLines });
    const one = await other.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    const two = await other.submit("bob", { "a.txt": edited({ 1: "bob" }) });
    const chosen = ["accepted", "--reason", "smaller", "--alternative", short(two), "--merged", "main", "--by", "cy"];
    const decided = await other.agentd(["bundle", "decide", short(one), ...chosen]);
    expect(decided).toMatchObject({ exit: 0, out: `${one} is ACCEPTED\n` });
    const { out } = await other.agentd(["bundle", "show", one]);
    expect(out).toMatch(/decision {4}accepted by cy, .*: smaller\n {14}as commit [0-9a-f]{40}\n/);
    expect(out).toContain(`and not ${two}`);
    const again = await other.agentd(["bundle", "decide", one, "rejected", "--reason", "no"]);
    expect(again).toMatchObject({ exit: 1, err: expect.stringContaining("it is ACCEPTED") as string });
  });

  test.each<[words: string[], why: string]>([
    [["x", "merged", "--reason", "r"], "DECISION is merged, and can be accepted, rejected, superseded"],
    [["x", "accepted"], "--reason is missing"],
    [["", "accepted", "--reason", "r"], "the bundle is empty"],
  ])("refuses %j", async (words, why) => {
    const ran = await world.agentd(["bundle", "decide", ...words]);
    expect(ran).toMatchObject({ exit: 2, err: expect.stringContaining(why) as string });
  });
});
