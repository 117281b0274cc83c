import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { DirectoryLock } from "../../src/cli/git/directory-lock.ts";
import { gitIdentity } from "../guard/world.ts";
import { ownEnvironment, program, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { fastDirectory } from "../support/fast-directory.ts";
import { files, merge } from "./merges.ts";
import { bundleWorld, edited, type World } from "./world.ts";

let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

/** A merge that waits in its verification until it is let go on. */
interface Waiting {
  goOn(): Promise<{ exit: number; out: string; err: string }>;
}

/** `before` stands before the command line, such as a program that runs it elsewhere. */
async function waitingMerge(world: World, branch: string, before: readonly string[] = []): Promise<Waiting> {
  const [started, go] = [join(world.top, "..", `${branch}-started`), join(world.top, "..", `${branch}-go`)];
  const verify = `touch '${started}'; until [ -e '${go}' ]; do sleep 0.02; done`;
  const words = ["bundle", "merge", "--onto", "main", "--branch", branch, "--verify", verify];
  const child = Bun.spawn([...before, ...program, ...words], {
    cwd: world.top,
    env: { ...ownEnvironment(), ...gitIdentity, TMPDIR: world.temporary, AGENTD_HOME: daemon.path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  while (!existsSync(started)) {
    if (child.exitCode !== null) throw new Error(await child.stderr.text());
    await Bun.sleep(5);
  }
  return {
    async goOn() {
      await Bun.write(go, "");
      const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      return { exit: await child.exited, out, err };
    },
  };
}

describe("while a merge is at work", () => {
  test("a second one in the repository is refused at once, and makes no branch", async () => {
    await using world = await bundleWorld(daemon, files);
    await world.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    const first = await waitingMerge(world, "first");
    await world.git(["worktree", "add", "-q", "--detach", "../other"]);
    for (const cwd of [world.top, join(world.top, "../other")]) {
      const second = await world.agentd(["bundle", "merge", "--onto", "main", "--branch", "second"], { cwd });
      expect(second).toMatchObject({ exit: 3, out: "" });
      expect(second.err).toContain(`another agentd bundle merge is at work in ${join(world.top, ".git")}`);
    }
    expect((await world.agentd(["bundle", "merge", "--onto", "main", "--dry-run"])).exit).toBe(0);
    expect(await first.goOn()).toMatchObject({ exit: 0 });
    expect((await world.git(["branch", "--list", "first", "second"])).trim()).toBe("first");
    expect((await world.agentd(["bundle", "merge", "--onto", "main"])).exit).toBe(0);
  });

  test("one in another repository leaves the temporary files of the first alone", async () => {
    await using world = await bundleWorld(daemon, files);
    await using other = await bundleWorld(daemon, files);
    await world.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    await other.submit("bob", { "a.txt": edited({ 1: "bob" }) });
    const first = await waitingMerge(world, "first");
    expect((await merge({ ...other, temporary: world.temporary }, "--branch", "second")).branch).toBe("second");
    expect(await first.goOn()).toMatchObject({ exit: 0 });
  });

  const unshare = ["unshare", "--pid", "--fork", "--mount-proc"];
  const namespaces = Bun.which("unshare") !== null && Bun.spawnSync([...unshare, "true"]).exitCode === 0;
  test.skipIf(!namespaces)("one in another PID namespace does, too", async () => {
    await using world = await bundleWorld(daemon, files);
    await using other = await bundleWorld(daemon, files);
    await world.submit("ann", { "a.txt": edited({ 1: "ann" }) });
    await other.submit("bob", { "a.txt": edited({ 1: "bob" }) });
    const first = await waitingMerge(world, "first");
    const second = await waitingMerge({ ...other, temporary: world.temporary }, "second", unshare);
    expect(await first.goOn()).toMatchObject({ exit: 0 });
    expect(await second.goOn()).toMatchObject({ exit: 0 });
    expect(await readdir(world.temporary)).toEqual([]);
  });
});

test("a directory's lock is free as soon as its process is killed, though a child of it lives", async () => {
  const directory = await realpath(await mkdtemp(join(fastDirectory, "agentd-lock-")));
  try {
    const held = DirectoryLock.take(directory);
    expect(held?.isLocked).toBe(true);
    expect(DirectoryLock.take(directory)).toBeNull();
    held?.[Symbol.dispose]();

    const lock = join(import.meta.dir, "../../src/cli/git/directory-lock.ts");
    const text = `
      const { DirectoryLock } = await import(${JSON.stringify(lock)});
      globalThis.lock = DirectoryLock.take(${JSON.stringify(directory)});
      const child = Bun.spawn(["sleep", "600"]);
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const holder = Bun.spawn([process.execPath, "-e", text], { stdio: ["ignore", "pipe", "inherit"] });
    const { value } = await holder.stdout.getReader().read();
    const child = Number(new TextDecoder().decode(value));
    try {
      expect(DirectoryLock.take(directory)).toBeNull();
      holder.kill("SIGKILL");
      await holder.exited;
      const taken = DirectoryLock.take(directory);
      expect(taken?.isLocked).toBe(true);
      taken?.[Symbol.dispose]();
    } finally {
      process.kill(child, "SIGKILL");
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
