import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";
import { rejectionOf } from "../support/rejection.ts";
import { guarded, peerHolds } from "./guarded.ts";
import { runGit } from "./world.ts";

let daemon: TestDaemon;
beforeAll(async () => void (daemon = await startDaemon()));
afterAll(() => daemon[Symbol.asyncDispose]());

describe("a commit while a peer holds a lock", () => {
  test("is refused, and path, holder, reason and time left are named", async () => {
    await using world = await guarded(daemon);
    await peerHolds(daemon, world.scope, ["dir:src"]);
    await world.write("repository/src/lib.rs", "x\n");
    await world.write("repository/free.txt", "x\n");
    const refused = await world.commit();
    expect(refused.exit).toBe(1);
    expect(refused.err).toMatch(
      /^agentd: the commit is refused: others hold files that it changes\n {2}src\/lib\.rs\n {4}held by "codex-1" \(codex\) as dir:src since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, for (10m|9m \d+s) more unless renewed: "rename the lexer"\nnext: wait until it is released/,
    );
    expect(refused.err).not.toContain("free.txt");
    expect(refused.err).not.toContain("AGENTD_GUARD");
    expect(await world.git(["log", "--format=%s"], "repository")).toBe("first\n");
  });

  test("passes when it touches nothing of the peer's, and once the peer gave it back", async () => {
    await using world = await guarded(daemon);
    const lease_id = await peerHolds(daemon, world.scope, ["file:src/lib.rs"]);
    await world.write("repository/src/main.rs", "x\n");
    expect(await world.commit()).toMatchObject({ exit: 0, err: "" });
    await world.write("repository/src/lib.rs", "x\n");
    expect(await world.commit()).toMatchObject({ exit: 1 });
    await daemon.client.call("ReleaseResourceLock", { lease_id });
    expect(await world.commit()).toMatchObject({ exit: 0, err: "" });
  });

  test("is refused for a lock of the global scope, too, where its absolute path is the file's", async () => {
    await using world = await guarded(daemon);
    const resource_key = `file:${world.top}/first.txt`;
    await daemon.client.call("AcquireResourceLock", { resource_key, owner: "original" });
    await world.write("repository/first.txt", "changed\n");
    expect((await world.commit()).err).toContain('held by "original" as file:/');
  });

  test("is refused for a shared lock, too: who reads it counts on it", async () => {
    await using world = await guarded(daemon);
    const locks = [{ resource_key: "file:first.txt", mode: "shared" as const }];
    await daemon.client.call("AcquireResourceLocks", { locks, owner: "reader", scope: world.scope });
    await world.write("repository/first.txt", "changed\n");
    expect((await world.commit()).err).toContain('held by "reader" (shared) since');
  });

  test.each([
    ["a deleted file", (top: string) => rename(join(top, "first.txt"), join(top, "../gone"))],
    ["the old name of a renamed one", (top: string) => rename(join(top, "first.txt"), join(top, "second.txt"))],
  ])("is refused for %s", async (_name, change) => {
    await using world = await guarded(daemon);
    await peerHolds(daemon, world.scope, ["file:first.txt"]);
    await change(world.top);
    expect((await world.commit()).err).toContain("  first.txt\n");
  });

  test("is refused for the new name of a renamed file", async () => {
    await using world = await guarded(daemon);
    await peerHolds(daemon, world.scope, ["file:second.txt"]);
    await rename(join(world.top, "first.txt"), join(world.top, "second.txt"));
    expect((await world.commit()).err).toContain("  second.txt\n");
  });

  test.each([
    ["a b", "a b"],
    [`it's "quoted"`, String.raw`"it's \"quoted\""`],
    ["two\nlines", String.raw`"two\nlines"`],
    ["größe-名-🦀", "größe-名-🦀"],
    ["-rf", "-rf"],
    ["*", "*"],
  ])("is refused for a file called %j", async (name, shown) => {
    await using world = await guarded(daemon);
    await peerHolds(daemon, world.scope, [`file:deep/${name}`]);
    await world.write(`repository/deep/${name}`, "x\n");
    const { exit, err } = await world.commit();
    expect(exit).toBe(1);
    expect(err).toContain(`  ${shown.replace(/^"?/, (quote) => `${quote}deep/`)}\n`);
    await world.git(["mv", "--", `deep/${name}`, "free"], "repository");
    expect(await world.commit()).toMatchObject({ exit: 0 });
  });

  test("is refused in another work tree, and one started below its top", async () => {
    await using world = await guarded(daemon);
    await peerHolds(daemon, world.scope, ["file:src/lib.rs"]);
    await world.git(["worktree", "add", "-q", "../linked", "-b", "other"], "repository");
    await world.write("linked/src/lib.rs", "x\n");
    expect((await world.commit({}, "linked/src")).err).toContain("  src/lib.rs\n");
    await world.write("repository/src/lib.rs", "x\n");
    expect((await world.commit({}, "repository/src")).err).toContain("  src/lib.rs\n");
  });

  test("of chosen files looks at these only", async () => {
    await using world = await guarded(daemon);
    await peerHolds(daemon, world.scope, ["file:first.txt"]);
    await world.write("repository/first.txt", "changed\n");
    await world.write("repository/free.txt", "x\n");
    await world.git(["add", "--all"], "repository");
    const env = { AGENTD_HOME: daemon.path };
    expect(await runGit(world.top, ["commit", "-q", "-m", "one", "free.txt"], env)).toMatchObject({ exit: 0 });
    expect(await runGit(world.top, ["commit", "-q", "-m", "all", "-a"], env)).toMatchObject({ exit: 1 });
  });

  test("in a submodule is another repository's", async () => {
    await using world = await guarded(daemon);
    await world.git(["clone", "-q", "repository", "library"]);
    await world.git(["submodule", "--quiet", "add", "../library", "vendor/library"], "repository");
    expect(await world.commit()).toMatchObject({ exit: 0 });
    const inside = join(world.top, "vendor/library");
    expect(await daemon.agentd(["guard", "install"], { cwd: inside })).toMatchObject({ exit: 0 });
    await peerHolds(daemon, world.scope, ["file:first.txt"]);
    await world.write("repository/vendor/library/first.txt", "changed\n");
    expect(await world.commit({}, "repository/vendor/library")).toMatchObject({ exit: 0 });
    await peerHolds(daemon, join(world.scope, "modules/vendor/library"), ["file:first.txt"]);
    await world.write("repository/vendor/library/first.txt", "again\n");
    expect(await world.commit({}, "repository/vendor/library")).toMatchObject({ exit: 1 });
    await peerHolds(daemon, world.scope, ["dir:vendor"]);
    expect((await world.commit()).err).toContain("  vendor/library\n");
  });

  test("of more paths than one request takes looks at all, and names the first of many", async () => {
    await using world = await guarded(daemon);
    const names = Array.from({ length: 600 }, (_, index) => `many/${String(index).padStart(3, "0")}.txt`);
    for (const name of names) await world.write(`repository/${name}`, "x\n");
    const lease_id = await peerHolds(daemon, world.scope, ["file:many/599.txt"]);
    expect((await world.commit()).err).toContain("  many/599.txt\n");
    await daemon.client.call("ReleaseResourceLock", { lease_id });
    await peerHolds(daemon, world.scope, ["dir:many"]);
    const { err } = await world.commit();
    expect(err).toContain("  many/019.txt\n");
    expect(err).toContain("\n  and 580 more paths\n");
  });

  test("of many paths among many globs is looked at in as many steps as it takes", async () => {
    await using world = await guarded(daemon);
    const keys = Array.from({ length: 256 }, (_, index) => `glob:**/*.x${index}`);
    await peerHolds(daemon, world.scope, keys);
    for (let index = 0; index < 250; index++) await world.write(`repository/many/${index}.txt`, "x\n");
    const paths = Array.from({ length: 250 }, (_, index) => `many/${index}.txt`);
    const atOnce = await rejectionOf(daemon.client.call("CheckResourceLocks", { paths, scope: world.scope }));
    expect(atOnce.message).toContain("would take more than");
    expect(await world.commit()).toMatchObject({ exit: 0, err: "" });
    await world.write("repository/many/250.x77", "x\n");
    expect((await world.commit()).err).toContain(
      '  many/250.x77\n    held by "codex-1" (codex) as glob:**/*.x77 since',
    );
  });

  test("through a linked directory is found by its real path", async () => {
    await using world = await guarded(daemon);
    await mkdir(join(world.top, "src"));
    await symlink("src", join(world.top, "short"));
    await peerHolds(daemon, world.scope, ["file:src/lib.rs"]);
    await world.write("repository/short/lib.rs", "x\n");
    expect((await world.commit()).err).toContain("  src/lib.rs\n");
  });
});

