import type { Client } from "../../src/client/client.ts";
import type { CostlyRequest } from "./stalls.ts";

/** Nearly a mebibyte, so that a request with it is one. */
const large = "x".repeat(1_000_000);
const many = 300;
const held = { ttl_secs: 3_600, mode: "shared" as const };

async function hold(client: Client, more: object = {}): Promise<void> {
  for (let n = 0; n < many; n++) {
    await client.call("AcquireResourceLock", { ...held, resource_key: `file:${n}`, metadata: large, ...more });
  }
}

/** A task of nodes of which each has a mebibyte to tell. */
async function register(client: Client): Promise<{ task_id: string }> {
  const { task_id } = await client.call("RegisterTask", { goal: "g" });
  for (let n = 0; n < many; n++) await client.call("AddNodes", { task_id, nodes: [{ payload_schema: large }] });
  return { task_id };
}

/** Requests that look at much of what is stored: hundreds of mebibytes. */
export const costlyBytes: readonly CostlyRequest[] = [
  {
    name: "300 locks with a mebibyte of metadata each",
    prepare: hold,
    method: "ListResourceLocks",
    params: () => ({}),
  },
  {
    name: "256 locks with a mebibyte of metadata each",
    prepare: hold,
    method: "CheckResourceLocks",
    params: () => ({ locks: Array.from({ length: 256 }, (_, n) => ({ resource_key: `file:${n}` })) }),
  },
  {
    name: "beside 300 locks with a mebibyte of metadata each",
    prepare: hold,
    method: "AcquireResourceLock",
    params: () => ({ ...held, resource_key: "dir:." }),
  },
  {
    name: "300 nodes with a mebibyte of payload each",
    prepare: register,
    method: "CancelTask",
    params: (task) => ({ ...task, reason: "bench" }),
  },
  {
    name: "300 nodes with a mebibyte of payload each",
    prepare: register,
    method: "SetPriority",
    params: (task) => ({ ...task, priority: 7 }),
  },
];
