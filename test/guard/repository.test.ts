import { describe, expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { GitFailed } from "../../src/cli/git/git.ts";
import { repositoryOf } from "../../src/cli/git/repository.ts";
import { rejectionOf } from "../support/rejection.ts";
import { gitEnvironment, temporaryDirectory, temporaryRepository } from "./world.ts";

const odd = ["a b", `it's "quoted"`, "two\nlines", "größe-名-🦀", "-rf", "a\\b", "end\n"];

describe("the repository of a directory", () => {
  test("is told by its top, its common git directory and the way from the top", async () => {
    await using world = await temporaryRepository();
    const top = join(world.path, "repository");
    await mkdir(join(top, "src/parser"), { recursive: true });
    expect(await repositoryOf(top)).toEqual({ top, scope: join(top, ".git") });
    expect(await repositoryOf(join(top, "src/parser"))).toEqual({
      top,
      scope: join(top, ".git"),
    });
  });

  test("has one scope in all its work trees", async () => {
    await using world = await temporaryRepository();
    await world.git(["worktree", "add", "-q", "../linked", "-b", "other"], "repository");
    const linked = await repositoryOf(join(world.path, "linked"));
    expect(linked).toEqual({
      top: join(world.path, "linked"),
      scope: join(world.path, "repository/.git"),
    });
  });

  test("is a submodule's own, with a scope of its own", async () => {
    await using world = await temporaryRepository();
    await world.git(["clone", "-q", "repository", "library"]);
    await world.git(["submodule", "--quiet", "add", "../library", "vendor/library"], "repository");
    const top = join(world.path, "repository");
    expect(await repositoryOf(join(top, "vendor/library"))).toEqual({
      top: join(top, "vendor/library"),
      scope: join(top, ".git/modules/vendor/library"),
    });
  });

  test("is found through a symbolic link, by its real paths", async () => {
    await using world = await temporaryRepository();
    await mkdir(join(world.path, "repository/src"));
    await symlink(join(world.path, "repository/src"), join(world.path, "link"));
    expect(await repositoryOf(join(world.path, "link"))).toEqual({
      top: join(world.path, "repository"),
      scope: join(world.path, "repository/.git"),
    });
  });

  test.each(odd)("may be called %j", async (name) => {
    await using world = await temporaryDirectory();
    const top = join(world.path, name);
    await mkdir(join(top, name), { recursive: true });
    await world.git(["init", "-q"], name);
    expect(await repositoryOf(join(top, name))).toEqual({ top, scope: join(top, ".git") });
  });

  test("is not the one the environment names", async () => {
    await using world = await temporaryRepository();
    await world.git(["init", "-q", "other"]);
    const named = { GIT_DIR: join(world.path, "other/.git"), GIT_WORK_TREE: join(world.path, "other") };
    const child = Bun.spawn(
      [
        process.execPath,
        "-e",
        `import { repositoryOf } from ${JSON.stringify(join(import.meta.dir, "../../src/cli/git/repository.ts"))};
        console.log((await repositoryOf(process.argv[1]))?.top);`,
        join(world.path, "repository"),
      ],
      { env: { ...gitEnvironment, ...named } },
    );
    expect(await child.stdout.text()).toBe(`${join(world.path, "repository")}\n`);
  });

  test("is none outside of a work tree", async () => {
    await using world = await temporaryRepository();
    await world.git(["init", "-q", "--bare", "bare.git"]);
    for (const path of [".", "bare.git", "repository/.git", "missing", "repository/first.txt/below"]) {
      expect([path, await repositoryOf(join(world.path, path))]).toEqual([path, null]);
    }
  });

  test("is none without git", async () => {
    await using world = await temporaryRepository();
    // Bun looks for the program in the child's own PATH.
    expect(await repositoryOf(join(world.path, "repository"), { PATH: join(world.path, "nothing") })).toBeNull();
  });

  test("that git will not read is no absent one", async () => {
    await using world = await temporaryRepository();
    await world.write("repository/.git/config", "[core\n");
    const refused = await rejectionOf(repositoryOf(join(world.path, "repository")));
    expect(refused).toBeInstanceOf(GitFailed);
    expect(refused.message).toContain("bad config line 1");
  });
});
