import { describe, expect, test } from "bun:test";
import { lstat, mkdir, readdir, readFile, readlink, symlink } from "node:fs/promises";
import { join } from "node:path";
import { hooksDirectory, hookState, installHook, uninstallHook } from "../../src/cli/guard/hook-file.ts";
import { hookScript } from "../../src/cli/guard/hook-script.ts";
import { repositoryOf } from "../../src/cli/git/repository.ts";
import { rejectionOf } from "../support/rejection.ts";
import { type Directory, program, runGit, temporaryRepository } from "./world.ts";
import type { GitHook } from "../../src/cli/guard/hook-tools.ts";

/** A stand-in for agentd: it writes what it is asked to a file, and answers with a status. */
async function standIn(world: Directory, status = 0): Promise<string> {
  const log = join(world.path, "asked");
  return program(
    world,
    "stand in/agentd",
    `#!/bin/sh\nprintf '%s\\n' "$*" >>'${log}'\n[ "$3" = pre-push ] && cat >>'${log}'\nexit ${status}\n`,
  );
}

async function directoryOf(world: Directory): Promise<string> {
  const repository = await repositoryOf(join(world.path, "repository"));
  if (repository === null) throw new Error("there is no repository");
  return (await hooksDirectory(repository)).path;
}

async function install(world: Directory, agentd: string, hook: GitHook = "pre-commit"): Promise<string> {
  const directory = await directoryOf(world);
  await installHook(directory, hook, [agentd]);
  return directory;
}

function commit(world: Directory, env: Record<string, string> = {}) {
  return runGit(join(world.path, "repository"), ["commit", "--allow-empty", "-m", "next"], env);
}

const asked = (world: Directory) => Bun.file(join(world.path, "asked")).text();

describe("the hook", () => {
  test("asks agentd, whose status decides", async () => {
    await using world = await temporaryRepository();
    await install(world, await standIn(world));
    expect(await commit(world)).toMatchObject({ exit: 0 });
    expect(await asked(world)).toBe("guard git-hook pre-commit --\n");
    await standIn(world, 1);
    expect(await commit(world)).toMatchObject({ exit: 1 });
  });

  test("is plain sh, executable, and runs in all work trees", async () => {
    await using world = await temporaryRepository();
    const path = join(await install(world, await standIn(world)), "pre-commit");
    expect((await lstat(path)).mode & 0o777).toBe(0o755);
    expect(Bun.spawnSync(["dash", "-n", path]).exitCode).toBe(0);
    await world.git(["worktree", "add", "-q", "../linked", "-b", "other"], "repository");
    await world.git(["commit", "-q", "--allow-empty", "-m", "there"], "linked");
    expect(await asked(world)).toBe("guard git-hook pre-commit --\n");
  });

  test("falls back to agentd in PATH, and without one refuses and names the bypass", async () => {
    await using world = await temporaryRepository();
    const agentd = await standIn(world);
    await install(world, join(world.path, 'gone/it\'s "$HOME" `x`'));
    const found = { PATH: `${join(agentd, "..")}:${process.env.PATH}` };
    expect(await commit(world, found)).toMatchObject({ exit: 0 });
    expect(await asked(world)).toBe("guard git-hook pre-commit --\n");
    const refused = await commit(world);
    expect(refused).toMatchObject({ exit: 1 });
    expect(refused.err).toContain("could not check whether others hold files this changes, so it is refused");
    expect(refused.err).toContain("AGENTD_GUARD=off");
    expect(await commit(world, { AGENTD_GUARD: "off" })).toMatchObject({ exit: 0 });
  });
});

