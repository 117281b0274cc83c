import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { pushedPaths, stagedPaths } from "../../src/cli/guard/changes.ts";
import { GitFailed } from "../../src/cli/git/git.ts";
import { rejectionOf } from "../support/rejection.ts";
import { type Directory, gitEnvironment, temporaryDirectory, temporaryRepository } from "./world.ts";

const zeros = "0".repeat(40);

function staged(world: Directory, environment: Record<string, string> = {}): Promise<string[]> {
  return stagedPaths(join(world.path, "repository"), { ...gitEnvironment, ...environment });
}

describe("a commit changes", () => {
  test("what is staged: new, changed and deleted files, and both names of a renamed one", async () => {
    await using world = await temporaryRepository();
    const inside = (words: string[]) => world.git(words, "repository");
    for (const name of ["kept.txt", "changed.txt", "deleted.txt", "renamed.txt"]) {
      await world.write(`repository/${name}`, `${name}\n`.repeat(20));
    }
    await inside(["add", "--all"]);
    await inside(["commit", "-q", "-m", "second"]);
    await world.write("repository/changed.txt", "other\n");
    await world.write("repository/src/new.txt", "new\n");
    await inside(["rm", "-q", "deleted.txt"]);
    await inside(["mv", "renamed.txt", "src/moved.txt"]);
    await inside(["add", "--all"]);
    await world.write("repository/kept.txt", "not staged\n");
    await world.write("repository/untracked.txt", "not staged\n");
    const expected = ["changed.txt", "deleted.txt", "renamed.txt", "src/moved.txt", "src/new.txt"];
    expect((await staged(world)).toSorted()).toEqual(expected);

    await inside(["config", "diff.renames", "copies"]);
    await inside(["config", "diff.relative", "true"]);
    await inside(["config", "core.quotePath", "true"]);
    expect((await stagedPaths(join(world.path, "repository"), gitEnvironment)).toSorted()).toEqual(expected);
  });

  test("whatever its first commit holds", async () => {
    await using world = await temporaryDirectory();
    await world.git(["init", "-q", "repository"]);
    expect(await staged(world)).toEqual([]);
    await world.write("repository/a", "a\n");
    await world.git(["add", "--all"], "repository");
    expect(await staged(world)).toEqual(["a"]);
  });

  test("files by whatever name", async () => {
    await using world = await temporaryRepository();
    const names = ["a b", `it's "quoted"`, "two\nlines", "größe-名-🦀", "-rf", "a\\b", "tab\there", " ", ":(top)x"];
    for (const name of names) await world.write(`repository/${name}`, "x\n");
    await world.git(["add", "--all"], "repository");
    expect((await staged(world)).toSorted()).toEqual(names.toSorted());
  });

  test("a submodule that moves on, also where its changes are said to be ignored", async () => {
    await using world = await temporaryRepository();
    await world.git(["clone", "-q", "repository", "library"]);
    await world.git(["submodule", "--quiet", "add", "../library", "vendor/library"], "repository");
    await world.git(["commit", "-q", "-m", "with a library"], "repository");
    await world.git(["config", "submodule.vendor/library.ignore", "all"], "repository");
    await world.git(["commit", "-q", "--allow-empty", "-m", "next"], "repository/vendor/library");
    await world.git(["add", "--force", "vendor/library"], "repository");
    expect(await staged(world)).toEqual(["vendor/library"]);
  });

  test("what is in the index that git names", async () => {
    await using world = await temporaryRepository();
    await world.write("repository/a", "a\n");
    const index = { GIT_INDEX_FILE: join(world.path, "other index") };
    Bun.spawnSync(["git", "add", "a"], { cwd: join(world.path, "repository"), env: { ...gitEnvironment, ...index } });
    expect(await staged(world)).toEqual([]);
    expect((await staged(world, index)).toSorted()).toEqual(["a", "first.txt"]);
  });
});

