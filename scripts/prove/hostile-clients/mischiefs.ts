import { Client } from "../../../src/client/client.ts";
import type { ParamsInput, Result } from "../../../src/protocol/methods.ts";
import { oneNode } from "../../../src/protocol/methods/nodes.ts";
import { Disproved } from "../proof.ts";
import { letLoose } from "./nuisance.ts";

/** What somebody does to a daemon, how much of it, and how it must go. @throws {Disproved} */
export type Mischief = (socket: string) => Promise<void>;

const waitMs = 600_000;
const waitersForNodes = 20;
const waitersForEvents = 200;
const connectionsMax = 256;

/** In a round each comes once, in an order of the seed's. */
export const mischiefs: Record<string, Mischief> = {
  "1,000 connections at once": async (socket) => {
    await using crowd = letLoose(socket, "crowd", 1_000);
    const [served = 0, told = 0] = (await crowd.says()).split(" ").map(Number);
    if (served + told !== 1_000 || told < 1_000 - connectionsMax) {
      throw new Disproved(`of 1,000 connections ${served} were served and ${told} told that there is no room`);
    }
  },
  "half-closes": async (socket) => {
    await using client = letLoose(socket, "half", 1_000);
    const whole = await client.says();
    if (whole !== "1000") throw new Disproved(`of 1,000 clients that half-closed ${whole} got their three answers`);
  },
  "a line of 256 MB": async (socket) => {
    await using client = letLoose(socket, "long", 256);
    const answer = await client.says();
    const once = answer.split('"code":-32001').length === 2 && answer.endsWith("(end)");
    if (!once) throw new Disproved(`a line of 256 MB was answered ${answer}`);
  },
  "a flood": async (socket) => {
    await using client = letLoose(socket, "flood", 100_000);
    const count = await client.says();
    if (count !== "100000 0") throw new Disproved(`of a flood of 100,000 were answered, and answered wrong: ${count}`);
  },
  "death while waiting for a node": async (socket) => {
    using client = await Client.connect(socket);
    const { task_id } = await client.call("RegisterTask", { goal: "wait", initial_nodes: [{}] });
    const taken = oneNode(await client.call("AcquireNextNode", { task_id, lease_owner: "first" }));
    if (taken === null) throw new Disproved("a new node was not to be had");
    const { node_id, lease_id } = taken;
    await using dead = letLoose(
      socket,
      "wait",
      waitersForNodes,
      request("AcquireNextNode", { task_id, lease_owner: "dead" }),
    );
    await dead.says();
    using heir = await Client.connect(socket);
    const { inherited } = await inherit(heir, "AcquireNextNode", { task_id, lease_owner: "heir", wait_ms: waitMs });
    await dead.kill();
    await client.call("ReleaseNode", { task_id, node_id, lease_id });
    const got = oneNode(await inTime(inherited, "the node of the dead"));
    if (got?.lease_owner !== "heir") {
      throw new Disproved(`who waits behind the dead for a node got ${JSON.stringify(got)}`);
    }
    await heir.call("CompleteNode", { task_id, node_id, lease_id: got.lease_id, result_payload: null });
  },
  "death while waiting for a lock": async (socket) => {
    using client = await Client.connect(socket);
    const resource_key = `file:${crypto.randomUUID()}`;
    const held = await client.call("AcquireResourceLock", { resource_key, owner: "first" });
    if (held === null) throw new Disproved("a new lock was not to be had");
    const wish = { resource_key, owner: "dead", ttl_secs: 600 };
    await using dead = letLoose(socket, "wait", waitersForNodes, request("AcquireResourceLock", wish));
    await dead.says();
    using heir = await Client.connect(socket);
    const { inherited } = await inherit(heir, "AcquireResourceLock", { resource_key, owner: "heir", wait_ms: waitMs });
    await dead.kill();
    await client.call("ReleaseResourceLock", { resource_key, lease_id: held.lease_id });
    const got = await inTime(inherited, "the lock of the dead");
    if (got?.owner !== "heir") throw new Disproved(`who waits behind the dead for a lock got ${JSON.stringify(got)}`);
    await heir.call("ReleaseResourceLock", { resource_key, lease_id: got.lease_id });
  },
  "death while waiting for events": async (socket) => {
    await using dead = letLoose(socket, "wait", waitersForEvents, request("ListEvents", { after_seq: 9e15 }));
    await dead.says();
    await dead.kill();
    // More than are left unless the dead gave theirs back.
    await inTime(seatMany(socket, waitersForEvents), "the places of the dead");
  },
};

const request = (method: string, params: object): string =>
  JSON.stringify({ method, params: { ...params, wait_ms: waitMs } });

/** Asks for what does not come yet, and returns once the request has arrived. */
async function inherit<Name extends "AcquireNextNode" | "AcquireResourceLock">(
  heir: Client,
  method: Name,
  params: ParamsInput<Name>,
): Promise<{ inherited: Promise<Result<Name>> }> {
  // The answer to the one sent before it shows that it is there.
  const arrived = heir.call("Health", {});
  const inherited = heir.call(method, params);
  await arrived;
  return { inherited };
}

/** So many clients that are served at once; those that are turned away try again. */
async function seatMany(socket: string, count: number): Promise<void> {
  const clients: Client[] = [];
  try {
    while (clients.length < count) {
      const client = await Client.connect(socket);
      const served = await client.call("Health", {}).then(
        () => true,
        () => false,
      );
      if (served) clients.push(client);
      else client.close();
    }
  } finally {
    for (const client of clients) client.close();
  }
}

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  const late = Bun.sleep(20_000).then(() => {
    throw new Disproved(`${what} did not come in 20 s`);
  });
  return Promise.race([work, late]);
}
