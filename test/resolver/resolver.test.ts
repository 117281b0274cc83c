import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { repositoryOf } from "../../src/cli/git/repository.ts";
import { Files } from "../../src/resolver/files.ts";
import { Resolver } from "../../src/resolver/resolver.ts";
import { type Directory, temporaryRepository } from "../guard/world.ts";
import { rejectionOf } from "../support/rejection.ts";

/** A repository with directories, links, a linked work tree, a submodule, a bare repository, and things beside it. */
let world: Directory;
let top: string;
const at = (path: string) => join(world.path, path);

beforeAll(async () => {
  world = await temporaryRepository();
  top = at("repository");
  await world.write("repository/src/deep/lib.rs", "");
  await world.write("repository/a:b", "");
  await world.write("repository/[id].tsx", "");
  await world.write("repository/two\nlines", "");
  await world.write("plain/notes.md", "");
  await symlink("src/deep", join(top, "short"));
  await symlink("first.txt", join(top, "alias.txt"));
  await symlink(top, at("link"));
  await symlink(world.path, join(top, "out"));
  await symlink("round", join(top, "round"));
  await symlink("missing/file", join(top, "dangling"));
  await world.git(["clone", "-q", "repository", "library"]);
  await world.git(["submodule", "--quiet", "add", "../library", "vendor/library"], "repository");
  await world.git(["add", "--all"], "repository");
  await world.git(["commit", "-q", "-m", "more"], "repository");
  await world.git(["worktree", "add", "-q", "../linked", "-b", "other"], "repository");
  await mkdir(at("project"));
  await world.git(["clone", "-q", "--bare", "repository", "project/.bare"]);
  await world.write("project/.git", "gitdir: ./.bare\n");
  await world.git(["worktree", "add", "-q", "main"], "project");
  await world.git(["init", "-q", "--separate-git-dir", at("apart.git"), "apart"]);
  await mkdir(at("empty/.git"), { recursive: true });
  await mkdir(at("broken"));
  await world.write("broken/.git", "gitdir: /not/there\n");
});
afterAll(() => world[Symbol.asyncDispose]());

async function resolved(word: string, cwd: string): Promise<string> {
  const { resource_key, scope, guardsNothing } = await new Resolver().key(word, cwd);
  if (guardsNothing !== null) return `nothing: ${guardsNothing}`;
  return `${resource_key} in ${(scope ?? "global").replace(world.path, "~")}`.replace(world.path, "~");
}

const inRepository = "in ~/repository/.git";
const inLibrary = "in ~/repository/.git/modules/vendor/library";

describe("a word stands for", () => {
  test.each<[word: string, cwd: string, expected: string]>([
    ["first.txt", "repository", `file:first.txt ${inRepository}`],
    ["file:first.txt", "repository", `file:first.txt ${inRepository}`],
    ["src", "repository", `dir:src ${inRepository}`],
    ["src/", "repository", `dir:src ${inRepository}`],
    ["new/", "repository", `dir:new ${inRepository}`],
    [".", "repository", `dir:. ${inRepository}`],
    ["dir:.", "repository/src/deep", `dir:src/deep ${inRepository}`],
    ["..", "repository/src/deep", `dir:src ${inRepository}`],
    ["lib.rs", "repository/src/deep", `file:src/deep/lib.rs ${inRepository}`],
    ["file:../../first.txt", "repository/src/deep", `file:first.txt ${inRepository}`],
    ["not/yet/there", "repository/src", `file:src/not/yet/there ${inRepository}`],
    ["not/../yet", "repository/src", `file:src/yet ${inRepository}`],
    ["glob:*.rs", "repository/src/deep", `glob:src/deep/*.rs ${inRepository}`],
    ["glob:../**/*.rs", "repository/src", `glob:**/*.rs ${inRepository}`],
    ["glob:short/{a,b}/**", "repository", `glob:src/deep/{a,b}/** ${inRepository}`],
    ["glob:lib.rs", "repository/src/deep", `glob:src/deep/lib.rs ${inRepository}`],
    ["name:deploy", "repository/src", `name:deploy ${inRepository}`],
    ["./a:b", "repository", `file:a:b ${inRepository}`],
    ["file:a:b", "repository", `file:a:b ${inRepository}`],
    ["[id].tsx", "repository", `file:[id].tsx ${inRepository}`],
    ["two\nlines", "repository", `file:two\nlines ${inRepository}`],
    ["..x", "repository", `file:..x ${inRepository}`],
    // One file by a symbolic link.
    ["short/lib.rs", "repository", `file:src/deep/lib.rs ${inRepository}`],
    ["short/../x", "repository", `file:src/x ${inRepository}`],
    ["short/not/yet", "repository", `file:src/deep/not/yet ${inRepository}`],
    ["short", "repository", `dir:src/deep ${inRepository}`],
    ["alias.txt", "repository", `file:first.txt ${inRepository}`],
    ["dangling", "repository", `file:missing/file ${inRepository}`],
    ["first.txt", "link", `file:first.txt ${inRepository}`],
    ["link/src/x", ".", `file:src/x ${inRepository}`],
    ["out/repository/src/x", "repository", `file:src/x ${inRepository}`],
    // Each path is of the repository it lies in, wherever one stands.
    ["../plain/notes.md", "repository", "file:~/plain/notes.md in global"],
    ["out/elsewhere", "repository", "file:~/elsewhere in global"],
    ["repository/first.txt", ".", `file:first.txt ${inRepository}`],
    ["repository", ".", `dir:. ${inRepository}`],
    ["first.txt", "linked", `file:first.txt ${inRepository}`],
    ["../repository/first.txt", "linked", `file:first.txt ${inRepository}`],
    ["vendor/library/first.txt", "repository", `file:first.txt ${inLibrary}`],
    ["first.txt", "repository/vendor/library", `file:first.txt ${inLibrary}`],
    ["vendor/library", "repository", `dir:. ${inLibrary}`],
    ["glob:vendor/library/*.txt", "repository", `glob:*.txt ${inLibrary}`],
    ["file:vendor/library", "repository", `file:vendor/library ${inRepository}`],
    ["x", "project/main", "file:x in ~/project/.bare"],
    ["x", "project", "file:~/project/x in global"],
    ["x", "apart", "file:x in ~/apart.git"],
    ["x", "empty", "file:~/empty/x in global"],
    // Outside of git.
    ["notes.md", "plain", "file:~/plain/notes.md in global"],
    ["dir:sub", "plain", "dir:~/plain/sub in global"],
    ["glob:*.md", "plain", "glob:~/plain/*.md in global"],
    ["name:deploy", "plain", "name:deploy in global"],
    ["file:/etc/hosts.not", "repository", "file:/etc/hosts.not in global"],
    ["dir:/", "repository", "dir:/ in global"],
    ["glob:/*/x", "repository", "glob:/*/x in global"],
  ])("%j from %s: %s", async (word, cwd, expected) => {
    expect(await resolved(word, at(cwd))).toBe(expected);
  });

  test("itself, where a directory's own name looks like a pattern", async () => {
    await mkdir(join(top, "app/[slug]"), { recursive: true });
    expect(await resolved("glob:*.tsx", join(top, "app/[slug]"))).toBe(`glob:app/\\[slug\\]/*.tsx ${inRepository}`);
  });
});

