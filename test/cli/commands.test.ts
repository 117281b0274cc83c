import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDaemon, temporaryHome, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
let directory: string;
beforeAll(async () => {
  daemon = await startDaemon();
  directory = await mkdtemp(join(tmpdir(), "agentd-commands-"));
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const agentd = (...args: string[]) => daemon.agentd(args);

const json = <Shape>(...args: string[]) => daemon.json<Shape>(...args);

const grammarAndParser = {
  goal: "Port the parser",
  nodes: [{ name: "grammar" }, { name: "parser", dependencies: ["grammar"] }],
};

async function register(content: object = grammarAndParser): Promise<string> {
  const ran = await daemon.agentd(["task", "register", "-", "--json"], { stdin: JSON.stringify(content) });
  expect(ran).toMatchObject({ exit: 0 });
  return (JSON.parse(ran.out) as { task_id: string }).task_id;
}

interface Lease {
  node_id: string;
  lease_id: string;
}

describe("a task, from the command line", () => {
  test.each([
    ["plan.yaml", "goal: from YAML\nnodes:\n  - name: a\n  - name: b\n    dependencies: [a]\n"],
    ["plan.toml", 'goal = "from TOML"\n[[nodes]]\nname = "a"\n[[nodes]]\nname = "b"\ndependencies = ["a"]\n'],
    ["plan.json", '{"goal":"from JSON","nodes":[{"name":"a"},{"name":"b","dependencies":["a"]}]}'],
  ])("is registered from %s", async (name, text) => {
    const path = join(directory, name);
    await writeFile(path, text);
    const ran = await agentd("task", "register", path);
    expect(ran.out).toMatch(/^registered task [0-9a-f-]{36} with 2 nodes\n$/);
    expect(ran.err).toStartWith("next: agentd node acquire ");
  });

  test("goes from registration to completion", async () => {
    const task = await register();
    expect((await agentd("task", "list")).out).toContain(`${task}  ACTIVE  2 PENDING`);

    const first = await json<Lease>("node", "acquire", task, "--owner", "codex-1");
    expect((await agentd("task", "status", task)).out).toMatch(
      /RUNNING {2}grammar {2}codex-1 since .*\n└─ .*PENDING {2}parser/,
    );
    expect(await agentd("node", "acquire", task)).toMatchObject({ exit: 3, out: "" });
    expect(await agentd("node", "acquire", task, "--json")).toMatchObject({ exit: 3, out: "null\n", err: "" });

    const lease = [task, first.node_id.slice(0, 8), first.lease_id.slice(0, 8)];
    expect((await agentd("node", "heartbeat", ...lease)).out).toStartWith("lease renewed until");
    const [, node = "", leaseId = ""] = lease;
    const event = ["event", "commit", task, node, '{"x":1.0}', "--lease", leaseId, "--type", "progress"];
    expect((await agentd(...event)).out).toStartWith("committed event");
    expect(await agentd("node", "complete", ...lease, "--result", '{"file":"p.y"}')).toMatchObject({ exit: 0 });

    const stale = await agentd("node", "complete", task, first.node_id, first.lease_id, "--json");
    expect(stale).toMatchObject({ exit: 1, out: "" });
    expect(JSON.parse(stale.err)).toMatchObject({ error: { code: -32000, data: { kind: "INVALID_STATE" } } });

    const waiting = agentd("task", "wait", task, "--timeout", "30s");
    const second = await json<Lease>("node", "acquire", task);
    await json("node", "complete", task, second.node_id, second.lease_id);
    expect(await waiting).toMatchObject({ exit: 0, out: "COMPLETED: 2 COMPLETED\n" });

    const journal = await json<{ events: { action_type: string }[] }>("event", "list", "--task", task);
    expect(journal.events.map((each) => each.action_type)).toEqual([
      "REGISTER_TASK",
      "ACQUIRE_NODE",
      "progress",
      "COMPLETE_NODE",
      "ACQUIRE_NODE",
      "COMPLETE_NODE",
    ]);
    expect((await agentd("event", "list", "--task", task, "--type", "progress")).out).toContain('{"x":1.0}');
  });

  test("that fails makes wait end with 1, and shows what it blocks", async () => {
    const task = await register();
    const { node_id, lease_id } = await json<Lease>("node", "acquire", task);
    expect(await agentd("node", "fail", task, node_id, lease_id)).toMatchObject({
      exit: 2,
      err: "agentd: --error is missing (what went wrong)\n",
    });
    await json("node", "fail", task, node_id, lease_id, "--error", '"tests fail"');
    expect(await agentd("task", "wait", task)).toMatchObject({ exit: 1, out: "FAILED: 1 PENDING, 1 FAILED\n" });
    expect((await agentd("task", "status", task)).out).toContain("PENDING  parser  blocked by grammar");
  });

  test("that takes too long makes wait end with 3", async () => {
    const task = await register();
    const ran = await agentd("task", "wait", task, "--timeout", "0");
    expect(ran).toMatchObject({ exit: 3, out: "ACTIVE: 2 PENDING\n" });
    expect(ran.err).toStartWith("timed out");
  });

  test("is registered once under an idempotency key, and what differs is refused", async () => {
    const once = (goal: string) =>
      daemon.agentd(["task", "register", "-", "--idempotency-key", "nightly"], {
        stdin: JSON.stringify({ ...grammarAndParser, goal }),
      });
    const first = await once("g");
    const second = await once("g");
    expect(second).toMatchObject({ exit: 0, out: first.out });
    expect(second.err).toStartWith("this was done before");
    expect(await once("h")).toMatchObject({ exit: 1, out: "" });
  });

  test("whose shortened id is unknown or ambiguous is refused, naming candidates", async () => {
    const task = await register();
    expect(await agentd("task", "status", "zz")).toMatchObject({ exit: 1 });
    const { node_id } = await json<Lease>("node", "acquire", task);
    const unknown = node_id.startsWith("0") ? "1111111" : "0000000";
    expect(await agentd("node", "complete", task, unknown, "b")).toMatchObject({
      exit: 1,
      err: `agentd: no node is named ${unknown}, and no node id begins with it; see: agentd task status TASK\n`,
    });
  });
});

describe("looking at the daemon", () => {
  const outputs: [args: string[], exit: number, output: RegExp][] = [
    [["status"], 0, /^running: agentd \S+, process \d+, up \S+, at \S+\n$/],
    [["health"], 0, /^database path {2,}\S+agent_state.db$/m],
    [["metrics"], 0, /^ {2}registered tasks {2,}\d+$/m],
    [["metrics", "--prometheus"], 0, /^# TYPE agentd_uptime_secs gauge$/m],
    [["verify"], 0, /^clean: \d+ journal rows[^]*what the daemon holds in memory is what the tables say/],
    [["doctor"], 0, /^(ok {2}.*\n)+$/],
    [["logs", "-n", "1"], 0, /^.+\n$/],
    [["describe"], 0, /^AcquireNextNode {2,}Take/m],
    [["describe", "acquire_next_node"], 0, /^Example:\n {2}agentd call AcquireNextNode/m],
    [["describe", "AcquireNextNod"], 2, /did you mean AcquireNextNode\?/],
    [["call", "Health"], 0, /^{\n {2}"status": "ok"/],
    [["call", "ListTasks", '{"limit":0}'], 2, /params\.limit/],
    [["call", "Nothing"], 2, /^agentd: unknown method: Nothing/],
    [["version"], 0, /^agentd \S+ \(\S+\)\n$/],
    [["--version"], 0, /^agentd \S+ \(\S+\)\n$/],
    [["start"], 0, /^already running: /],
    [["task"], 2, /^Usage: agentd task COMMAND/m],
    [["task", "lst"], 2, /did you mean task list\?/],
    [["tsk"], 2, /did you mean task\?/],
    [["event", "list", "--follow", "--limit", "3"], 2, /--limit makes no sense/],
  ];
  test.each(outputs)("agentd %j ends with %d", async (args, exit, output) => {
    const ran = await agentd(...args);
    expect(ran.exit).toBe(exit);
    // What is no result goes to standard error.
    expect(exit === 0 ? ran.out : ran.err).toMatch(output);
    expect(exit === 0 ? ran.err : ran.out).toBe("");
  });

  test("a backup goes where the user stands, and never over a file", async () => {
    const backup = () => daemon.agentd(["backup", "copy.db", "--json"], { cwd: directory });
    expect((await backup()).out).toContain(join(directory, "copy.db"));
    expect(existsSync(join(directory, "copy.db"))).toBe(true);
    expect((await backup()).err).toContain("exists already");
  });

  test("a large result arrives whole in a pipe that is read late", async () => {
    const nodes = Array.from({ length: 3_000 }, () => ({ payload_schema: { note: "x".repeat(100) } }));
    const task = await register({ goal: "large", nodes });
    const status = await json<{ nodes: unknown[] }>("task", "status", task);
    expect(status.nodes).toHaveLength(3_000);
  });
});

describe("following the log", () => {
  test.each([
    ["appended to", (path: string, line: string) => appendFile(path, line)],
    ["rotated", (path: string, line: string) => writeFile(`${path}.new`, line).then(() => rename(`${path}.new`, path))],
  ])("shows what comes while the file is %s", async (_how, add) => {
    await using home = await temporaryHome();
    await mkdir(home.path, { mode: 0o700 });
    const log = join(home.path, "agentd.log");
    await writeFile(log, "old\n");
    const pipeline = home.agentd(["logs", "-f", "-n", "1"], { into: "head -n 2" });
    let line = 0;
    for (let ran: unknown; ran === undefined; ran = await Promise.race([pipeline, Bun.sleep(20)])) {
      await add(log, `new ${line++}\n`);
    }
    expect((await pipeline).out).toMatch(/^(old|new \d+)\nnew \d+\n$/);
  });
});

test("texts of clients cannot steer the terminal that lists them", async () => {
  const evil = "a\x1b[2J\u{9b}31m\u{202e}b";
  const task = await register();
  const { node_id, lease_id } = await json<Lease>("node", "acquire", task, "--owner", evil);
  await json("event", "commit", task, node_id, JSON.stringify({ [evil]: 1 }), "--lease", lease_id, "--type", evil);
  await json("lock", "acquire", evil, "--owner", evil);
  for (const listing of [
    ["task", "status", task],
    ["event", "list", "--task", task],
    ["lock", "list"],
  ]) {
    const { out } = await agentd(...listing);
    expect(out).toContain("a\u{fffd}[2J\u{fffd}31m\u{fffd}b");
    expect(out).not.toContain(evil);
  }
  const refused = await agentd("node", "release", task, node_id, "b1c9d7e2-4f3a-4e8b-a6d5-0f1e2d3c4b5a");
  expect(refused.exit).toBe(1);
  expect(refused.err).toContain("holds it");
  expect(refused.err).not.toMatch(/\u{9b}|\u{202e}/u);
});

describe("following the journal", () => {
  test("shows what happens from now on, and ends when nobody reads it any more", async () => {
    const task = await register();
    const node = await json<Lease>("node", "acquire", task);
    const after = (await daemon.client.call("Health", {})).last_seq;
    const follow = ["event", "list", "--follow", "--task", task, "--after", String(after), "--json"];
    const pipeline = daemon.agentd(follow, { into: "head -n 1" });
    // Whoever closes a pipe is noticed at the next line written to it, so there are lines until it has ended.
    let note = 0;
    for (let ran: unknown; ran === undefined; ran = await Promise.race([pipeline, Bun.sleep(5)])) {
      const { node_id, lease_id } = node;
      await daemon.client.call("CommitEvent", { task_id: task, node_id, lease_id, payload: { note: note++ } });
    }
    expect(JSON.parse((await pipeline).out)).toMatchObject({ action_type: "COMMIT_EVENT", payload: { note: 0 } });
  });
});