describe("a push takes along", () => {
  /** A repository with a remote that has its first commit, and two commits more. */
  async function withRemote(): Promise<Directory & { ids: Record<"first" | "second" | "third", string> }> {
    const world = await temporaryRepository();
    const inside = (words: string[]) => world.git(words, "repository");
    const id = async (name: string) => (await inside(["rev-parse", name])).trim();
    await world.git(["init", "-q", "--bare", "remote.git"]);
    await inside(["remote", "add", "origin", "../remote.git"]);
    await inside(["push", "-q", "origin", "main"]);
    const first = await id("HEAD");
    for (const name of ["second", "third"]) {
      await world.write(`repository/${name}.txt`, `${name}\n`);
      await inside(["add", "--all"]);
      await inside(["commit", "-q", "-m", name]);
    }
    return { ...world, ids: { first, second: await id("HEAD~"), third: await id("HEAD") } };
  }

  function pushed(world: Directory, ...lines: string[]): Promise<string[]> {
    const input = lines.map((line) => `${line}\n`).join("");
    return pushedPaths(join(world.path, "repository"), "origin", input, gitEnvironment);
  }

  test("what its commits change and the remote lacks", async () => {
    await using world = await withRemote();
    const { first, second, third } = world.ids;
    expect(await pushed(world, `refs/heads/main ${third} refs/heads/main ${first}`)).toEqual([
      "third.txt",
      "second.txt",
    ]);
    expect(await pushed(world, `refs/heads/x ${second} refs/heads/x ${zeros}`)).toEqual(["second.txt"]);
    expect(await pushed(world, `refs/heads/main ${first} refs/heads/x ${zeros}`)).toEqual([]);
  });

  test("the same where the remote is at a commit nobody fetched", async () => {
    await using world = await withRemote();
    const unknown = "1".repeat(40);
    expect(await pushed(world, `refs/heads/main ${world.ids.third} refs/heads/main ${unknown}`)).toEqual([
      "third.txt",
      "second.txt",
    ]);
  });

  test("nothing when a branch is deleted, or nothing is pushed", async () => {
    await using world = await withRemote();
    expect(await pushed(world, `(delete) ${zeros} refs/heads/main ${world.ids.first}`)).toEqual([]);
    expect(await pushed(world)).toEqual([]);
  });

  test("what each of several branches changes, and of a merge what it alone changes", async () => {
    await using world = await withRemote();
    const inside = (words: string[]) => world.git(words, "repository");
    await inside(["checkout", "-q", "-b", "side", world.ids.first]);
    await world.write("repository/side\nfile.txt", "side\n");
    await inside(["add", "--all"]);
    await inside(["commit", "-q", "-m", "side"]);
    const side = (await inside(["rev-parse", "HEAD"])).trim();
    await inside(["checkout", "-q", "main"]);
    await inside(["merge", "-q", "--no-ff", "--no-commit", "side"]);
    await world.write("repository/merged.txt", "only here\n");
    await inside(["add", "--all"]);
    await inside(["commit", "-q", "-m", "merge"]);
    const merge = (await inside(["rev-parse", "HEAD"])).trim();
    const main = `refs/heads/main ${merge} refs/heads/main`;
    expect((await pushed(world, `${main} ${world.ids.third}`)).toSorted()).toEqual(["merged.txt", "side\nfile.txt"]);
    const both = await pushed(world, `${main} ${zeros}`, `refs/heads/side ${side} refs/heads/side ${zeros}`);
    expect(both.toSorted()).toEqual(["merged.txt", "second.txt", "side\nfile.txt", "third.txt"]);
  });

  test("to a remote without a name what no remote has", async () => {
    await using world = await withRemote();
    const line = `refs/heads/x ${world.ids.second} refs/heads/x ${zeros}\n`;
    const top = join(world.path, "repository");
    expect(await pushedPaths(top, "../elsewhere.git", line, gitEnvironment)).toEqual(["second.txt"]);
  });

  test("what the very first commit holds", async () => {
    await using world = await temporaryRepository();
    const id = (await world.git(["rev-parse", "HEAD"], "repository")).trim();
    expect(await pushed(world, `refs/heads/main ${id} refs/heads/main ${zeros}`)).toEqual(["first.txt"]);
  });

  test("what a tag names", async () => {
    await using world = await withRemote();
    await world.git(["tag", "-a", "-m", "one", "v1"], "repository");
    const tag = (await world.git(["rev-parse", "v1"], "repository")).trim();
    expect(await pushed(world, `refs/tags/v1 ${tag} refs/tags/v1 ${zeros}`)).toEqual(["third.txt", "second.txt"]);
  });

  test.each(["nonsense", "a b c d e", `refs/heads/x ${"2".repeat(40)} refs/heads/x ${zeros}`])(
    "and what it cannot tell is no empty list: %j",
    async (line) => {
      await using world = await withRemote();
      expect(await rejectionOf(pushed(world, line))).toBeInstanceOf(GitFailed);
    },
  );
});
