import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { rejectionOf } from "../support/rejection.ts";
import { merge, outcomes } from "./merges.ts";
import { bundleWorld, edited, tenLines, type World } from "./world.ts";
import { checkGitVersion } from "../../src/cli/bundle/repository.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

describe("git", () => {
  test.each(["git version 2.38.0", "git version 2.39.5 (Apple Git-154)", "git version 3.0.0.rc1"])(
    "%s will do",
    async (text) => {
      await checkGitVersion(text);
    },
  );

  test.each(["git version 2.37.9", "git version 1.99.0", "what?"])("%s will not, and it is said why", async (text) => {
    const refused = await rejectionOf(checkGitVersion(text));
    expect(refused.message).toBe(`${text} cannot merge without a work tree: patch bundles need git 2.38 or newer`);
  });
});

const create = (world: World, cwd: string, owner: string, ...words: string[]) =>
  world.json<{ touched_paths: string[] }>(["bundle", "create", "--owner", owner, "--verify", "true", ...words], {
    cwd,
  });

describe("bundles are made and merged in a repository", () => {
  /** A clone beside the world's repository, with a change of its own at its `main`. */
  async function changedClone(world: World, name: string, ...options: string[]): Promise<string> {
    const cwd = join(world.top, "..", name);
    await world.git(["clone", "-q", ...options, `file://${world.top}`, cwd]);
    await world.write({ "a.txt": edited({ 1: name }) }, cwd);
    return cwd;
  }

  async function mergesIn(world: World, cwd: string): Promise<void> {
    expect((await create(world, cwd, "ann")).touched_paths).toEqual(["a.txt"]);
    const inClone: World = { ...world, json: (args, options) => world.json(args, { cwd, ...options }) };
    expect(outcomes(await merge(inClone, "--branch", "merged"))).toEqual({ ann: "accepted" });
    expect(await world.git(["diff", "--stat", "HEAD", "merged"], cwd)).toContain("1 file changed, 1 insertion(+)");
    await world.git(["fsck", "--strict", "--no-dangling"], cwd);
  }

  test("that is shallow", async () => {
    await using world = await bundleWorld(daemon, { "a.txt": tenLines });
    await world.write({ "b.txt": "b" });
    await world.commit("second");
    await mergesIn(world, await changedClone(world, "shallow", "--depth=1"));
  });

  test("that borrows objects of another, which borrows itself by a relative path", async () => {
    await using world = await bundleWorld(daemon, { "a.txt": tenLines });
    const cwd = await changedClone(world, "borrowing", "--shared");
    await Bun.write(join(cwd, ".git/objects/info/alternates"), "../../../repository/.git/objects\n");
    await mergesIn(world, cwd);
  });

  test("whose objects have ids of SHA-256", async () => {
    await using world = await bundleWorld(daemon, { x: "x" });
    const cwd = join(world.top, "..", "sha256");
    await world.git(["init", "-q", "-b", "main", "--object-format=sha256", cwd]);
    await world.write({ "a.txt": tenLines }, cwd);
    await world.commit("base", cwd);
    await world.write({ "a.txt": edited({ 1: "changed" }) }, cwd);
    await mergesIn(world, cwd);
  });

  test("with a sparse checkout and a split index", async () => {
    await using world = await bundleWorld(daemon, { "a.txt": tenLines, "in/x": "x", "out/y": "y" });
    await world.git(["sparse-checkout", "set", "--cone", "--sparse-index", "in"]);
    await world.write({ "a.txt": edited({ 1: "sparse" }) });
    await mergesIn(world, world.top);
    await world.git(["sparse-checkout", "disable"]);
    await world.git(["update-index", "--split-index"]);
    expect((await create(world, world.top, "bob")).touched_paths).toEqual(["a.txt"]);
  });

  test("from a linked work tree and a directory below, whose files are those of that work tree", async () => {
    await using world = await bundleWorld(daemon, { "a.txt": tenLines, "src/b.txt": tenLines });
    const linked = join(world.top, "..", "linked");
    await world.git(["worktree", "add", "-q", "-b", "topic", linked]);
    await world.write({ "src/b.txt": edited({ 1: "linked" }) }, linked);
    expect((await create(world, join(linked, "src"), "ann")).touched_paths).toEqual(["src/b.txt"]);
    expect(outcomes(await merge(world, "--branch", "merged"))).toEqual({ ann: "accepted" });
  });

  test("with line ends that git converts", async () => {
    await using world = await bundleWorld(daemon, { ".gitattributes": "*.txt text eol=crlf\n", "a.txt": tenLines });
    await world.git(["rm", "-q", "--cached", "a.txt"]);
    await world.git(["reset", "-q", "--hard"]);
    expect(await Bun.file(join(world.top, "a.txt")).text()).toContain("\r\n");
    await world.write({ "a.txt": edited({ 1: "changed" }).replaceAll("\n", "\r\n") });
    await create(world, world.top, "ann");
    const command = "grep -c $(printf '\\r') a.txt";
    const ran = await world.agentd(["bundle", "merge", "--onto", "main", "--branch", "merged", "--verify", command]);
    expect(ran.out).toContain("1 of 1 bundles merged");
    expect(await world.git(["show", "merged:a.txt"])).toBe(edited({ 1: "changed" }));
    expect(await readdir(world.temporary)).toEqual([]);
  });
});
