import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { type DaemonProcess, processorTicks, scratch, serve, until } from "./daemon-process.ts";
import { World } from "./world.ts";

setDefaultTimeout(30_000);

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  test("answers what was sent before it, then leaves nothing behind", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const client = await daemon.lines();
    await client.ask("RegisterTask", { goal: "something to fold in" });
    // Stopped, so that the signal and the requests are there together when it goes on.
    daemon.signal("SIGSTOP");
    await client.send('{"method":"ListResourceLocks"}\n'.repeat(500));
    const newcomer = await daemon.lines();
    await newcomer.send('{"method":"ListResourceLocks"}\n');
    daemon.signal(signal);
    daemon.signal("SIGCONT");
    expect((await client.rest()).length).toBe(500);
    expect((await newcomer.rest()).length).toBe(1);
    expect(await daemon.exited).toBe(0);
    expect(existsSync(daemon.socket)).toBe(false);
    const wal = join(place.home, "agent_state.db-wal");
    expect(existsSync(wal) ? statSync(wal).size : 0).toBe(0);
    expect(daemon.log()).toContain(`stopping: ${signal}`);
  });

  test("gives those who wait for an event their answer", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const client = await daemon.lines();
    await client.ask("Health");
    client.push('{"id":2,"method":"ListEvents","params":{"wait_ms":600000}}\n');
    await (await daemon.lines()).ask("Health");
    daemon.signal(signal);
    expect(await client.answer()).toEqual({ id: 2, result: { events: [], next_after_seq: 0, last_seq: 0 } });
    expect(await client.line()).toBeNull();
    expect(await daemon.exited).toBe(0);
  });

  test("right after the start drains too", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    expect(await daemon.end(signal)).toBe(0);
    expect(existsSync(daemon.socket)).toBe(false);
  });
});

/** A client in a process of its own: it reads nothing until it is told to, and then counts its answers. */
const slowReader = `
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(b'{"method":"DescribeInterface"}\\n' * 20)
open(sys.argv[2], "w").close()
sys.stdin.readline()
print(len(connection.makefile().readlines()), flush=True)
`;

test("a slow reader gets its last answers from a stopping daemon, a newcomer one line that says so", async () => {
  using place = scratch();
  await using daemon = await serve(place.home);
  const command = ["python3", "-c", slowReader, daemon.socket, join(place.path, "sent")];
  await using slow = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  await until(() => existsSync(join(place.path, "sent")));
  const canary = await daemon.lines();
  for (let i = 0; i < 5; i++) await canary.ask("Health");
  daemon.signal("SIGTERM");
  await until(() => daemon.log().includes("stopping"));
  const newcomer = await daemon.lines();
  expect(await newcomer.answer()).toMatchObject({ error: { data: { kind: "SHUTTING_DOWN" } } });
  expect(await newcomer.line()).toBeNull();
  await slow.stdin.write("read\n");
  await slow.stdin.end();
  expect(await slow.stdout.text()).toBe("20\n");
  expect(await daemon.exited).toBe(0);
});

test("kill -9 loses no acknowledged write, and a start gives every lease its full time again", async () => {
  using place = scratch();
  const environment = { AGENTD_NODE_TIMEOUT_SECS: "2" };
  const killed = await serve(place.home, { environment });
  const world = new World(await killed.client(), place.path);
  const held = await world.running();
  const lock = await world.lock();
  const writer = await killed.lines();
  const acknowledged: number[] = [];
  writer.push(
    Array.from({ length: 2_000 }, (_, id) =>
      JSON.stringify({ id, method: "CommitEvent", params: { ...held, payload: id } }).concat("\n"),
    ).join(""),
  );
  while (acknowledged.length < 200) acknowledged.push(Number((await writer.answer()).id));
  await killed.end("SIGKILL");
  for (const line of await writer.rest()) acknowledged.push((JSON.parse(line) as { id: number }).id);
  // Longer than the lease: nobody could renew it meanwhile.
  await Bun.sleep(2_100);

  await using daemon = await serve(place.home, { environment });
  const client = await daemon.client();
  expect(await client.call("HeartbeatNode", held)).toMatchObject({ ok: true });
  expect(await client.call("HeartbeatResourceLock", lock)).toMatchObject({ ok: true });
  const kept = new Set<unknown>();
  for (let after_seq = 0; ;) {
    const page = await client.call("ListEvents", { after_seq, action_types: ["COMMIT_EVENT"], limit: 1_000 });
    for (const { payload } of page.events) kept.add(payload);
    if (page.events.length === 0) break;
    after_seq = page.next_after_seq;
  }
  expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  expect(await client.call("VerifyJournal", {})).toMatchObject({ ok: true });
});

