import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Result } from "../../src/protocol/methods.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";

type Status = Result<"TaskStatus">;

let daemon: TestDaemon;
let directory: string;
beforeAll(async () => {
  daemon = await startDaemon();
  directory = await mkdtemp(join(tmpdir(), "agentd-steering-"));
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const agentd = (...args: string[]) => daemon.agentd(args);

const json = <Shape>(...args: string[]) => daemon.json<Shape>(...args);

/** A task of nodes whose names say what they are, registered under a name of its own. */
async function register(name: string, nodes: object[], ...flags: string[]): Promise<string> {
  const stdin = JSON.stringify({ goal: "Port the parser", labels: { os: "mac", team: "none" }, nodes });
  const ran = await daemon.agentd(["task", "register", "-", "--name", name, ...flags, "--json"], { stdin });
  expect(ran).toMatchObject({ exit: 0 });
  return (JSON.parse(ran.out) as { task_id: string }).task_id;
}

const status = (task: string) => json<Status>("task", "status", task);

/** What `about` tells of each of the task's nodes, by their names. */
async function byName(task: string, about: "id" | "status"): Promise<Record<string, string>> {
  const { nodes } = await status(task);
  return Object.fromEntries(nodes.map((node): [string, string] => [node.name ?? "", node[about]]));
}

const statuses = (task: string) => byName(task, "status");

interface Lease {
  node_id: string;
  lease_id: string;
}

/** Takes the next node and fails it. */
async function failNext(task: string): Promise<void> {
  const { node_id, lease_id } = await json<Lease>("node", "acquire", task);
  await json("node", "fail", task, node_id, lease_id, "--error", '"tests fail"');
}

describe("a task", () => {
  test("takes name, labels and priority from flags before its file", async () => {
    const task = await register("flags", [{}], "--label", "team=parsers", "--label", "night=", "--priority", "-3");
    expect((await status("flags")).task).toMatchObject({
      id: task,
      name: "flags",
      labels: { os: "mac", team: "parsers", night: "" },
      priority: -3,
    });
    const listed = await agentd("task", "list", "--label", "team=parsers");
    expect(listed.out).toMatch(/PRIORITY {2}NAME {3}GOAL\n.* -3 {8}flags {2}Port the parser\n$/);
    expect((await agentd("task", "list", "--label", "team=writers")).out).toStartWith("no tasks");
  });

  test("that is paused gives nothing out, says so, and goes on when resumed", async () => {
    await register("paused", [{}]);
    expect((await agentd("task", "pause", "paused")).out).toStartWith("paused task ");
    const refused = await agentd("node", "acquire", "paused");
    expect(refused).toMatchObject({ exit: 3, out: "" });
    expect(refused.err).toContain("the task is paused, go on with: agentd task resume ");
    expect((await agentd("task", "status", "paused")).out).toContain("PAUSED: 1 PENDING");
    expect((await agentd("task", "list")).out).toContain("PAUSED");
    expect((await agentd("task", "wait", "paused", "--timeout", "0")).err).toStartWith(
      "timed out, and the task is paused",
    );
    expect(await agentd("task", "resume", "paused")).toMatchObject({ exit: 0 });
    await json("node", "acquire", "paused");
  });

  test("that is canceled ends for whoever waits, works or looks", async () => {
    const task = await register("canceled", [{ name: "a" }, { name: "b" }]);
    // A wait that did not see the cancellation would outlast the test.
    const waiting = agentd("task", "wait", "canceled", "--timeout", "10m");
    const { lease_id } = await json<Lease>("node", "acquire", "canceled");
    await json("node", "heartbeat", "canceled", "a", lease_id);
    const canceled = await agentd("task", "cancel", "canceled", "--reason", "the goal has changed");
    expect(canceled.out).toBe(`canceled task ${task}: 2 nodes had not ended\n`);
    expect(await waiting).toMatchObject({
      exit: 1,
      out: "FAILED: 2 FAILED\n",
      err: `why: agentd task status ${task}; to try again: agentd task retry ${task}\n`,
    });
    expect((await agentd("task", "status", "canceled")).out).toContain("a  canceled: the goal has changed\n");
    const late = await agentd("node", "complete", "canceled", "a", lease_id, "--json");
    expect(JSON.parse(late.err)).toMatchObject({ error: { data: { kind: "LEASE_LOST", reason: "CANCELED" } } });
    expect(await agentd("task", "cancel", "canceled")).toMatchObject({ exit: 1 });
  });

  test("goes before others by its priority, and a node before others by its own", async () => {
    await register("later", [{ name: "first" }, { name: "second" }], "--label", "queue=q");
    await register("sooner", [{ name: "third" }], "--label", "queue=q");
    expect((await agentd("task", "priority", "sooner", "1000")).out).toEndWith(" has priority 1000\n");
    expect((await agentd("task", "priority", "later", "-5", "--node", "first")).out).toStartWith("node ");
    expect((await status("sooner")).task.priority).toBe(1000);
    const { nodes } = await status("later");
    expect(nodes.map(({ priority }) => priority)).toEqual([-5, 0]);
    const taken = await json<{ context: { node: { name: string } } }>("node", "acquire", "--any");
    expect(taken.context.node.name).toBe("third");
  });
});

describe("a retry", () => {
  test("of a task takes what FAILED, and what was skipped for it follows", async () => {
    await register("retried", [
      { name: "last", dependencies: ["middle"], on_dependency_failure: "skip" },
      { name: "middle", dependencies: ["root"], on_dependency_failure: "skip" },
      { name: "root" },
      { name: "other" },
    ]);
    await failNext("retried");
    expect(await statuses("retried")).toEqual({ last: "FAILED", middle: "FAILED", root: "FAILED", other: "PENDING" });
    expect((await agentd("task", "status", "retried")).out).toContain("middle  skipped: root FAILED");
    expect((await agentd("task", "retry", "retried")).out).toBe("3 nodes are PENDING again\n");
    expect(await statuses("retried")).toEqual({
      last: "PENDING",
      middle: "PENDING",
      root: "PENDING",
      other: "PENDING",
    });
    expect((await agentd("task", "retry", "retried")).err).toContain("has no FAILED node that could be retried");
  });

  test("of a canceled task takes dependencies before what waits for them", async () => {
    await register("again", [
      { name: "last", dependencies: ["root"], on_dependency_failure: "skip" },
      { name: "root" },
    ]);
    await json("task", "cancel", "again");
    const { node_ids } = await json<{ node_ids: string[] }>("task", "retry", "again");
    expect(node_ids).toHaveLength(2);
    expect(await statuses("again")).toEqual({ last: "PENDING", root: "PENDING" });
  });

  test("of nodes takes these alone", async () => {
    await register("some", [{ name: "a" }, { name: "b" }, { name: "c" }]);
    for (let node = 0; node < 3; node++) await failNext("some");
    await json("task", "retry", "some", "c", "a");
    expect(await statuses("some")).toEqual({ a: "PENDING", b: "FAILED", c: "PENDING" });
    expect((await agentd("node", "retry", "some", "b")).out).toMatch(/^node \S{36} is PENDING again\n$/);
    expect(await agentd("node", "retry", "some", "b")).toMatchObject({ exit: 1 });
  });
});

describe("a node", () => {
  test("is acquired by its labels, of any task, several at once", async () => {
    const labels = { role: "tests" };
    await register("labeled", [
      { name: "plain" },
      { name: "one", labels },
      { name: "two", labels },
      { name: "three", labels },
    ]);
    const acquire = ["node", "acquire", "--any", "--label", "role=tests"];
    const { nodes } = await json<{ nodes: { context: { node: { name: string } } }[] }>(...acquire, "--count", "2");
    expect(nodes.map(({ context }) => context.node.name)).toEqual(["one", "two"]);
    expect((await agentd(...acquire)).out).toMatch(/^acquired node \S{36} {2}three\n/);
    const none = await agentd(...acquire);
    expect(none).toMatchObject({ exit: 3, out: "" });
    expect(none.err).toStartWith("nothing with these labels is runnable now");
  });

  test("that nobody gets yet is named, with what keeps it, to those alone who could take it", async () => {
    const [mac, task] = ["os=mac", "waiting"];
    await register(task, [
      { name: "flaky", max_attempts: 3, labels: { os: "mac" } },
      { name: "bad" },
      { name: "after-bad", dependencies: ["bad"] },
    ]);
    const { lease_id } = await json<Lease>("node", "acquire", task, "--label", mac);
    await json("node", "release", task, "flaky", lease_id, "--delay", "1h");
    await failNext(task);
    const none = await agentd("node", "acquire", task);
    expect(none).toMatchObject({ exit: 3, out: "" });
    expect(none.err).toMatch(/\n {2}flaky {2}not before \S+ \(in .*\)\n {2}after-bad {2}blocked by bad\n/);
    expect(none.err).toMatch(/\nrun what FAILED again with: agentd task retry \S{36}\n$/);
    expect((await agentd("run", "--task", task, "--wait", "0s", "--", "true")).err).toEqual(none.err);

    const chosen = await agentd("node", "acquire", task, "--label", mac);
    expect(chosen.err).toMatch(/\n {2}flaky {2}not before .*\ntry again later, or look: agentd task status \S{36}\n$/);
    expect(chosen.err).not.toContain("after-bad");
    const misspelled = await agentd("node", "acquire", task, "--label", "os=win");
    expect(misspelled.err).toMatch(/; no PENDING node has these labels; see: agentd task status \S{36}\n$/);
    await json("task", "pause", task);
    expect((await agentd("node", "acquire", task)).err).toMatch(
      /\nthe task is paused, go on with: agentd task resume \S{36}\n$/,
    );
    expect((await agentd("node", "show", task, "flaky")).out).toMatch(/\n {2}task .* PAUSED\n/);
  });

  test("is named by its name, tells how far it is, and is given back", async () => {
    await register("worked", [{ name: "parser", max_attempts: 3, ttl_secs: 300 }]);
    const { lease_id } = await json<Lease>("node", "acquire", "worked", "--owner", "codex-1");
    const leased = ["worked", "parser", lease_id];
    await json("node", "heartbeat", ...leased, "--percent", "40", "--message", "lexer done");
    expect((await agentd("task", "status", "worked")).out).toContain("RUNNING  parser  40% lexer done  codex-1 since");
    expect((await agentd("node", "release", ...leased, "--delay", "1h")).out).toContain("; nobody gets it before ");
    expect((await agentd("task", "status", "worked")).out).toContain("parser  not before ");
    expect(await agentd("node", "acquire", "worked")).toMatchObject({ exit: 3 });
  });

  test("that fails with attempts left is PENDING again, and shows every attempt", async () => {
    await register("shown", [
      { name: "root" },
      { name: "parser", dependencies: ["root"], max_attempts: 2, ttl_secs: 300 },
    ]);
    const root = await json<Lease>("node", "acquire", "shown");
    await json("node", "complete", "shown", "root", root.lease_id);
    const first = await json<Lease>("node", "acquire", "shown", "--owner", "codex-1");
    const failed = await agentd("node", "fail", "shown", "parser", first.lease_id, "--error", '"tests fail"');
    expect(failed.out).toContain(" has attempts left and is PENDING again\n");
    await json("node", "acquire", "shown", "--owner", "codex-2");
    const { out } = await agentd("node", "show", "shown", "parser");
    expect(out).toContain("RUNNING  parser  codex-2 since");
    expect(out).toContain("attempt 2 of 2");
    expect(out).toMatch(/^ {2}after {8}\S{36}\n {15}waits when one of these is FAILED/m);
    expect(out).toMatch(
      /^ {2}attempts {5}up to 2\n {2}lease time {3}5m\n {2}lost leases {2}as many as the daemon allows\n/m,
    );
    expect(out).toMatch(
      /\n#  OWNER +STARTED +LENGTH +OUTCOME +ERROR\n1  codex-1 .*FAILED +"tests fail"\n2  codex-2 .*RUNNING\n$/,
    );
    expect((await agentd("node", "show", "shown", "parser", "--get", "failed_attempts")).out).toBe("1\n");
  });

  test("is added to a running task, before another, by who holds a lease", async () => {
    await register("grown", [{ name: "grammar" }, { name: "release", dependencies: ["grammar"] }]);
    const { lease_id } = await json<Lease>("node", "acquire", "grown");
    const file = join(directory, "more.yaml");
    await writeFile(file, "- name: lexer\n  dependencies: [grammar]\n- name: parser\n  dependencies: [lexer]\n");
    const added = await agentd("node", "add", "grown", file, "--before", "release", "--lease", lease_id.slice(0, 8));
    expect(added.out).toMatch(/^added 2 nodes to task \S{36}\n$/);
    const { nodes } = await status("grown");
    const ids = await byName("grown", "id");
    expect(nodes[1]?.dependencies).toEqual([ids.grammar ?? "", ids.lexer ?? "", ids.parser ?? ""]);
    await writeFile(file, "- name: docs\n  dependencies: [lexxer]\n");
    const refused = await agentd("node", "add", "grown", file);
    expect(refused).toMatchObject({ exit: 1, out: "" });
    expect(refused.err).toStartWith(`agentd: ${file}: node docs depends on "lexxer", which is not a node of this task`);
  });
});

const mistakes: [args: string[], exit: number, message: string][] = [
  [["node", "acquire"], 2, "TASK is missing; for a node of any task give --any"],
  [["node", "acquire", "x", "--any"], 2, "TASK and --any exclude each other"],
  [["node", "acquire", "--any", "--count", "0"], 2, "params.count"],
  [["node", "acquire", "--any", "--label", "role"], 2, "expected NAME=VALUE"],
  [["node", "heartbeat", "t", "n", "l", "--percent", "101"], 2, '--percent is "101"; expected 0 to 100'],
  [["task", "priority", "t", "high"], 2, 'PRIORITY is "high"; expected a whole number'],
  [["task", "register", "-", "--priority", "1.5"], 2, '--priority is "1.5"; expected a whole number'],
  [["task", "retry", "nobody"], 1, "no task is named nobody, and no task id begins with it; see: agentd task list"],
];
test.each(mistakes)("agentd %j is refused with %d", async (args, exit, message) => {
  const ran = await agentd(...args);
  expect(ran).toMatchObject({ exit, out: "" });
  expect(ran.err).toContain(message);
});

test("what the daemon refuses of a file names the place in the file", async () => {
  const stdin = JSON.stringify({ goal: "g", nodes: [{}, { max_attempts: 0 }] });
  const ran = await daemon.agentd(["task", "register", "-"], { stdin });
  expect(ran).toMatchObject({ exit: 2, out: "" });
  expect(ran.err).toStartWith("agentd: standard input: nodes[1].max_attempts: expected at least 1, got 0");
});
