import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { workshop, type Workshop } from "./worker.ts";

setDefaultTimeout(30_000);

let shop: Workshop;
beforeAll(async () => void (shop = await workshop()));
afterAll(() => shop[Symbol.asyncDispose]());

describe("the end of the command is the end of its node", () => {
  test.each<[what: string, script: string, exit: number, status: string, payload: unknown]>([
    ["an object", `echo '{"files":["a.rs"]}'`, 0, "COMPLETED", { files: ["a.rs"] }],
    ["a number", "echo 42", 0, "COMPLETED", 42],
    ["plain text", "echo hello; echo note >&2", 0, "COMPLETED", { stdout_tail: "hello\n", exit_code: 0 }],
    ["nothing", ":", 0, "COMPLETED", { stdout_tail: "", exit_code: 0 }],
    ["JSON with a key twice", `echo '{"a":1,"a":2}'`, 0, "COMPLETED", { stdout_tail: '{"a":1,"a":2}\n', exit_code: 0 }],
    [
      "an exit status",
      "echo '{}'; echo no >&2; exit 7",
      1,
      "FAILED",
      { exit_code: 7, signal: null, stderr_tail: "no\n" },
    ],
    ["a signal", "kill -SEGV $$", 1, "FAILED", { exit_code: null, signal: "SIGSEGV", stderr_tail: "" }],
  ])("that prints or ends with %s", async (_what, script, exit, status, payload) => {
    const task = await shop.task();
    const ran = await shop.work(task, [], script).ended;
    expect(ran).toMatchObject({ exit, finished: [{ task_id: task, outcome: status }] });
    expect(await shop.node(task)).toMatchObject({ status, result_payload: payload });
  });

  test.each<[what: string, script: string, kept: object, says: string]>([
    [
      "is larger than a result may be",
      "head -c 3000000 /dev/zero | tr '\\0' x; echo y",
      {
        stdout_tail: `${"x".repeat(16_382)}y\n`,
        bytes: 3_000_002,
        truncated: true,
        why: "is longer than 1044480 bytes",
      },
      "only the last 16384 characters of its output are kept, as it is longer than 1044480 bytes (3000002 bytes)",
    ],
    [
      "is long and no JSON",
      "head -c 20000 /dev/zero | tr '\\0' x",
      { stdout_tail: "x".repeat(16_384), bytes: 20_000, truncated: true },
      "only the last 16384 characters of its output are kept, as it is no JSON value agentd takes: not JSON",
    ],
    [
      "is no JSON",
      "echo hello",
      { stdout_tail: "hello\n", bytes: 6, truncated: false },
      "its output is kept as text, as it is no JSON value agentd takes: not JSON",
    ],
    [
      "is JSON with a key twice",
      `echo '{"a":1,"a":2}'`,
      { stdout_tail: '{"a":1,"a":2}\n', bytes: 14, truncated: false },
      'no JSON value agentd takes: an object names the same key twice: "a" (14 bytes)',
    ],
    [
      "is nested too deeply",
      "printf '%s' [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
      { bytes: 65, truncated: false },
      "nested deeper than 30 levels",
    ],
    [
      "is not UTF-8",
      String.raw`printf '"\377"'`,
      { stdout_tail: '"\u{fffd}"', bytes: 3, truncated: false, why: "is not UTF-8" },
      "its output is kept as text, as it is not UTF-8 (3 bytes)",
    ],
  ])("is not lost without a word where its output %s", async (_what, script, kept, says) => {
    const task = await shop.task();
    const ran = await shop.work(task, [], script).ended;
    const { result_payload, id } = await shop.node(task);
    expect(result_payload).toMatchObject({ ...kept, exit_code: 0 });
    expect(ran.err).toContain(`warning: node ${String(id)}: `);
    expect(ran.err).toContain(says);
  });

  test("says how much of standard error it kept", async () => {
    const task = await shop.task();
    await shop.work(task, [], "head -c 20000 /dev/zero | tr '\\0' x >&2; exit 1").ended;
    const { result_payload } = await shop.node(task);
    expect(result_payload).toMatchObject({ stderr_tail: "x".repeat(16_384), bytes: 20_000, truncated: true });
  });

  test("says nothing of a command that printed nothing", async () => {
    expect(await shop.work(await shop.task(), [], ":").ended).toMatchObject({ exit: 0, err: "" });
  });

  test("also when nobody reads what it prints", async () => {
    const task = await shop.task();
    const words = ["run", "--task", task, "--", "sh", "-c", "head -c 300000 /dev/zero >&2; echo 1"];
    await shop.daemon.agentd([...words], { into: "true 2>&-" });
    expect(await shop.node(task)).toMatchObject({ status: "COMPLETED", result_payload: 1 });
  });
});