describe("other ways into the history", () => {
  test("a merge that makes its own commit is checked by pre-merge-commit", async () => {
    await using world = await guarded(daemon, "pre-merge-commit");
    await world.git(["checkout", "-q", "-b", "side"], "repository");
    await world.write("repository/side.txt", "x\n");
    expect(await world.commit()).toMatchObject({ exit: 0 });
    await world.git(["checkout", "-q", "main"], "repository");
    await peerHolds(daemon, world.scope, ["file:side.txt"]);
    const merge = ["merge", "-q", "--no-ff", "-m", "merge", "side"];
    const refused = await runGit(world.top, merge, { AGENTD_HOME: daemon.path });
    expect(refused.exit).not.toBe(0);
    expect(refused.err).toContain("agentd: the merge is refused");
  });

  test("a push of what others hold is refused by pre-push", async () => {
    await using world = await guarded(daemon, "pre-push");
    await world.git(["init", "-q", "--bare", "remote.git"]);
    await world.git(["remote", "add", "origin", "../remote.git"], "repository");
    const push = () => runGit(world.top, ["push", "-q", "origin", "main"], { AGENTD_HOME: daemon.path });
    expect(await push()).toMatchObject({ exit: 0 });
    await world.write("repository/first.txt", "changed\n");
    expect(await world.commit()).toMatchObject({ exit: 0 });
    const lease_id = await peerHolds(daemon, world.scope, ["file:first.txt"]);
    const refused = await push();
    expect(refused.exit).toBe(1);
    expect(refused.err).toContain("agentd: the push is refused: others hold files that it changes\n  first.txt\n");
    await daemon.client.call("ReleaseResourceLock", { lease_id });
    expect(await push()).toMatchObject({ exit: 0 });
  });
});
