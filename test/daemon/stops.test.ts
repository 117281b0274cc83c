import { expect, setDefaultTimeout, test } from "bun:test";
import { scratch, serve } from "./daemon-process.ts";
import { World } from "./world.ts";

setDefaultTimeout(30_000);

const lock = { resource_key: "file:a", ttl_secs: 1 };

/*
 * Leases of a second, under which the holder asks while the daemon cannot hear. In one case nothing is given back, as the
 * daemon read its clocks in between: the heartbeats that lie in the sockets must be heard first.
 */
test.each([
  ["1.5 s right after a heartbeat", 0, 1_500],
  ["0.8 s some time after a heartbeat", 300, 800],
])("a stop of %s took a live holder's leases", async (_, restMs, stopMs) => {
  using place = scratch();
  await using daemon = await serve(place.home, { environment: { AGENTD_NODE_TIMEOUT_SECS: "1" } });
  const client = await daemon.client();
  const held = await new World(client, place.path).running();
  const lease = await client.call("AcquireResourceLock", { ...lock, owner: "holder" });
  const [holder, thief] = [await daemon.lines(), await daemon.lines()];
  const heartbeats = [
    { method: "HeartbeatNode", params: held },
    { method: "HeartbeatResourceLock", params: { ...lock, lease_id: lease?.lease_id } },
  ];
  const thefts = [
    { method: "AcquireNextNode", params: { task_id: held.task_id, lease_owner: "thief" } },
    { method: "AcquireResourceLock", params: { ...lock, owner: "thief" } },
  ];
  for (const { method, params } of heartbeats) expect((await holder.ask(method, params)).error).toBeUndefined();
  await Bun.sleep(restMs);
  await client.call("Health", {});
  daemon.signal("SIGSTOP");
  for (const theft of thefts) thief.push(`${JSON.stringify(theft)}\n`);
  for (const heartbeat of heartbeats) holder.push(`${JSON.stringify(heartbeat)}\n`);
  await Bun.sleep(stopMs);
  daemon.signal("SIGCONT");
  for (const _heartbeat of heartbeats) expect((await holder.answer()).error).toBeUndefined();
  for (const _theft of thefts) expect(await thief.answer()).toMatchObject({ result: null });
});
