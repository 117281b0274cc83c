import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Result } from "../../src/protocol/methods.ts";
import { program, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { bundleWorld, edited, tenLines, type World } from "./world.ts";

type Created = Result<"SubmitPatchBundle"> & {
  base_revision: string;
  head_revision: string | null;
  touched_paths: string[];
};
type Whole = Result<"GetPatchBundle">["bundle"];

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const files = { "a.txt": tenLines, "gone.txt": "gone\n", "old.txt": tenLines, ".gitignore": "*.log\n" };
const create = (world: World, ...words: string[]) => world.json<Created>(["bundle", "create", ...words]);
const whole = async (bundle_id: string): Promise<Whole> =>
  (await daemon.client.call("GetPatchBundle", { bundle_id })).bundle;

describe("what a work tree changes", () => {
  test("is taken staged, unstaged and new, without what is ignored, and neither index nor files change", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.write({ "a.txt": edited({ 1: "staged" }) });
    await world.git(["add", "a.txt"]);
    const odd = ["sp ace.txt", "größe.txt", 'quo"ted.txt', "tab\there.txt"];
    await world.write({ "a.txt": edited({ 1: "changed again" }), "gone.txt": null, "x.log": "ignored" });
    await world.write(Object.fromEntries(odd.map((name) => [name, "new"])));
    await world.git(["mv", "old.txt", "renamed.txt"]);
    await chmod(join(world.top, ".gitignore"), 0o755);
    const before = await world.trace();
    const index = await Bun.file(join(world.top, ".git/index")).bytes();
    const created = await create(world);
    expect(await world.trace()).toBe(before);
    expect(await Bun.file(join(world.top, ".git/index")).bytes()).toEqual(index);
    const expected = [".gitignore", "a.txt", "gone.txt", "old.txt", "renamed.txt", ...odd].toSorted();
    expect(created.touched_paths.toSorted()).toEqual(expected);
    const { diff, diff_exact: exact, touched_paths: paths } = await whole(created.bundle_id);
    expect({ exact, paths: paths.toSorted() }).toEqual({ exact: true, paths: expected });
    expect(diff).toContain("+changed again\n");
    expect(diff).toContain("rename from old.txt\nrename to renamed.txt\n");
    expect(diff).toContain("old mode 100644\nnew mode 100755\n");
  });

  test.each<[what: string, content: string | Uint8Array<ArrayBuffer>]>([
    ["CRLF", tenLines.replaceAll("\n", "\r\n")],
    ["no newline at its end", "one\ntwo"],
    ["binary content", new Uint8Array(2_000).map((_byte, i) => (i * 7) % 256)],
    ["nothing in it", ""],
  ])("comes out of its diff byte for byte: a file with %s", async (_what, content) => {
    await using world = await bundleWorld(daemon, { "kept.txt": "kept", "a.bin": new Uint8Array([0, 1, 2]) });
    await world.write({ "a.bin": content });
    const { bundle_id: id } = await create(world, "--verify", "true");
    await world.git(["checkout", "-q", "--", "."]);
    await world.json(["bundle", "merge", id, "--onto", "main", "--branch", "merged"]);
    const merged = Bun.spawnSync(["git", "show", "merged:a.bin"], { cwd: world.top }).stdout;
    const expected = await new Blob([content]).bytes();
    expect(merged.toString("latin1")).toEqual(Buffer.from(expected).toString("latin1"));
  });

  test("is one with commits that are on no main branch yet, and has a head revision if it is clean", async () => {
    await using world = await bundleWorld(daemon, files);
    const base = (await world.git(["rev-parse", "HEAD"])).trim();
    await world.git(["checkout", "-q", "-b", "topic"]);
    await world.write({ "a.txt": edited({ 1: "committed" }) });
    const head = await world.commit("A first line");
    const clean = await create(world);
    expect(clean).toMatchObject({ base_revision: base, head_revision: head, touched_paths: ["a.txt"] });
    expect((await whole(clean.bundle_id)).diff_summary).toBe(
      "A first line; 1 file changed, 1 insertion(+), 1 deletion(-)",
    );
    await world.write({ "gone.txt": null });
    expect(await create(world)).toMatchObject({ head_revision: null, touched_paths: ["a.txt", "gone.txt"] });
    expect(await create(world, "--base", "HEAD")).toMatchObject({ base_revision: head, touched_paths: ["gone.txt"] });
    expect(await create(world, "--head", "topic")).toMatchObject({ head_revision: head, touched_paths: ["a.txt"] });
  });

  test("begins at what origin has of the main branch, on the main branch", async () => {
    await using world = await bundleWorld(daemon, files);
    const base = (await world.git(["rev-parse", "HEAD"])).trim();
    await world.git(["update-ref", "refs/remotes/origin/main", base]);
    await world.git(["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    await world.write({ "a.txt": edited({ 1: "mine" }) });
    await world.commit("not pushed");
    expect(await create(world)).toMatchObject({ base_revision: base, touched_paths: ["a.txt"] });
  });

  test("leaves repositories inside it out, and says so", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.git(["init", "-q", "inner"]);
    await world.write({ "inner/x": "x" });
    await world.commit("x", join(world.top, "inner"));
    await world.write({ "a.txt": edited({ 1: "mine" }) });
    const ran = await world.agentd(["bundle", "create", "--get", "touched_paths"]);
    expect(ran).toMatchObject({ exit: 0, out: '["a.txt"]\n' });
    expect((await world.agentd(["bundle", "create"])).err).toContain(
      "left out, as they are repositories of their own: inner",
    );
  });

  test("that is too large for a request is kept by a ref, until it is decided", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.write({ "large.txt": "a line of text\n".repeat(50_000) });
    const { bundle_id: id, head_revision: head } = await create(world, "--verify", "true");
    expect(await whole(id)).toMatchObject({ diff: null, head_revision: head, touched_paths: ["large.txt"] });
    expect(await world.git(["for-each-ref", "refs/agentd"])).toBe(`${head} commit\trefs/agentd/bundles/${head}\n`);
    expect(await world.git(["show", "--stat", "--format=%p", head ?? ""])).toContain("50000 insertions(+)");
    await world.json(["bundle", "decide", id, "rejected", "--reason", "too large"]);
    expect(await world.git(["for-each-ref", "refs/agentd"])).toBe("");
  });
});