describe("the command", () => {
  test("is told all about its node", async () => {
    const task = await shop.task({ first: [], second: ["first"] });
    await shop.work(task, [], `echo '{"of":"first"}'`).ended;
    const names = ["TASK_ID", "NODE_ID", "LEASE_ID", "SOCKET_PATH"].map((name) => `"$AGENTD_${name}"`).join(" ");
    const ran = await shop.work(
      task,
      [],
      `cmp - "$AGENTD_CONTEXT_FILE" && printf '%s\n' ${names} > told; cat "$AGENTD_CONTEXT_FILE"`,
    ).ended;
    const [finished] = ran.finished;
    const told = (await Bun.file(`${shop.directory}/told`).text()).trim().split("\n");
    expect(told).toEqual([task, String(finished?.node_id), String(finished?.lease_id), shop.daemon.socket]);
    const { nodes } = await shop.daemon.client.call("TaskStatus", { task_id: task });
    expect(nodes[1]?.result_payload).toMatchObject({
      task: { id: task, goal: "g" },
      node: { payload_schema: { name: "second" } },
      completed_dependencies: [{ result_payload: { of: "first" } }],
    });
  });

  test("stands in the journal with its start and end", async () => {
    const task = await shop.task();
    await shop.work(task, ["--owner", "sh-1"], "exit 3").ended;
    const { events } = await shop.daemon.client.call("ListEvents", { task_id: task });
    expect(events.map((event) => event.action_type)).toEqual([
      "REGISTER_TASK",
      "ACQUIRE_NODE",
      "START_COMMAND",
      "END_COMMAND",
      "FAIL_NODE",
    ]);
    expect(events.map((event) => event.payload)).toMatchObject({
      1: { lease_owner: "sh-1" },
      2: { command: ["sh", "-c", "exit 3"] },
      3: { exit_code: 3, signal: null, ended_by: null },
    });
  });

  test("that does not exist takes no node", async () => {
    const task = await shop.task();
    const ran = await shop.daemon.agentd(["run", "--task", task, "--", "no-such-program"]);
    expect(ran).toMatchObject({ exit: 2, out: "" });
    expect(ran.err).toContain("no-such-program is not a program");
    expect(await shop.node(task)).toMatchObject({ status: "PENDING" });
  });
});

