import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { type Directory, temporaryRepository } from "../guard/world.ts";
import { type RunOptions, startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
let world: Directory;
let outside: string;
/** It has a second work tree in `other`, and `src` by another name. */
let repository: string;

beforeAll(async () => {
  daemon = await startDaemon();
  world = await temporaryRepository();
  outside = world.path;
  await world.git(["clone", "-q", "repository", "widgets"]);
  repository = join(outside, "widgets");
  await world.write("widgets/src/lib.rs", "");
  await symlink("src", join(repository, "link"));
  await world.git(["add", "--all"], "widgets");
  await world.git(["commit", "-q", "-m", "more"], "widgets");
  await world.git(["worktree", "add", "-q", "../other"], "widgets");
});
afterEach(async () => {
  for (const lease_id of new Set((await listed()).map((lock) => lock.lease_id))) {
    await daemon.client.call("ReleaseResourceLock", { lease_id });
  }
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const agentd = (args: readonly string[], options: RunOptions = {}) => daemon.agentd(args, { cwd: outside, ...options });
const listed = async () => (await daemon.client.call("ListResourceLocks", {})).locks;

/** Runs a command that must succeed, and gives what it tells programs. */
async function json<Shape>(args: readonly string[], options: RunOptions = {}): Promise<Shape> {
  const ran = await agentd([...args, "--json"], options);
  expect(ran).toMatchObject({ exit: 0, err: "" });
  return JSON.parse(ran.out) as Shape;
}

/** What a directory calls it, in which `real/f` and `link/f` are one file. */
const spellings: [cwd: string, word: string][] = [
  ["widgets", "src/lib.rs"],
  ["widgets", "file:src/lib.rs"],
  ["widgets", "link/lib.rs"],
  ["widgets/src", "lib.rs"],
  ["widgets/src", "file:../src/lib.rs"],
  ["widgets/src", "glob:*.rs"],
  ["widgets", "src"],
  ["widgets/src", "dir:."],
  ["other", "file:src/lib.rs"],
  [".", "widgets/src/lib.rs"],
  [".", "file:other/src/lib.rs"],
];

describe("the same words name the same thing", () => {
  test.each(spellings)("from %s %s: to acquire, check, run, release and release by force", async (cwd, word) => {
    const here = { cwd: join(outside, cwd) };
    const take = () => json(["lock", "acquire", word, "--owner", "ann"], here);
    await take();
    for (const [otherCwd, other] of spellings) {
      const { exit } = await agentd(["lock", "check", other], { cwd: join(outside, otherCwd) });
      expect([otherCwd, other, exit]).toEqual([otherCwd, other, 3]);
    }
    expect((await agentd(["lock", "acquire", word], here)).exit).toBe(3);
    expect((await agentd(["lock", "run", word, "--", "true"], here)).exit).toBe(3);
    await json(["lock", "release", word, "--owner", "ann"], here);
    expect(await listed()).toEqual([]);
    await take();
    await json(["lock", "force-release", word, "--reason", "r"], here);
    expect(await listed()).toEqual([]);
    expect(await agentd(["lock", "run", word, "--", "echo", "ran"], here)).toMatchObject({ exit: 0, out: "ran\n" });
  });

  test("outside of git a directory's lock is seen on its files", async () => {
    await json(["lock", "acquire", "dir:src", "--owner", "ann"]);
    for (const word of ["src/x", "file:src/x", "./src/x", join(outside, "src/x"), "glob:src/*"]) {
      expect([word, (await agentd(["lock", "check", word])).exit]).toEqual([word, 3]);
    }
  });

  test("keys of several repositories are taken together", async () => {
    await json(["lock", "acquire", "widgets/src/lib.rs", "plain"]);
    expect(await listed()).toMatchObject([
      { resource_key: `file:${outside}/plain`, scope: null },
      { resource_key: "file:src/lib.rs", scope: join(repository, ".git") },
    ]);
  });

  test("a key of another repository is shown with that", async () => {
    const ran = await agentd(["lock", "acquire", "../widgets/src/lib.rs"], { cwd: join(outside, "repository") });
    expect(ran.out).toStartWith(`locked file:src/lib.rs in ${repository}/.git\n`);
  });

  test("what a command shows is what it takes", async () => {
    const here = { cwd: join(repository, "src") };
    await json(["lock", "acquire", "file:../first.txt", "--owner", "ann"], here);
    const [, row = ""] = (await agentd(["lock", "list"], here)).out.split("\n");
    const [shown = ""] = row.split(" ");
    expect(shown).toBe("file:../first.txt");
    expect((await agentd(["lock", "release", shown, "--owner", "ann"], here)).exit).toBe(0);
  });

  test("a key that only overlaps with a lock revokes nothing, and who holds what is said", async () => {
    await json(["lock", "acquire", "dir:src", "--owner", "ann"]);
    const refused = await agentd(["lock", "force-release", "src/lib.rs", "--reason", "r"]);
    expect(refused).toMatchObject({ exit: 1, out: "" });
    expect(refused.err).toMatch(
      /^agentd: nobody holds file:\S+; see: agentd lock list\n\S+ is held\n {2}by "ann" dir:\S+ since/,
    );
  });

  test("with --scope keys are as they are on the wire", async () => {
    await daemon.client.call("AcquireResourceLock", { resource_key: "any text" });
    const global = ["--scope", ""];
    expect((await agentd(["lock", "check", "any text", ...global])).exit).toBe(3);
    expect((await agentd(["lock", "force-release", "any text", "--reason", "r", ...global])).exit).toBe(0);
    const refused = await agentd(["lock", "acquire", "src/lib.rs", "--scope", "s"]);
    expect(refused.exit).toBe(2);
    expect(refused.err).toContain("write file:src/lib.rs for the path, name:src/lib.rs for a name");
  });

  test("the list of here is of this repository, and that of the global scope has a word, too", async () => {
    await json(["lock", "acquire", "plain"]);
    await json(["lock", "acquire", "widgets/src/lib.rs"]);
    const locksOf = async (...of: string[]) =>
      (await json<{ locks: { scope: string | null }[] }>(["lock", "list", ...of], { cwd: repository })).locks;
    expect(await locksOf("--scope", "")).toMatchObject([{ scope: null }]);
    expect(await locksOf("--here")).toMatchObject([{ scope: join(repository, ".git") }]);
  });
});