describe("a verification", () => {
  test("is recorded with its status, time and the end of its output, and the first failure ends it", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.write({ "a.txt": edited({ 1: "mine" }) });
    const long = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; echo over >&2; exit 3";
    const { bundle_id: id } = await create(
      world,
      "--verify",
      "head -n 1 a.txt",
      "--verify",
      long,
      "--verify",
      "touch never",
    );
    const { verification, verified } = await whole(id);
    expect(verified).toBe("failed");
    expect(verification).toMatchObject([
      { command: "head -n 1 a.txt", exit_code: 0, output_tail: "mine\n" },
      { command: long, exit_code: 3 },
    ]);
    expect(verification[1]?.output_tail).toHaveLength(16_384);
    expect(verification[1]?.output_tail).toEndWith("line 2999\nover\n");
  });

  test("of a commit that is not checked out is run in a temporary checkout", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.git(["checkout", "-q", "-b", "topic"]);
    await world.write({ "a.txt": edited({ 1: "topic" }) });
    await world.commit("topic");
    await world.git(["checkout", "-q", "main"]);
    const { bundle_id: id } = await create(
      world,
      "--head",
      "topic",
      "--verify",
      "head -n 1 a.txt; git status --porcelain",
    );
    expect((await whole(id)).verification).toMatchObject([{ exit_code: 0, output_tail: "topic\n" }]);
  });

  test("may take so long that the daemon is restarted meanwhile", async () => {
    await using world = await bundleWorld(daemon, files);
    await using own = await startDaemon();
    await world.write({ "a.txt": edited({ 1: "mine" }) });
    const restart = `AGENTD_HOME='${own.path}' ${program.map((word) => `'${word}'`).join(" ")} restart`;
    const ran = await own.agentd(["bundle", "create", "--verify", restart], { cwd: world.top });
    expect(ran).toMatchObject({ exit: 0, out: expect.stringContaining("passed: AGENTD_HOME=") as string });
  });

  test("that takes too long is ended, and failed", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.write({ "a.txt": edited({ 1: "mine" }) });
    const { bundle_id: id } = await create(world, "--verify", "sleep 600", "--timeout", "1s");
    expect((await whole(id)).verification).toMatchObject([{ exit_code: 124, output_tail: "\nended after 1 s" }]);
  });

  test("that changes files is told of, and does not change what is submitted", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.write({ "a.txt": edited({ 1: "mine" }) });
    const ran = await world.agentd(["bundle", "create", "--verify", "echo more >> gone.txt"]);
    expect(ran.err).toContain("the verification changed files here");
    expect(ran.out).toContain("1 file changed");
  });
});