describe("what can guard nothing is refused, with what was meant", () => {
  test.each<[word: string, cwd: string, why: string]>([
    ["File:x", "repository", "its kind is written in lower case: file:x"],
    ["DIR:src", "repository", "dir:src"],
    ["file :x", "repository", "file:x"],
    ["tool:git-index", "repository", "write name:tool:git-index for a name"],
    ["", "repository", "it is empty"],
    ["file:", "repository", "nothing follows"],
    ["name:", "repository", "nothing follows"],
    ["a\0b", "repository", "NUL"],
    ["src/*.rs", "repository", "write glob:src/*.rs for a pattern"],
    ["round", "repository", "links in a row"],
    ["x", "broken", "git worktree repair"],
    ["x", "not-there", "is not there"],
    ["x", "repository/first.txt", "is not there"],
  ])("%j from %s: %s", async (word, cwd, why) => {
    const refused = await rejectionOf(new Resolver().key(word, at(cwd)));
    expect(refused.message).toContain(why);
    expect(refused.message).toStartWith(JSON.stringify(word));
  });

  test.each([
    ["file:src", "write dir:src"],
    ["file:.", "write dir:."],
    ["file:new/", "write dir:new/"],
  ])("%j: %s", async (word, why) => {
    expect(await resolved(word, top)).toContain(`nothing: it is a directory; ${why}`);
  });

  test("a directory that is not absolute is read from nowhere", async () => {
    expect((await rejectionOf(new Resolver().key("x", "src"))).message).toContain("is not absolute");
  });
});

test("an edit through a link is of the link and of what it leads to", async () => {
  const keys = async (path: string) => (await new Resolver().edited(path, top)).map((key) => key.resource_key);
  expect(await keys("alias.txt")).toEqual(["file:alias.txt", "file:first.txt"]);
  expect(await keys("short/lib.rs")).toEqual(["file:src/deep/lib.rs"]);
});

test("the scope is what git calls the common directory, wherever git finds a work tree", async () => {
  const directories = [
    "repository",
    "repository/src/deep",
    "linked",
    "repository/vendor/library",
    "link",
    "project",
    "project/main",
    "apart",
    "empty",
    "plain",
    ".",
  ];
  for (const directory of directories) {
    const said = await repositoryOf(at(directory));
    const found = await new Resolver().workTree(at(directory));
    expect([directory, found]).toEqual([directory, said === null ? null : { top: said.top, scope: said.scope }]);
  }
});

describe("finding out is bounded", () => {
  test("by the names passed over, however many keys and links there are", async () => {
    const resolver = new Resolver();
    const long = `${"src/deep/../../".repeat(300)}first.txt`;
    const many = Array.from({ length: 200 }, () => resolver.key(`file:${long}`, top));
    expect((await rejectionOf(Promise.all(many))).message).toContain("the paths of one request go over");
  });

  test("a FIFO in git's place is not waited for", async () => {
    await mkdir(at("fifo"));
    await Bun.$`mkfifo ${at("fifo/.git")}`.quiet();
    expect(await resolved("x", at("fifo"))).toBe("file:~/fifo/x in global");
    await rm(at("fifo/.git"));
  });

  test("what is read of a file ends at its bound, and a device is none", async () => {
    expect(await new Files().text(join(top, "first.txt"), 3)).toBe("fir");
    expect(await new Files().text("/dev/zero", 3)).toBeNull();
  });
});