describe("a hook that was there", () => {
  const scripts: [name: string, text: string][] = [
    ["sh", "#!/bin/sh\n"],
    ["sh with an option", "#!/bin/sh -e\n"],
    ["bash by env", "#!/usr/bin/env bash\n[[ a == a ]] || exit 9\n"],
    ["no interpreter named", ""],
  ];
  test.each(scripts)("in %s runs first, and its status stops the commit", async (_name, head) => {
    await using world = await temporaryRepository();
    const directory = await directoryOf(world);
    const log = join(world.path, "earlier");
    await program(
      world,
      "repository/.git/hooks/pre-commit",
      `${head}printf '%s\\n' "$#" "$PWD" >'${log}'\nexit $EARLIER\n`,
    );
    await install(world, await standIn(world));
    expect(await commit(world, { EARLIER: "0" })).toMatchObject({ exit: 0 });
    expect(await Bun.file(log).text()).toBe(`0\n${join(world.path, "repository")}\n`);
    expect(await asked(world)).toBe("guard git-hook pre-commit --\n");
    expect(await commit(world, { EARLIER: "7" })).toMatchObject({ exit: 1 });
    expect(await asked(world)).toBe("guard git-hook pre-commit --\n");
    expect(await hookState(directory, "pre-commit", [])).toMatchObject({
      chained: join(directory, "pre-commit.before-agentd"),
    });
  });

  test("that finds its task by its own name still does", async () => {
    await using world = await temporaryRepository();
    await install(world, await standIn(world));
    const directory = await directoryOf(world);
    await uninstallHook(directory, "pre-commit");
    await program(world, "repository/.git/hooks/helper", '#!/bin/sh\necho "run by $(basename "$1")" >&2\n');
    await program(world, "repository/.git/hooks/pre-commit", '#!/bin/sh\n"$(dirname "$0")/helper" "$0"\n');
    await install(world, await standIn(world));
    expect((await commit(world)).err).toContain("run by pre-commit\n");
  });

  test("that is no shell script runs as it is", async () => {
    await using world = await temporaryRepository();
    await program(
      world,
      "repository/.git/hooks/pre-commit",
      `#!${process.execPath}\nconsole.error("by Bun"); process.exit(3);\n`,
    );
    await install(world, await standIn(world));
    const ran = await commit(world);
    expect(ran).toMatchObject({ exit: 1 });
    expect(ran.err).toContain("by Bun");
  });

  test("that git did not run, for want of its bit, is not run now", async () => {
    await using world = await temporaryRepository();
    await program(world, "repository/.git/hooks/pre-commit", "#!/bin/sh\nexit 1\n", 0o644);
    await install(world, await standIn(world));
    expect(await commit(world)).toMatchObject({ exit: 0 });
  });

  test("changes what is committed before it is checked", async () => {
    await using world = await temporaryRepository();
    await program(world, "repository/.git/hooks/pre-commit", "#!/bin/sh\necho more >more.txt\ngit add more.txt\n");
    const agentd = await program(world, "agentd", "#!/bin/sh\ngit diff --cached --name-only >&2\n");
    await install(world, agentd);
    expect((await commit(world)).err).toContain("more.txt\n");
  });
});

describe("a push", () => {
  test("gives its standard input and its arguments to both, whether they read it or not", async () => {
    await using world = await temporaryRepository();
    const earlier = join(world.path, "earlier");
    await program(world, "repository/.git/hooks/pre-push", `#!/bin/sh\necho "$@" >'${earlier}'\ncat >>'${earlier}'\n`);
    await install(world, await standIn(world), "pre-push");
    await world.git(["init", "-q", "--bare", "../remote.git"], "repository");
    const pushed = await runGit(join(world.path, "repository"), ["push", "../remote.git", "main:main", "main:other"]);
    expect(pushed).toMatchObject({ exit: 0 });
    const id = (await world.git(["rev-parse", "HEAD"], "repository")).trim();
    const zeros = "0".repeat(40);
    const lines = `refs/heads/main ${id} refs/heads/main ${zeros}\nrefs/heads/main ${id} refs/heads/other ${zeros}\n`;
    expect(await Bun.file(earlier).text()).toBe(`../remote.git ../remote.git\n${lines}`);
    expect(await asked(world)).toBe(`guard git-hook pre-push -- ../remote.git ../remote.git\n${lines}`);

    await program(world, "repository/.git/hooks/pre-push.before-agentd", "#!/bin/sh\nexit 5\n");
    const stopped = await runGit(join(world.path, "repository"), ["push", "../remote.git", "main:third"]);
    expect(stopped.exit).toBe(1);
    expect(await asked(world)).not.toContain("third");
  });
});

describe("core.hooksPath", () => {
  test.each([
    ["relative, in the work tree", ".githooks", "tracked"],
    ["absolute, in the git directory", "ABS/repository/.git/own hooks", "repository"],
    ["absolute, elsewhere", "ABS/elsewhere", "shared"],
  ])("%s", async (_name, configured, whose) => {
    await using world = await temporaryRepository();
    const path = configured.replace("ABS", world.path);
    await world.git(["config", "core.hooksPath", path], "repository");
    await mkdir(join(world.path, "repository/src"));
    const repository = await repositoryOf(join(world.path, "repository/src"));
    if (repository === null) throw new Error("there is no repository");
    const expected = path.startsWith("/") ? path : join(world.path, "repository", path);
    expect(await hooksDirectory(repository)).toEqual({ path: expected, whose: whose as "shared" });
    await install(world, await standIn(world));
    expect(await commit(world)).toMatchObject({ exit: 0 });
    expect(await asked(world)).toBe("guard git-hook pre-commit --\n");
  });
});