describe("lease time", () => {
  const statusOf = async (daemon: DaemonProcess, task_id: string) => {
    const { counts } = await (await daemon.client()).call("TaskStatus", { task_id });
    return Object.keys(counts)[0];
  };

  test("does not run while the daemon is stopped, and runs out when it is heard of no more", async () => {
    using place = scratch();
    await using daemon = await serve(place.home, { environment: { AGENTD_NODE_TIMEOUT_SECS: "2" } });
    const world = new World(await daemon.client(), place.path);
    const held = await world.running();
    daemon.signal("SIGSTOP");
    await Bun.sleep(3_000);
    daemon.signal("SIGCONT");
    expect(await statusOf(daemon, held.task_id)).toBe("RUNNING");
    expect(await (await daemon.client()).call("HeartbeatNode", held)).toMatchObject({ ok: true });
    const events = await (
      await daemon.client()
    ).call("ListEvents", {
      task_id: held.task_id,
      action_types: ["TIMEOUT_ROLLBACK"],
      wait_ms: 20_000,
    });
    expect(events.events.length).toBe(1);
    expect(await statusOf(daemon, held.task_id)).toBe("PENDING");
  });
});

test("SIGHUP follows a log that was moved away", async () => {
  using place = scratch();
  await using daemon = await serve(place.home);
  const log = join(place.home, "agentd.log");
  renameSync(log, `${log}.moved`);
  daemon.signal("SIGHUP");
  await until(() => existsSync(log));
  await daemon.end("SIGTERM");
  expect(readFileSync(`${log}.moved`, "utf8")).toContain("serves");
  expect(daemon.log()).toContain("stopping: SIGTERM");
});

test("SIGHUP ended a daemon whose home was moved away", async () => {
  using place = scratch();
  await using daemon = await serve(place.home);
  const client = await daemon.lines();
  renameSync(place.home, `${place.home}.moved`);
  daemon.signal("SIGHUP");
  expect((await client.ask("Health")).error).toBeUndefined();
});

test("the log names no payload and nothing of the environment", async () => {
  using place = scratch();
  const environment = { TOKEN: "secret-of-the-environment", AGENTD_LOG_REQUESTS: "1" };
  await using daemon = await serve(place.home, { environment });
  const client = await daemon.lines();
  await client.ask("RegisterTask", { goal: "secret-goal", context: "secret-context" });
  await client.ask("RegisterTask", { goal: 7, secret: "secret-refused" });
  client.push("secret-no-json\n");
  await client.answer();
  await client.send(`secret-too-long${"x".repeat(1 << 20)}`);
  await client.rest();
  await daemon.end("SIGTERM");
  expect(daemon.log()).toContain("stopped");
  expect(daemon.log()).toMatch(/RegisterTask id=\d+ seq=1 \d+\.\d\d ms, \d+ characters/);
  expect(daemon.log()).not.toContain("secret");
});

test("an idle daemon uses no processor time", async () => {
  using place = scratch();
  await using daemon = await serve(place.home);
  const client = await daemon.client();
  await client.call("RegisterTask", { goal: "no lease, so nothing is due" });
  // What start-up and the first request left to do may end first.
  await Bun.sleep(500);
  let ticks = processorTicks(daemon.pid);
  await until(async () => {
    const before = ticks;
    await Bun.sleep(2_000);
    ticks = processorTicks(daemon.pid);
    return ticks === before;
  });
});
