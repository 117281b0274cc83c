import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Client } from "../../src/client/client.ts";
import { commands } from "../../src/cli/commands.ts";
import { bundleWorld, type World } from "../bundle/world.ts";
import { gitIdentity } from "../guard/world.ts";
import { ownEnvironment, program, type Ran, startDaemon, type TestDaemon } from "../support/daemon.ts";

setDefaultTimeout(60_000);

let daemon: TestDaemon;
let world: World;
beforeAll(async () => {
  daemon = await startDaemon();
  world = await bundleWorld(daemon, { file: "1\n" });
  await world.write({ "plan.json": plan("plan"), "nodes.json": "[{}]" });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

const plan = (goal: string) => JSON.stringify({ goal, initial_nodes: [{ name: "a" }] });
const task = async () =>
  (await daemon.client.call("RegisterTask", { goal: "g", initial_nodes: [{ name: "a" }] })).task_id;

async function taken(): Promise<[task: string, node: string, lease: string]> {
  const id = await task();
  const { lease_id } = await daemon.json<{ lease_id: string }>("node", "acquire", id);
  return [id, "a", lease_id];
}

async function failed(): Promise<[task: string, node: string]> {
  const [id, node, lease] = await taken();
  await daemon.json("node", "fail", id, node, lease, "--error", "1");
  return [id, node];
}

async function locked(key: string): Promise<string> {
  return (await world.json<{ lease_id: string }>(["lock", "acquire", `name:${key}`])).lease_id;
}

/** What every command is given so that it has something to print, in an order that works; or why it prints nothing. */
const calls: Record<string, "prints nothing of its own" | (() => Promise<string[]> | string[])> = {
  serve: "prints nothing of its own",
  "run-guard": "prints nothing of its own",
  "lock run": "prints nothing of its own",
  "guard git-hook": "prints nothing of its own",
  "guard agent-hook": "prints nothing of its own",
  start: () => [],
  status: () => [],
  logs: () => [],
  "task register": () => [join(world.top, "plan.json")],
  "task list": () => [],
  "task status": async () => [await task()],
  "task wait": async () => [await task(), "--timeout", "0"],
  "task pause": async () => [await task()],
  "task resume": async () => [await task()],
  "task cancel": async () => [await task()],
  "task retry": async () => [(await failed())[0]],
  "task priority": async () => [await task(), "3"],
  watch: () => ["--plain"],
  "node acquire": async () => [await task()],
  "node heartbeat": taken,
  "node complete": taken,
  "node fail": async () => [...(await taken()), "--error", "1"],
  "node release": taken,
  "node show": async () => [await task(), "a"],
  "node add": async () => [await task(), join(world.top, "nodes.json")],
  "node retry": failed,
  run: async () => ["--task", await task(), "--", "true"],
  "event commit": async () => [await task(), "a", "1"],
  "event list": () => [],
  "lock acquire": () => ["name:one"],
  "lock check": () => ["name:two"],
  "lock list": () => [],
  "lock heartbeat": async () => [await locked("three")],
  "lock release": async () => ["--lease", await locked("four")],
  "lock force-release": async () => (await locked("five"), ["name:five", "--reason", "test"]),
  "guard install": () => [],
  "guard status": () => [],
  "guard uninstall": () => [],
  "bundle create": async () => {
    await world.git(["switch", "-qc", "change"]);
    await world.write({ file: "2\n" });
    await world.commit("change");
    return ["--base", "main", "--verify", "true"];
  },
  "bundle list": () => [],
  "bundle show": async () => [await world.submit("ann", { other: "1\n" })],
  "bundle compare": () => [],
  "bundle decide": async () => [await world.submit("bob", { third: "1\n" }), "rejected", "--reason", "test"],
  "bundle merge": () => ["--onto", "main"],
  describe: () => [],
  call: () => ["Health"],
  health: () => [],
  metrics: () => ["--prometheus"],
  verify: () => [],
  prune: () => ["--older-than", "30d"],
  backup: () => [join(world.top, "copy.db")],
  "check-pages": () => [join(world.top, "copy.db")],
  doctor: () => [],
  version: () => [],
  help: () => [],
  restart: () => [],
  stop: () => [],
  restore: () => [join(world.top, "copy.db")],
};
const names = Object.keys(calls);
const printing = names.filter((name) => typeof calls[name] === "function");

test("every command is tried", () => {
  expect(names.toSorted()).toEqual(Object.keys(commands).toSorted());
});

describe.if(process.platform === "linux")("on a full disk", () => {
  test.each(names)("the help of `agentd %s` is not lost in silence", async (name) => {
    const ran = await into("/dev/full", [...name.split(" "), "--help"]);
    expect(ran).toMatchObject({ exit: 5, err: expectedLoss });
  });

  // In their order: what one does is there for the next.
  for (const [index, name] of printing.entries()) {
    test(`what \`agentd ${name}\` has to say is not lost in silence`, async () => {
      const args = await argsOf(name);
      const json = index % 2 === 0 && name !== "metrics" ? ["--json"] : [];
      const ran = await into("/dev/full", [...json, ...name.split(" "), ...args]);
      expect(ran.exit).toBe(5);
      const said = ran.err.split("\n").at(-2) ?? "";
      if (json.length === 0) expect(`${said}\n`).toBe(expectedLoss);
      else expect(JSON.parse(said)).toMatchObject({ error: { data: { kind: "OUTPUT_LOST" } } });
    });
  }

  test.each([
    ["agentd", ["--help"]],
    ["a family", ["task", "--help"]],
    ["--version", ["--version"]],
    ["--get", ["--get", "version", "version"]],
    ["following events", ["event", "list", "--follow", "--after", "0"]],
    ["following the log", ["logs", "--follow"]],
    ["watching as JSON", ["watch", "--json"]],
  ])("what %s prints is not lost in silence", async (_what, args) => {
    await daemon.agentd(["start"]);
    const ran = await into("/dev/full", args);
    expect(ran.exit).toBe(5);
    expect(ran.err).toContain("standard output cannot be written");
  });

  test("a large result that fits in part is not lost in silence", async () => {
    const ran = await daemon.agentd(["help"], { into: "cat > /dev/null" });
    expect(ran.exit).toBe(0);
    const limited = ["sh", "-c", 'ulimit -f 1; trap "" XFSZ; "$@" > part', "sh", ...program, "describe", "--json"];
    expect(await spawned(limited)).toMatchObject({ exit: 5 });
  });
});

describe("a reader who left", () => {
  test.each([
    ["help", ["--help"]],
    ["a result", ["version"]],
    ["JSON", ["--json", "task", "list"]],
    ["events", ["event", "list", "--follow", "--after", "0"]],
    ["watch", ["watch", "--plain"]],
    ["the log", ["logs", "--follow"]],
  ])("is no failure of %s", async (_what, args) => {
    await daemon.agentd(["start"]);
    await daemon.json("task", "register", join(world.top, "plan.json"));
    // Dots until nobody reads them any more.
    const script = `(trap "" PIPE; while printf . 2> /dev/null; do :; done; "$@"; echo "exit $?" >&2) | true`;
    expect(await spawned(["sh", "-c", script, "sh", ...program, ...args])).toMatchObject({ err: "exit 0\n" });
  });
});

describe.if(process.platform === "linux")("a reader who leaves while nothing happens", () => {
  test.each([
    ["events", ["event", "list", "--follow"], "true"],
    ["watch", ["watch", "--plain"], "head -c 1 >/dev/null"],
    ["watch of a task", ["watch", "--plain", "TASK"], "head -c 1 >/dev/null"],
    ["the log", ["logs", "--follow"], "head -c 1 >/dev/null"],
  ])("ends %s at once", async (_what, args, reader) => {
    await daemon.agentd(["start"]);
    const file = join(world.top, "plan.json");
    const { task_id: named } = await daemon.json<{ task_id: string }>("task", "register", file);
    const script = `("$@"; echo "exit $?" >&2) | ${reader}`;
    const words = args.map((word) => (word === "TASK" ? named : word));
    expect(await spawned(["sh", "-c", script, "sh", ...program, ...words])).toMatchObject({ err: "exit 0\n" });
  });
});

test("what is appended to a file is appended, however long it is", async () => {
  const long = "x".repeat(400_000);
  await daemon.agentd(["start"]);
  const path = join(world.top, "appended");
  for (const text of ["first", long, "last"]) {
    using client = await Client.connect(daemon.socket);
    await client.call("RegisterTask", { goal: "g", context: text });
  }
  const script = `exec "$@" >> ${path}`;
  const child = Bun.spawn(
    ["sh", "-c", script, "sh", ...program, "event", "list", "--follow", "--json", "--after", "0"],
    {
      env: environment(),
      stdin: "ignore",
    },
  );
  const lines = async () =>
    (
      await Bun.file(path)
        .text()
        .catch(() => "")
    ).split("\n");
  while (!(await lines()).at(-2)?.includes('"last"')) await Bun.sleep(10);
  child.kill();
  await child.exited;
  for (const line of (await lines()).slice(0, -1)) expect(() => JSON.parse(line) as unknown).not.toThrow();
});

const expectedLoss =
  "agentd: standard output cannot be written (ENOSPC: no space left on device, write): what the command was to do is done, but what it had to say is lost\n";

async function argsOf(name: string): Promise<string[]> {
  const call = calls[name];
  return typeof call === "function" ? call() : [];
}

function into(path: string, args: readonly string[]): Promise<Ran> {
  return spawned(["sh", "-c", `exec "$@" > ${path}`, "sh", ...program, ...args]);
}

const environment = () => ({ ...ownEnvironment(), ...gitIdentity, AGENTD_HOME: daemon.path, TMPDIR: world.temporary });

async function spawned(command: string[]): Promise<Ran> {
  const child = Bun.spawn(command, {
    cwd: world.top,
    env: environment(),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exit: await child.exited, out, err };
}