describe("installing", () => {
  test("twice changes nothing, another program's or version's hook is replaced", async () => {
    await using world = await temporaryRepository();
    const directory = await directoryOf(world);
    const path = join(directory, "pre-commit");
    await Bun.write(path, "mine\n");
    expect(await installHook(directory, "pre-commit", ["/a/agentd"])).toBe("installed");
    const { mtimeMs } = await lstat(path);
    expect(await installHook(directory, "pre-commit", ["/a/agentd"])).toBe("unchanged");
    expect((await lstat(path)).mtimeMs).toBe(mtimeMs);
    expect(await hookState(directory, "pre-commit", ["/b/agentd"])).toMatchObject({
      state: "outdated",
      program: ["/a/agentd"],
    });
    expect(await installHook(directory, "pre-commit", ["/b/agentd"])).toBe("updated");
    expect(await readFile(path, "utf8")).toBe(hookScript("pre-commit", ["/b/agentd"]));
    expect(await readFile(`${path}.before-agentd`, "utf8")).toBe("mine\n");
  });

  test("refuses where another tool has replaced the guard, and a hook from before is still kept", async () => {
    await using world = await temporaryRepository();
    const directory = await directoryOf(world);
    await Bun.write(join(directory, "pre-commit"), "old\n");
    await installHook(directory, "pre-commit", ["/a/agentd"]);
    await Bun.write(join(directory, "pre-commit"), "new\n");
    expect((await rejectionOf(installHook(directory, "pre-commit", ["/a/agentd"]))).message).toContain(
      "is no hook of agentd's",
    );
    expect(await readFile(join(directory, "pre-commit"), "utf8")).toBe("new\n");
    expect(await uninstallHook(directory, "pre-commit")).toBe("foreign");
    expect(await readFile(join(directory, "pre-commit.before-agentd"), "utf8")).toBe("old\n");
  });
});

test("a tool that wrote its hook anew, as it was, is guarded again", async () => {
  await using world = await temporaryRepository();
  const directory = await directoryOf(world);
  await Bun.write(join(directory, "pre-commit"), "same\n");
  await installHook(directory, "pre-commit", ["/a/agentd"]);
  await Bun.write(join(directory, "pre-commit"), "same\n");
  expect(await installHook(directory, "pre-commit", ["/a/agentd"])).toBe("installed");
  expect(await uninstallHook(directory, "pre-commit")).toBe("restored");
  expect(await readFile(join(directory, "pre-commit"), "utf8")).toBe("same\n");
});

describe("uninstalling", () => {
  test.each([
    ["a file", 0o755],
    ["a file with another mode", 0o640],
  ])("leaves %s as it was", async (_name, mode) => {
    await using world = await temporaryRepository();
    const directory = await directoryOf(world);
    const path = await program(world, "repository/.git/hooks/pre-commit", "#!/bin/sh\r\n\xff\n", mode);
    const before = await readdir(directory);
    await installHook(directory, "pre-commit", ["/a/agentd"]);
    expect(await uninstallHook(directory, "pre-commit")).toBe("restored");
    expect(await readFile(path, "utf8")).toBe("#!/bin/sh\r\n\xff\n");
    expect((await lstat(path)).mode & 0o777).toBe(mode);
    expect(await readdir(directory)).toEqual(before);
  });

  test("leaves a link as it was, and takes away what only the guard put there", async () => {
    await using world = await temporaryRepository();
    const directory = await directoryOf(world);
    await symlink("../../first.txt", join(directory, "pre-commit"));
    const before = await readdir(directory);
    await installHook(directory, "pre-commit", ["/a/agentd"]);
    await installHook(directory, "pre-push", ["/a/agentd"]);
    expect(await uninstallHook(directory, "pre-push")).toBe("removed");
    expect(await uninstallHook(directory, "pre-commit")).toBe("restored");
    expect(await readlink(join(directory, "pre-commit"))).toBe("../../first.txt");
    expect(await readdir(directory)).toEqual(before);
    expect(await uninstallHook(directory, "pre-merge-commit")).toBe("missing");
  });
});
