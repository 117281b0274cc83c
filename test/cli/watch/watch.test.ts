import { describe, expect, test } from "bun:test";
import { oneNode } from "../../../src/protocol/methods/nodes.ts";
import { startDaemon, temporaryHome, type TestDaemon } from "../../support/daemon.ts";
import { runInTerminal } from "../../support/terminal.ts";

const enter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const leave = "\x1b[?7h\x1b[?25h\x1b[?1049l";

async function register(daemon: TestDaemon, goal: string): Promise<string> {
  const initial_nodes = [{ payload_schema: { name: "grammar" } }];
  return (await daemon.client.call("RegisterTask", { goal, initial_nodes })).task_id;
}

async function acquire({ client }: TestDaemon, task_id: string) {
  const node = oneNode(await client.call("AcquireNextNode", { task_id, lease_owner: "codex-1" }));
  if (node === null) throw new Error("nothing is runnable");
  return { task_id, node_id: node.node_id, lease_id: node.lease_id };
}

describe("on a terminal", () => {
  test("tasks and leases appear as they come, one can be looked into, and q gives the terminal back", async () => {
    await using daemon = await startDaemon();
    const watch = runInTerminal(daemon, ["watch"]);
    await watch.shows("no tasks");
    const task = await register(daemon, "Port the parser");
    await watch.shows("Port the parser");
    const claim = await acquire(daemon, task);
    await watch.shows("LEASES");
    watch.type("\r");
    await watch.shows("▸ ");
    await watch.shows("RUNNING  grammar  codex-1 since");
    await daemon.client.call("CompleteNode", { ...claim, result_payload: {} });
    await watch.shows("COMPLETED  grammar");
    watch.type("\x1b");
    await watch.shows("1 task, 0 running");
    watch.type("q");
    expect(await watch.ended).toBe(0);
    expect(watch.written()).toStartWith(enter);
    expect(watch.written()).toEndWith(leave);
  });

  test("a heartbeat, which the journal does not tell of, shows in the time left", async () => {
    await using daemon = await startDaemon();
    const claim = await acquire(daemon, await register(daemon, "Port the parser"));
    const watch = runInTerminal(daemon, ["watch"]);
    await watch.shows("4m ");
    await daemon.client.call("HeartbeatNode", { ...claim, ttl_secs: 86_400 });
    await watch.shows("23h 59m");
    await daemon.client.call("HeartbeatNode", { ...claim, ttl_secs: 2 * 86_400 });
    await watch.shows("1d 23h");
    watch.type("\x03");
    expect(await watch.ended).toBe(0);
  });

  test("a daemon that goes away is waited for, and not started", async () => {
    await using daemon = await startDaemon();
    await register(daemon, "before");
    const watch = runInTerminal(daemon, ["watch"]);
    await watch.shows("before");
    await daemon.agentd(["stop"]);
    await watch.shows("the daemon is away, trying again");
    await daemon.agentd(["start"]);
    await watch.loses("the daemon is away");
    const registered = await daemon.agentd(["task", "register", "-"], { stdin: '{"goal":"after"}' });
    expect(registered.exit).toBe(0);
    await watch.shows("after");
    watch.type("q");
    expect(await watch.ended).toBe(0);
  });

  test("another size is filled at once", async () => {
    await using daemon = await startDaemon();
    const watch = runInTerminal(daemon, ["watch"]);
    await watch.shows("no tasks");
    watch.resize(30, 10);
    await watch.shows("q quit   ↑↓ choose   Enter lo…");
    expect(watch.screen()).toHaveLength(10);
    watch.type("q");
    expect(await watch.ended).toBe(0);
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s ends it, and the terminal is given back", async (signal) => {
    await using daemon = await startDaemon();
    const watch = runInTerminal(daemon, ["watch"]);
    await watch.shows("no tasks");
    watch.kill(signal);
    expect(await watch.ended).toBe(signal);
    expect(watch.written()).toEndWith(leave);
  });

  test("a daemon's refusal is printed after the terminal was given back", async () => {
    await using daemon = await startDaemon();
    const watch = runInTerminal(daemon, ["watch", "00000000-0000-4000-8000-000000000000"]);
    expect(await watch.ended).toBe(1);
    expect(Bun.stripANSI(watch.written().slice(watch.written().indexOf(leave)))).toContain("agentd: there is no task");
  });

  test("a daemon that cannot be reached at the start ends it as any other command", async () => {
    await using home = await temporaryHome();
    const watch = runInTerminal(home, ["watch", "--no-start"]);
    expect(await watch.ended).toBe(4);
    expect(watch.written()).not.toContain(enter);
  });
});

describe("without a screen", () => {
  test("a task's state, its events and its end are printed, and the exit status tells how it ended", async () => {
    await using daemon = await startDaemon();
    const task = await register(daemon, "Port the parser");
    const claim = await acquire(daemon, task);
    const watch = runInTerminal(daemon, ["watch", task, "--plain"], { columns: 300 });
    await watch.writes("grammar");
    await daemon.client.call("FailNode", { ...claim, error_payload: "tests fail" });
    expect(await watch.ended).toBe(1);
    const text = Bun.stripANSI(watch.written()).replaceAll("\r", "");
    expect(text).toStartWith(`Port the parser\n${task}  ACTIVE: 1 RUNNING`);
    expect(text).toMatch(/FAIL_NODE .*\nFAILED: 1 FAILED\n$/);
    expect(text).not.toContain(enter);
  });

  test.each([
    ["COMPLETED", 0],
    ["FAILED", 1],
  ] as const)("a task that is %s already ends it with %d", async (state, exit) => {
    await using daemon = await startDaemon();
    const task = await register(daemon, "Port the parser");
    const claim = await acquire(daemon, task);
    if (state === "COMPLETED") await daemon.client.call("CompleteNode", { ...claim, result_payload: {} });
    else await daemon.client.call("FailNode", { ...claim, error_payload: "tests fail" });
    const ran = await daemon.agentd(["watch", task.slice(0, 8), "--json"]);
    expect(ran).toMatchObject({ exit, err: "" });
    expect(JSON.parse(ran.out)).toMatchObject({ task: { id: task }, state });
  });

  test("all tasks are printed as one object, then an object for each event", async () => {
    await using daemon = await startDaemon();
    const task = await register(daemon, "Port the parser");
    const { node_id, lease_id } = await acquire(daemon, task);
    const watching = daemon.agentd(["watch", "--json"], { into: "head -n 2" });
    // Whoever closes a pipe is noticed at the next line written to it, so there are lines until it has ended.
    for (let ran: unknown; ran === undefined; ran = await Promise.race([watching, Bun.sleep(5)])) {
      await daemon.client.call("CommitEvent", { task_id: task, node_id, lease_id, payload: { note: 1 } });
    }
    const [state = "", event = ""] = (await watching).out.split("\n");
    expect(JSON.parse(state)).toMatchObject({ tasks: [{ id: task }], locks: [] });
    expect(JSON.parse(event)).toMatchObject({ action_type: "COMMIT_EVENT", payload: { note: 1 } });
  });
});