describe("a bundle", () => {
  test("says at once which open ones it meets", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    await world.write({ "a.txt": edited({ 1: "bob" }) });
    const { out } = await world.agentd(["bundle", "create", "--owner", "bob", "--provider", "x"]);
    expect(out).toMatch(/it meets an open bundle:\n {2}overlapping {2}[0-9a-f-]{36} {2}"ann" \(ann inc\) {2}a\.txt\n/);
  });

  test("carries what its author says of it, and takes the place of an earlier one", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.write({ "a.txt": edited({ 1: "mine" }) });
    const author = ["--owner", "codex-1", "--provider", "codex"];
    const first = await create(world, ...author);
    const said = ["--assume", "x=1", "--assume", "not y", "--confidence", "high", "--summary", "s", "--intent", "i"];
    const second = await create(world, ...author, ...said, "--supersedes", first.bundle_id.slice(0, 13));
    expect(await whole(second.bundle_id)).toMatchObject({
      owner: "codex-1",
      provider: "codex",
      assumptions: ["x=1", "not y"],
      confidence: "high",
      diff_summary: "s",
      intent: "i",
      supersedes: first.bundle_id,
    });
    expect((await whole(first.bundle_id)).status).toBe("SUPERSEDED");
  });

  test("inside `agentd run` is of the node and its worker, by the environment", async () => {
    await using world = await bundleWorld(daemon, files);
    const { task_id } = await daemon.client.call("RegisterTask", { goal: "g", initial_nodes: [{ name: "n" }] });
    type Node = { node_id: string; lease_id: string };
    const node = await daemon.json<Node>("node", "acquire", task_id, "--owner", "codex:7");
    const { node_id, lease_id } = node;
    const env = {
      AGENTD_TASK_ID: task_id,
      AGENTD_NODE_ID: node_id,
      AGENTD_LEASE_ID: lease_id,
      AGENTD_OWNER: "codex:7",
    };
    await world.write({ "a.txt": edited({ 1: "mine" }) });
    const { bundle_id: id } = await world.json<Created>(["bundle", "create"], { env });
    expect(await whole(id)).toMatchObject({ task_id, node_id, owner: "codex:7", provider: "codex" });
    await daemon.client.call("ReleaseNode", { task_id, node_id, lease_id });
    expect(await world.agentd(["bundle", "create"], { env })).toMatchObject({ exit: 1 });
  });
});

describe("agentd bundle create refuses", () => {
  test.each<[what: string, prepare: (world: World) => Promise<unknown>, words: string[], exit: number, why: string]>([
    ["nothing", async () => {}, [], 2, "nothing to submit"],
    ["a base that is none", async () => {}, ["--base", "--all"], 2, "--base needs a value"],
    ["a base nobody knows", async () => {}, ["--base=nowhere"], 2, '--base is "nowhere", which is not a commit here'],
    [
      "an option in a base's place",
      async () => {},
      ["--base=--all"],
      2,
      '--base is "--all", which is not a commit here',
    ],
    ["a node without its task", async () => {}, ["--node", "n"], 2, "--node needs --task"],
    [
      "a symbolic link",
      (world) => symlink("a.txt", join(world.top, "link")),
      [],
      2,
      "link is or was a symbolic link or a submodule, and no patch bundle may change one",
    ],
    [
      "a work tree in mid-merge",
      async (world) => {
        await world.git(["checkout", "-q", "-b", "one"]);
        await world.write({ "a.txt": edited({ 1: "one" }) });
        await world.commit("one");
        await world.git(["checkout", "-q", "main"]);
        await world.write({ "a.txt": edited({ 1: "two" }) });
        await world.commit("two");
        await world.git(["merge", "one"]).catch(() => {});
      },
      [],
      2,
      "the work tree is in the middle of a merge",
    ],
    [
      "a changed file that goes through a filter",
      async (world) => {
        await world.git(["config", "filter.lfs.clean", "false"]);
        await world.write({ ".gitattributes": "*.txt filter=lfs\n", "a.txt": edited({ 1: "mine" }) });
      },
      [],
      2,
      "a filter of this repository's reads a.txt",
    ],
  ])("%s", async (_what, prepare, words, exit, why) => {
    await using world = await bundleWorld(daemon, files);
    await prepare(world);
    const before = await world.trace();
    const ran = await world.agentd(["bundle", "create", ...words]);
    expect(ran).toMatchObject({ exit, out: "" });
    expect(ran.err).toContain(why);
    expect(await world.trace()).toBe(before);
  });

  test("a directory that is in no work tree", async () => {
    await using world = await bundleWorld(daemon, files);
    await mkdir(join(world.temporary, "outside"));
    const ran = await world.agentd(["bundle", "create"], { cwd: join(world.temporary, "outside") });
    expect(ran).toMatchObject({ exit: 2, err: expect.stringContaining("is not in a git work tree") as string });
  });
});
