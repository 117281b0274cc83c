import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "../../src/client/client.ts";
import { program, type RunOptions, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { fastDirectory } from "../support/fast-directory.ts";

let daemon: TestDaemon;
/** A client that waits: what it asks later is answered later. */
let waiter: Client;
let outside: string;
/** A repository with a file, and a second work tree of it. */
let repository: string;
let worktree: string;

beforeAll(async () => {
  daemon = await startDaemon();
  waiter = await Client.connect(daemon.socket);
  outside = realpathSync(await mkdtemp(join(fastDirectory, "agentd-locks-")));
  repository = join(outside, "widgets");
  worktree = join(outside, "other");
  mkdirSync(join(repository, "src"), { recursive: true });
  writeFileSync(join(repository, "src", "lib.rs"), "");
  const git = async (...args: string[]) => {
    const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
    const identity = ["-c", "user.name=ann", "-c", "user.email=ann@localhost"];
    const ran = Bun.spawn(["git", ...identity, ...args], { cwd: repository, env, stdout: "ignore", stderr: "pipe" });
    if ((await ran.exited) !== 0) throw new Error(await ran.stderr.text());
  };
  await git("init", "-q");
  await git("add", ".");
  await git("commit", "-q", "-m", "first");
  await git("worktree", "add", "-q", worktree);
});
afterAll(async () => {
  waiter.close();
  await daemon[Symbol.asyncDispose]();
  await rm(outside, { recursive: true });
});

const agentd = (args: readonly string[], options: RunOptions = {}) => daemon.agentd(args, { cwd: outside, ...options });

/** Runs a command that must succeed, and gives what it tells programs. */
async function json<Shape>(args: readonly string[], options: RunOptions = {}): Promise<Shape> {
  const ran = await agentd([...args, "--json"], options);
  expect(ran).toMatchObject({ exit: 0, err: "" });
  return JSON.parse(ran.out) as Shape;
}

interface Lease {
  lease_id: string;
}

const listed = async () =>
  (await json<{ locks: { resource_key: string; lease_id: string; scope: string | null }[] }>(["lock", "list"])).locks;
const freeAll = async () => {
  for (const { lease_id } of (await daemon.client.call("ListResourceLocks", {})).locks) {
    await daemon.client.call("ReleaseResourceLock", { lease_id }).catch(() => {});
  }
};

describe("a lock", () => {
  test("is taken, seen, refused to others, kept and released", async () => {
    const { lease_id } = await json<Lease>(["lock", "acquire", "file:a", "--owner", "codex-1", "--ttl", "1h"]);
    const refused = await agentd(["lock", "acquire", "file:a"]);
    expect(refused).toMatchObject({ exit: 3, out: "" });
    expect(refused.err.replace(outside, "")).toMatch(
      /^file:\/a is held\n {2}by "codex-1" since .*, for (1h|59m 5\ds) more unless renewed\nqueue/,
    );
    expect(await agentd(["lock", "acquire", "file:a", "--json"])).toMatchObject({ exit: 3, out: "null\n", err: "" });
    expect((await agentd(["lock", "list"])).out.replace(outside, "")).toMatch(/^KEY .*\nfile:\/a {2}codex-1 /);
    expect(await agentd(["lock", "heartbeat", lease_id.slice(0, 8), "--ttl", "5m"])).toMatchObject({ exit: 0 });
    const release = ["lock", "release", "file:a", "--lease", lease_id];
    expect(await agentd(release)).toMatchObject({ exit: 0, out: `released file:${outside}/a\n` });
    expect(await agentd(release)).toMatchObject({ exit: 1 });
    expect((await agentd(["lock", "list"])).out).toBe("no resource lock is held\n");
  });

  test("whose metadata are too much for one answer are listed, and it is said", async () => {
    const metadata = { intent: "x".repeat(1_000_000) };
    const taken = [];
    for (let n = 0; n < 9; n++)
      taken.push(await waiter.call("AcquireResourceLock", { resource_key: `big-${n}`, metadata }));
    const { out } = await agentd(["lock", "list"]);
    expect(out.split("\n").filter((line) => line.endsWith("(too long to tell)"))).toEqual([
      expect.stringMatching(/^big-8 /) as string,
    ]);
    for (const lock of taken) await waiter.call("ReleaseResourceLock", { lease_id: lock?.lease_id ?? "" });
  });

  test("shows what it overlaps with, whom it is for, and who waits", async () => {
    await json(["lock", "acquire", "dir:src", "--owner", "ann", "--provider", "codex", "--intent", "move the lexer"]);
    const waits = waiter.call("AcquireResourceLock", {
      resource_key: `glob:${outside}/src/*.rs`,
      owner: "bob",
      wait_ms: 60_000,
    });
    let checked = await agentd(["lock", "check", "file:src/a.rs"]);
    while (!checked.out.includes("bob")) checked = await agentd(["lock", "check", "file:src/a.rs"]);
    expect(checked.exit).toBe(3);
    expect(checked.out.replaceAll(`${outside}/`, "")).toMatch(
      /by "ann" \(codex\) dir:src since .*: "move the lexer"\n {2}"bob" waits for glob:src\/\*\.rs/,
    );
    expect((await agentd(["lock", "check", "file:src/a.rs", "name:x"])).out).toEndWith("name:x is free\n");
    await freeAll();
    expect(await waits).toMatchObject({ owner: "bob" });
    await freeAll();
  });

  test("is had by one of two who hold what the other wants, and the other is told the circle", async () => {
    await json(["lock", "acquire", "file:a", "--owner", "ann"]);
    await json(["lock", "acquire", "file:b", "--owner", "bob"]);
    const first = agentd(["lock", "acquire", "file:b", "--owner", "ann", "--wait", "60s", "--json"]);
    let waiting = 0;
    while (waiting === 0) waiting = (await daemon.client.call("ListResourceLocks", {})).locks[1]?.waiting ?? 0;
    const second = await agentd(["lock", "acquire", "file:a", "--owner", "bob", "--wait", "60s"]);
    expect(second.exit).toBe(1);
    expect(second.err).toContain(
      `waiting would never end: "bob" wants file:${outside}/a, and "ann" holds it; "ann" wants file:${outside}/b, and "bob" holds it`,
    );
    await agentd(["lock", "release", "--mine", "--owner", "bob"]);
    expect(await first).toMatchObject({ exit: 0 });
    await freeAll();
  });

  test("waits for another and has it then; not for longer than it was told", async () => {
    const { lease_id } = await json<Lease>(["lock", "acquire", "name:x"]);
    expect(await agentd(["lock", "acquire", "name:x", "--wait", "1s"])).toMatchObject({ exit: 3 });
    const waits = json<Lease>(["lock", "acquire", "name:x", "name:y", "--wait", "60s"]);
    await agentd(["lock", "release", "--lease", lease_id]);
    expect((await waits).lease_id).not.toBe(lease_id);
    await freeAll();
  });

  test("of a person's choice is ended by force, and its holder learns it", async () => {
    const { lease_id } = await json<Lease>(["lock", "acquire", "file:a", "file:b", "--owner", "ann"]);
    expect(await agentd(["lock", "force-release", "file:a", "--reason", "ann hangs"])).toMatchObject({
      exit: 0,
      out: `released from ann: file:${outside}/a, file:${outside}/b\n`,
    });
    expect((await agentd(["lock", "heartbeat", lease_id])).err).toContain("holds nothing");
    const told = await agentd(["event", "list", "--type", "FORCE_RELEASE_RESOURCE_LOCK", "--json"]);
    expect(told.out).toContain('"reason":"ann hangs"');
  });

  test.each([
    [["lock", "acquire"], "KEY is missing"],
    [["lock", "run", "--", "true"], "KEY is missing"],
    [["lock", "acquire", "File:x"], "its kind is written in lower case: file:x"],
    [["lock", "acquire", "tool:x"], "write name:tool:x for a name"],
    [["lock", "check", "tool:x"], "write name:tool:x for a name"],
    [["lock", "acquire", "file:widgets"], "would guard nothing: it is a directory; write dir:widgets"],
    [["lock", "release"], "what is released?"],
    [["lock", "release", "file:a"], "whose locks?"],
    [["lock", "release", "--mine", "--lease", "x"], "--mine is everything"],
    [["lock", "check"], "PATH is missing"],
    [["lock", "list", "--mine"], "whose locks?"],
    [["lock", "list", "--here"], "is in no git repository"],
    [["lock", "acquire", "k", "--intent", "x", "--metadata", "7"], "which has to be an object"],
  ])("%j is refused: %s", async (args, why) => {
    const ran = await agentd(args);
    expect(ran.exit).toBe(2);
    expect(ran.err).toContain(why);
  });
});

describe("in a repository", () => {
  test("all work trees share a scope, and other repositories and none have others", async () => {
    await json(["lock", "acquire", "file:lib.rs"], { cwd: join(repository, "src") });
    expect(await listed()).toMatchObject([{ resource_key: "file:src/lib.rs", scope: join(repository, ".git") }]);
    expect(await agentd(["lock", "acquire", "dir:src"], { cwd: worktree })).toMatchObject({ exit: 3 });
    expect(await agentd(["lock", "acquire", "dir:src"], { cwd: outside })).toMatchObject({ exit: 0 });
    await freeAll();
  });

  test("paths are read from the working directory, and absolute keys from the top", async () => {
    const absolute = `file:${join(worktree, "src", "lib.rs")}`;
    await json(["lock", "acquire", absolute], { cwd: worktree });
    const checked = await agentd(["lock", "check", "lib.rs"], { cwd: join(repository, "src") });
    expect(checked).toMatchObject({ exit: 3 });
    expect(checked.out).toStartWith("file:lib.rs is held");
    await freeAll();
  });

  test("a task file's resources are of the repository, and a node waits for whoever holds them", async () => {
    const nodes = [{ name: "a", resources: ["dir:src", { resource_key: "name:x", mode: "shared" }] }];
    const stdin = JSON.stringify({ goal: "g", nodes });
    const task = JSON.parse((await agentd(["task", "register", "-", "--json"], { cwd: repository, stdin })).out) as {
      task_id: string;
    };
    const { lease_id } = await json<Lease>(["lock", "acquire", "file:src/lib.rs", "--owner", "ann"], { cwd: worktree });
    expect(await agentd(["node", "acquire", task.task_id])).toMatchObject({ exit: 3 });
    expect((await agentd(["task", "status", task.task_id])).out).toContain(
      `held back by locks of lease ${lease_id.slice(0, 8)}`,
    );
    expect((await agentd(["node", "show", task.task_id, "a"])).out).toContain(
      `needs        dir:src, in ${repository}/.git`,
    );
    await freeAll();
    const node = await json<Lease & { node_id: string }>(["node", "acquire", task.task_id]);
    expect(await listed()).toMatchObject([{ resource_key: "dir:src" }, { resource_key: "name:x" }]);
    await json(["node", "complete", task.task_id, node.node_id, node.lease_id]);
    expect(await listed()).toEqual([]);
  });
});

describe("agentd lock run", () => {
  const run = (...args: string[]) => agentd(["lock", "run", ...args]);

  test("runs a command while it holds the locks, with its input, output and status, and releases them", async () => {
    const script = 'cat; echo "$AGENTD_OWNER" >&2; exit 7';
    const ran = await agentd(["lock", "run", "file:a", "--owner", "ann", "--", "sh", "-c", script], { stdin: "in" });
    expect(ran).toEqual({ exit: 7, out: "in", err: "ann\n" });
    expect(await listed()).toEqual([]);
  });

  test("lets the command lock more, which ends with it", async () => {
    const [bun, main] = program;
    const script = `"${bun}" "${main}" lock acquire file:b --lease "$AGENTD_LOCK_LEASE_ID" >/dev/null && "${bun}" "${main}" lock list --get locks`;
    const ran = await run("file:a", "--", "sh", "-c", script);
    expect(JSON.parse(ran.out)).toMatchObject([
      { resource_key: `file:${outside}/a` },
      { resource_key: `file:${outside}/b` },
    ]);
    expect(await listed()).toEqual([]);
  });

  test("runs nothing while somebody holds one of them", async () => {
    await json(["lock", "acquire", "file:b"]);
    const mark = join(outside, "mark");
    const ran = await run("file:a", "file:b", "--", "touch", mark);
    expect(ran.exit).toBe(3);
    expect(ran.err).toStartWith(`file:${outside}/b is held\n  by "anonymous"`);
    expect(existsSync(mark)).toBe(false);
    await freeAll();
  });

  test.each<[how: string, end: (lease: string) => string[]]>([
    ["by force", () => ["lock", "force-release", "file:a", "--reason", "enough"]],
    ["by somebody who knows it", (lease) => ["lock", "release", "--lease", lease]],
  ])("ends the command when the lease is ended %s, and says so", async (_, end) => {
    // A renewal by the clock would come too late.
    const ran = run("file:a", "--ttl", "1h", "--grace", "1s", "--", "sleep", "600");
    let locks = await listed();
    while (locks.length === 0) locks = await listed();
    await agentd(end(locks[0]?.lease_id ?? ""));
    expect(await ran).toMatchObject({ exit: 143, err: expect.stringContaining("the locks were lost") as string });
  });

  // A signal for real time has a number and no name.
  test.each([
    ["TERM", 143],
    ["KILL", 137],
    ["40", 168],
  ])("ends with 128 and the number of the signal %s that killed the command", async (signal, exit) => {
    expect(await run("file:a", "--", "sh", "-c", `kill -${signal} $$`)).toMatchObject({ exit });
  });

  test("renews the lease for as long as the command runs", async () => {
    const ran = run("file:a", "--ttl", "1s", "--", "sh", "-c", "sleep 3; echo done");
    expect(await ran).toMatchObject({ exit: 0, out: "done\n" });
  });

  test.each(["SIGTERM", "SIGKILL"] as const)("takes the command along when it gets %s", async (signal) => {
    const pidFile = join(outside, `pid-${signal}`);
    const env = { ...process.env, AGENTD_HOME: daemon.path };
    const command = ["lock", "run", "file:a", "--", "sh", "-c", `echo $$ > ${pidFile}; exec sleep 600`];
    const child = Bun.spawn([...program, ...command], { cwd: outside, env, stdout: "ignore", stderr: "ignore" });
    while (!existsSync(pidFile) || (await Bun.file(pidFile).text()) === "") await Bun.sleep(5);
    const pid = Number(await Bun.file(pidFile).text());
    child.kill(signal);
    await child.exited;
    while (isAlive(pid)) await Bun.sleep(5);
    if (signal === "SIGTERM") expect(await listed()).toEqual([]);
    await freeAll();
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
