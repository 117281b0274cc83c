import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type DaemonProcess, residentBytes, scratch, serve, until } from "./daemon-process.ts";
import type { LineClient } from "./line-client.ts";

setDefaultTimeout(30_000);

const megabyte = 1 << 20;

const turnedAway = { error: { code: -32000, data: { kind: "TOO_MANY_CONNECTIONS", limit: "connections_max" } } };

/** Clients that all have been answered, so that each has its place. */
async function seated(daemon: DaemonProcess, count: number): Promise<LineClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => daemon.lines()));
  await Promise.all(clients.map(async (client) => client.ask("Health")));
  return clients;
}

/** Whether a client is served, or told that all places are taken. */
async function isServed(daemon: DaemonProcess): Promise<boolean> {
  using client = await daemon.lines();
  return (await client.ask("Health")).error === undefined;
}

/** The system itself refuses for a moment when more connect than a process can take note of. */
async function connectPatiently(daemon: DaemonProcess): Promise<LineClient> {
  for (;;) {
    try {
      return await daemon.lines();
    } catch {
      await Bun.sleep(5);
    }
  }
}

/** Does something over and over until a promise is settled, and gives what it came to. */
async function meanwhile<T>(work: Promise<T>, act: () => Promise<void>): Promise<T> {
  const state = { over: false };
  const watched = work.finally(() => (state.over = true));
  while (!state.over) await act();
  return watched;
}

describe("connections", () => {
  test("the 257th gets one clear line and the end; a place given back is taken again", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const clients = await seated(daemon, 256);
    using further = await daemon.lines();
    const [line = "", ...more] = await further.rest();
    expect(JSON.parse(line)).toMatchObject(turnedAway);
    expect(more).toEqual([]);
    clients[100]?.[Symbol.dispose]();
    await until(() => isServed(daemon));
  });

  test("of 2,000 at once, 256 are served and the others told so, and nobody served before is harmed", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const canary = await daemon.lines();
    await canary.ask("Health");
    const clients = await Promise.all(Array.from({ length: 2_000 }, () => connectPatiently(daemon)));
    const answers = await Promise.all(clients.map(async (client) => client.ask("Health")));
    const served = clients.filter((_, at) => answers[at]?.result !== undefined);
    const others = answers.filter(({ error }) => error?.data.kind === "TOO_MANY_CONNECTIONS");
    expect([served.length, others.length]).toEqual([255, 1_745]);
    for (const client of [canary, ...served]) expect((await client.ask("Health")).error).toBeUndefined();
  });

  test("a client that dies while it waits for an event gives its place back", async () => {
    using place = scratch();
    await using daemon = await serve(place.home, { environment: { AGENTD_CONNECTIONS_MAX: "1" } });
    const client = await daemon.lines();
    client.push('{"method":"ListEvents","params":{"wait_ms":600000}}\n');
    await until(async () => !(await isServed(daemon)));
    client[Symbol.dispose]();
    await until(() => isServed(daemon));
  });
});

describe("one client's demands", () => {
  test("answers it never reads get it disconnected, at no cost to others", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const canary = await daemon.lines();
    for (let i = 0; i < 50; i++) await canary.ask("DescribeInterface");
    const before = residentBytes(daemon.pid);
    const deaf = await daemon.lines();
    deaf.stopReading();
    deaf.push('{"method":"DescribeInterface"}\n'.repeat(20_000));
    let most = 0;
    await meanwhile(deaf.closed, async () => {
      expect((await canary.ask("Health")).error).toBeUndefined();
      most = Math.max(most, residentBytes(daemon.pid) - before);
      await Bun.sleep(20);
    });
    expect(most / megabyte).toBeLessThan(32);
  });

  test("a client that reads slowly is not one that reads nothing", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const slow = await daemon.lines();
    slow.stopReading();
    const requests = 400;
    slow.push('{"method":"DescribeInterface"}\n'.repeat(requests));
    slow.endWriting();
    // Longer than a client may take nothing, with a little taken now and then.
    for (let i = 0; i < 8; i++) {
      await Bun.sleep(1_000);
      slow.readOn();
      await slow.line();
      slow.stopReading();
    }
    slow.readOn();
    expect((await slow.rest()).length).toBe(requests - 8);
  });

  test("answers behind one that waits grew without bound", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const canary = await daemon.lines();
    for (let i = 0; i < 50; i++) await canary.ask("DescribeInterface");
    const before = residentBytes(daemon.pid);
    const greedy = await daemon.lines();
    greedy.push('{"method":"ListEvents","params":{"wait_ms":600000}}\n');
    greedy.push('{"method":"DescribeInterface"}\n'.repeat(20_000));
    for (let i = 0; i < 200; i++) expect((await canary.ask("Health")).error).toBeUndefined();
    expect((residentBytes(daemon.pid) - before) / megabyte).toBeLessThan(32);
  });

  test("100,000 requests at once leave room for another's", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const canary = await daemon.lines();
    const flooder = await daemon.lines();
    flooder.push('{"method":"Metrics"}\n'.repeat(100_000));
    flooder.endWriting();
    let answers = 0;
    const flood = await meanwhile(flooder.rest(), async () => {
      expect((await canary.ask("Health")).error).toBeUndefined();
      answers++;
    });
    expect(flood.length).toBe(100_000);
    expect(answers).toBeGreaterThan(100);
  });
});

test("limits from the environment hold and are shown", async () => {
  using place = scratch();
  const environment = {
    AGENTD_REQUEST_BYTES_MAX: "1024",
    AGENTD_DEPTH_MAX: "8",
    AGENTD_TASK_NODES_MAX: "1",
    AGENTD_NODE_DEPENDENCIES_MAX: "0",
    AGENTD_BATCH_REQUESTS_MAX: "1",
  };
  await using daemon = await serve(place.home, { environment });
  const client = await daemon.lines();
  expect((await client.ask("Health")).result).toMatchObject({
    limits: {
      request_bytes_max: 1_024,
      depth_max: 8,
      task_nodes_max: 1,
      active_nodes_max: 1_000_000,
      node_dependencies_max: 0,
      batch_requests_max: 1,
    },
  });
  const tooMany = await client.ask("RegisterTask", { goal: "g", initial_nodes: [{}, {}] });
  expect(tooMany.error?.data).toMatchObject({ kind: "LIMIT_EXCEEDED", limit: "task_nodes_max", max: 1 });
  expect((await client.ask("Health", [[[[[[[[]]]]]]]])).error?.data.kind).toBe("INVALID_REQUEST");
  expect((await client.ask("Health", { padding: "x".repeat(1_024) })).error?.code).toBe(-32001);
});