describe("a task", () => {
  const diamond = { a: [], b: ["a"], c: ["a"], d: ["b", "c"] };

  test("is done by --all in the order of its nodes", async () => {
    const task = await shop.task(diamond);
    const ran = await shop.work(task, ["--all"], `sed 's/.*"payload_schema":{"name":"\\(.\\)"}.*/"\\1"/'`).ended;
    expect(ran).toMatchObject({ exit: 0, finished: Array.from({ length: 4 }, () => ({ outcome: "COMPLETED" })) });
    const { nodes } = await shop.daemon.client.call("TaskStatus", { task_id: task });
    expect(nodes.map((node) => node.result_payload)).toEqual(["a", "b", "c", "d"]);
  });

  test("is done by --parallel on several nodes at once", async () => {
    const task = await shop.task({ a: [], b: [] });
    // Each waits for the other.
    const meet = `touch met-$AGENTD_NODE_ID; while [ "$(ls met-* | wc -l)" -lt 2 ]; do sleep 0.01; done`;
    const ran = await shop.work(task, ["--parallel", "2"], meet).ended;
    expect(ran).toMatchObject({ exit: 0, finished: Array.from({ length: 2 }, () => ({ outcome: "COMPLETED" })) });
  });

  test("that fails under --all ends it with 1, after what could still run", async () => {
    const task = await shop.task({ a: [], b: [], c: ["b"] });
    const fail = `grep -q '"payload_schema":{"name":"a"}' && exit 1; exit 0`;
    const ran = await shop.work(task, ["--all"], fail).ended;
    expect(ran.exit).toBe(1);
    expect(ran.finished.map(({ outcome }) => outcome)).toEqual(["FAILED", "COMPLETED", "COMPLETED"]);
  });

  test("with nothing to take ends it with 3", async () => {
    const task = await shop.task();
    const { node_id, lease_id } = await shop.take({ task_id: task });
    expect(await shop.work(task, ["--wait", "0"], ":").ended).toMatchObject({ exit: 3, finished: [] });
    await shop.daemon.client.call("CompleteNode", { task_id: task, node_id, lease_id, result_payload: 1 });
    expect(await shop.work(task, [], ":").ended).toMatchObject({ exit: 3, finished: [] });
    expect(await shop.work(task, ["--all"], ":").ended).toMatchObject({ exit: 0, finished: [] });
  });
});

describe("without a task", () => {
  test("nodes of any are taken that have the labels", async () => {
    const { client } = shop.daemon;
    const register = (labels: Record<string, string>) =>
      client.call("RegisterTask", { goal: "g", initial_nodes: [{ labels }] });
    await register({ role: "docs", shop: "a" });
    const wanted = await register({ role: "tests", shop: "a" });
    const options = ["--label", "role=tests", "--label", "shop=a"];
    const ran = await shop.work(null, options, ":").ended;
    expect(ran).toMatchObject({ exit: 0, finished: [{ task_id: wanted.task_id, outcome: "COMPLETED" }] });
    expect(await shop.work(null, [...options, "--wait", "0"], ":").ended).toMatchObject({ exit: 3, finished: [] });
  });

  test("nodes of any are taken where that is said", async () => {
    await using own = await workshop();
    const task = await own.task();
    expect(await own.daemon.agentd(["run", "--", "true"])).toMatchObject({ exit: 2, out: "" });
    expect(await own.node(task)).toMatchObject({ status: "PENDING" });
    const ran = await own.work(null, ["--any"], ":").ended;
    expect(ran).toMatchObject({ exit: 0, finished: [{ task_id: task, outcome: "COMPLETED" }] });
  });
});

test.each([
  [["--label", "role", "--", "true"], '--label is "role"; expected NAME=VALUE'],
  [["--label", "=x", "--", "true"], '--label is "=x"; expected NAME=VALUE'],
  [["--label", "a=1", "--label", "a=2", "--", "true"], "--label names a twice, and a label has one value"],
  [["--parallel", "0", "--", "true"], "--parallel is 0; expected 1 to 64"],
  [["--", "true"], "--task TASK is missing; for a node of any task give --any or --label K=V"],
  [["--all", "--", "true"], "--task TASK is missing; for a node of any task give --any or --label K=V"],
  [["--any", "--task", "x", "--", "true"], "--task TASK and --any exclude each other; leave one out"],
  [["true"], '"true" is an unexpected argument'],
  [["--all"], "the command to run is missing: -- CMD [ARGUMENTS]"],
])("agentd run %j is refused", async (args, message) => {
  expect(await shop.daemon.agentd(["run", ...args])).toEqual({ exit: 2, out: "", err: `agentd: ${message}\n` });
});

test("a node with attempts left runs again", async () => {
  const { client } = shop.daemon;
  const { task_id } = await client.call("RegisterTask", { goal: "g", initial_nodes: [{ max_attempts: 2 }] });
  const ran = await shop.work(task_id, ["--all"], "[ -e tried ] || { touch tried; exit 1; }").ended;
  expect(ran).toMatchObject({
    exit: 0,
    finished: [{ outcome: "FAILED", reason: "it has attempts left" }, { outcome: "COMPLETED" }],
  });
});
