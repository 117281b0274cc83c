import { expect, setDefaultTimeout, test } from "bun:test";
import { scratch, serve } from "./daemon-process.ts";
import { LineClient } from "./line-client.ts";

setDefaultTimeout(60_000);

/** A generator of chances that a seed repeats (mulberry32, public domain by Tommy Ettinger). */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const workers = 12;

/** Layers of five nodes, each waiting for two of the layer before it. */
function plan(layers: number) {
  return Array.from({ length: layers * 5 }, (_, n) => {
    const before = Math.floor(n / 5) * 5 - 5;
    const dependencies = before < 0 ? [] : [`n${before + (n % 5)}`, `n${before + ((n + 1) % 5)}`];
    return { name: `n${n}`, dependencies, max_attempts: 1_000, max_lost_attempts: 0, ttl_secs: 1 };
  });
}

/**
 * Takes nodes, waiting for them, and completes, fails, gives back or forgets them; now and then it leaves in mid-wait,
 * or with a node in its hands.
 */
async function work(socket: string, task_id: string, chance: () => number): Promise<void> {
  let client = await LineClient.connect(socket);
  for (;;) {
    const params = { task_id: chance() < 0.5 ? task_id : null, wait_ms: Math.floor(chance() * 400) };
    if (chance() < 0.1) {
      client.push(`${JSON.stringify({ method: "AcquireNextNode", params })}\n`);
      client[Symbol.dispose]();
      client = await LineClient.connect(socket);
      continue;
    }
    const { result } = await client.ask("AcquireNextNode", params);
    const taken = result as { node_id: string; lease_id: string } | null;
    if (taken === null) {
      const status = (await client.ask("TaskStatus", { task_id })).result as { state: string };
      if (status.state !== "ACTIVE") break;
      continue;
    }
    const claim = { task_id, node_id: taken.node_id, lease_id: taken.lease_id };
    const fate = chance();
    if (fate < 0.05) continue; // forgotten: its lease expires
    if (fate < 0.1) await client.ask("ReleaseNode", { ...claim, delay_secs: 0 });
    else if (fate < 0.2) await client.ask("FailNode", { ...claim, error_payload: "again" });
    else await client.ask("CompleteNode", { ...claim, result_payload: claim.lease_id });
  }
  client[Symbol.dispose]();
}

test("twelve workers that wait, fail, forget and vanish never hold one node twice, and end the task", async () => {
  using place = scratch();
  await using daemon = await serve(place.home);
  const client = await daemon.client();
  const { task_id } = await client.call("RegisterTask", { goal: "g", initial_nodes: plan(16) });
  await Promise.all(Array.from({ length: workers }, (_, n) => work(daemon.socket, task_id, chances(n))));

  const { state, counts, nodes } = await client.call("TaskStatus", { task_id, attempts: true });
  expect({ state, counts }).toEqual({ state: "COMPLETED", counts: { COMPLETED: 80 } });
  for (const { attempts = [], result_payload: winner } of nodes) {
    const completed = attempts.filter(({ outcome }) => outcome === "COMPLETED");
    expect(completed.map(({ lease_id }) => lease_id)).toEqual([winner as string]);
    // One lease after the other, in the order of their fencing tokens.
    for (const [index, { started_at_ms, fencing_token }] of attempts.entries()) {
      const before = attempts[index - 1];
      if (before === undefined) continue;
      expect(fencing_token).toBeGreaterThan(before.fencing_token);
      expect(started_at_ms).toBeGreaterThanOrEqual(before.ended_at_ms ?? Infinity);
    }
  }
  expect(await client.call("VerifyJournal", {})).toMatchObject({ ok: true });
});
