import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ownEnvironment, program, type Ran } from "../support/daemon.ts";
import { workshop, type Workshop } from "./worker.ts";

setDefaultTimeout(30_000);

let shop: Workshop;
beforeAll(async () => {
  shop = await workshop();
  await writeFile(join(shop.directory, "no-interpreter"), "#!/no/such/interpreter\n", { mode: 0o755 });
  await writeFile(join(shop.directory, "garbage"), new Uint8Array([0, 1, 2, 3]), { mode: 0o755 });
  await writeFile(join(shop.directory, "file"), "");
});
afterAll(() => shop[Symbol.asyncDispose]());

/** What keeps a command from being run, once its node or its locks were taken. */
const obstacles: [what: string, command: string[], env: Record<string, string>, says: string][] = [
  ["a TMPDIR that is not there", ["true"], { TMPDIR: "/no/such/directory" }, "set TMPDIR to a directory"],
  ["a TMPDIR that is a file", ["true"], { TMPDIR: "file" }, "set TMPDIR to a directory"],
  ["an interpreter that is not there", ["./no-interpreter"], {}, "no-interpreter"],
  ["a file that is no program", ["./garbage"], {}, "garbage"],
];

describe("what keeps a command from being run", () => {
  test.each(obstacles)(
    "such as %s, gives its node back, is named, and ends with 4",
    async (_what, command, env, says) => {
      const task = await shop.task();
      const ran = await agentd(["run", "--task", task, "--all", "--ttl", "10m", "--", ...command], env);
      expect(ran).toMatchObject({ exit: 4, out: "" });
      expect(ran.err).toContain("the command was not run: ");
      expect(ran.err).toContain(says);
      expect(ran.err).not.toContain("bug");
      const { nodes } = await shop.daemon.client.call("TaskStatus", { task_id: task });
      expect(nodes).toMatchObject([{ status: "PENDING", lease_id: null }]);
      const { events } = await shop.daemon.client.call("ListEvents", { task_id: task });
      expect(events.at(-2)?.payload).toEqual({ exit_code: null, signal: null, ended_by: "FAILURE" });
      expect(events.at(-1)?.action_type).toBe("RELEASE_NODE");
    },
  );

  // That one needs no temporary directory.
  const ofLocks = obstacles.filter(([, , env]) => !("TMPDIR" in env));
  test.each(ofLocks)(
    "such as %s, gives its locks back, is named, and ends with 4",
    async (_what, command, env, says) => {
      const ran = await agentd(["lock", "run", "name:x", "--ttl", "10m", "--", ...command], env);
      expect(ran).toMatchObject({ exit: 4, out: "" });
      expect(ran.err).toContain(says);
      const { locks } = await shop.daemon.client.call("ListResourceLocks", {});
      expect(locks).toEqual([]);
    },
  );
});

test("a command that is not run for a working directory that was removed gives its node back", async () => {
  const task = await shop.task({ a: [], b: ["a"] });
  const directory = await mkdtemp(join(shop.directory, "removed-"));
  const remove = ["sh", "-c", `rmdir '${directory}'`];
  const ran = await agentd(["run", "--task", task, "--all", "--", ...remove], {}, program, { ...shop, directory });
  expect(ran.exit).toBe(4);
  expect(ran.err).toContain("the working directory was removed; change to one that exists");
  const { nodes } = await shop.daemon.client.call("TaskStatus", { task_id: task });
  expect(nodes.map(({ status }) => status)).toEqual(["COMPLETED", "PENDING"]);
});

/** Runs a copy of agentd whose executable its command removes, as an upgrade does. */
async function upgraded(words: (program: string) => string[]): Promise<Ran> {
  const copy = join(shop.directory, `agentd-${crypto.randomUUID()}`);
  const [executable = "", ...rest] = program;
  await copyFile(executable, copy);
  try {
    return await agentd(words(copy), {}, [copy, ...rest]);
  } finally {
    await rm(copy, { force: true });
  }
}

describe.if(process.platform === "linux")("an agentd whose executable was removed", () => {
  test("goes on with the next nodes of its task", async () => {
    const task = await shop.task({ a: [], b: ["a"], c: ["b"] });
    const ran = await upgraded((path) => ["run", "--task", task, "--all", "--", "rm", "-f", path]);
    expect(ran).toMatchObject({ exit: 0 });
    const { state } = await shop.daemon.client.call("TaskStatus", { task_id: task });
    expect(state).toBe("COMPLETED");
  });

  test("starts the daemon that its work needs", async () => {
    await using own = await workshop();
    const { client } = own.daemon;
    const task = await own.task({ a: [], b: ["a"] });
    const { pid } = await client.call("Health", {});
    const copy = join(own.directory, "agentd");
    const [executable = "", ...rest] = program;
    await copyFile(executable, copy);
    const script = `[ -e done ] || { rm "${copy}"; kill -9 ${pid}; touch done; }`;
    const ran = await agentd(["run", "--task", task, "--all", "--", "sh", "-c", script], {}, [copy, ...rest], own);
    expect(ran).toMatchObject({ exit: 0 });
    expect(await own.daemon.json<{ state: string }>("task", "status", task)).toMatchObject({ state: "COMPLETED" });
  });
});

async function agentd(
  args: readonly string[],
  env: Record<string, string>,
  command: readonly string[] = program,
  { daemon, directory }: Workshop = shop,
): Promise<Ran> {
  const child = Bun.spawn([...command, ...args], {
    cwd: directory,
    env: { ...ownEnvironment(), AGENTD_HOME: daemon.path, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exit: await child.exited, out, err };
}
