import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { ClientMemory, type Keeper } from "../../src/daemon/client-memory.ts";
import { type DaemonProcess, scratch, serve } from "./daemon-process.ts";
import type { LineClient } from "./line-client.ts";

setDefaultTimeout(60_000);

const bytesMax = 1_000;
const nowMs = 100_000;

/** Clients that keep so much and have not moved for so long; who has to go, in this order. */
function evictedOf(clients: Record<string, [bytes: number, stillForMs: number]>) {
  const memory = new ClientMemory(bytesMax);
  const gone: string[] = [];
  for (const [name, [bytes, stillForMs]] of Object.entries(clients)) {
    const keeper: Keeper = {
      bytes,
      movedAtMs: nowMs - stillForMs,
      evict() {
        gone.push(name);
        memory.leave(keeper);
        memory.count(-bytes);
      },
    };
    memory.join(keeper);
    memory.count(bytes);
  }
  const againMs = memory.makeRoom(nowMs, () => undefined);
  return { gone, againMs };
}

describe("of clients who keep too much together", () => {
  test.each<[string, Parameters<typeof evictedOf>[0], string[], number | null]>([
    ["nobody goes while there is room", { a: [600, 9_000], b: [400, 9_000] }, [], null],
    ["who has not moved for longest goes first", { a: [600, 5_000], b: [600, 9_000] }, ["b"], null],
    ["as many go as must", { a: [600, 5_000], b: [600, 9_000], c: [600, 7_000] }, ["b", "c"], null],
    ["who keeps no more than an equal share stays", { a: [900, 2_000], b: [300, 9_000] }, ["a"], null],
    ["who reads stays, and is looked at again", { a: [900, 400], b: [300, 9_000] }, [], 600],
    ["not even who reads may make it too much", { a: [2_100, 0], b: [10, 0] }, ["a"], null],
  ])("%s", (_, clients, gone, againMs) => {
    expect(evictedOf(clients)).toEqual({ gone, againMs });
  });
});

/** Little, so that few clients come to it. */
const environment = { AGENTD_CLIENTS_BYTES_MAX: String(16 << 20) };

/** As many as it takes, who all do the same and read nothing. */
async function hogs(daemon: DaemonProcess, count: number, sent: string): Promise<LineClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => daemon.lines()));
  for (const client of clients) {
    client.stopReading();
    client.push(sent);
  }
  return clients;
}

const megabyte = 1 << 20;
const describing = '{"method":"DescribeInterface"}\n';

describe("memory of the daemon grew with the number of clients", () => {
  test.each<[string, string]>([
    ["that read no answer", describing.repeat(40)],
    ["that finish no request", `{"method":"Health","padding":"${"x".repeat(megabyte - 100)}`],
    [
      "whose requests wait and are large",
      `{"method":"ListEvents","params":{"wait_ms":600000,"padding":[${"[],".repeat(100_000)}[]]}}\n`,
    ],
  ])("%s: some of them have to go, and whoever reads is served", async (_, sent) => {
    using place = scratch();
    await using daemon = await serve(place.home, { environment });
    const reader = await daemon.lines();
    const all = await hogs(daemon, 40, sent);
    while (!daemon.log().includes("closed a connection for which"))
      expect((await reader.ask("DescribeInterface")).error).toBeUndefined();
    expect((await reader.ask("Health")).error).toBeUndefined();
    for (const hog of all) hog[Symbol.dispose]();
  });

  test("but clients that send large requests at once, and wait for their answers, are all served", async () => {
    using place = scratch();
    await using daemon = await serve(place.home);
    const clients = await Promise.all(Array.from({ length: 60 }, () => daemon.lines()));
    const padding = "x".repeat(megabyte / 2);
    const answers = clients.map(async (client) => client.ask("Health", { padding }));
    for (const { error } of await Promise.all(answers)) expect(error).toBeUndefined();
  });
});
