import type { Client } from "../../src/client/client.ts";
import type { CostlyRequest } from "./stalls.ts";

const lot = 25;
const holder = { owner: "holder", ttl_secs: 3_600 };
const keys = (count: number, key: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => ({ resource_key: key(n) }));

/** Runs without end that differ in their last letter. */
const runs = (end: string) => (n: number) => `glob:${"*b".repeat(95)}*[y]1[${end}]${"x".repeat(n)}`;
const anywhere = (name: string) => (n: number) => `glob:**/${name}*${n}*`;

/** Takes keys a few at a time: all at once would be too much to compare. */
async function hold(client: Client, wanted: readonly { resource_key: string }[], more: object = {}): Promise<void> {
  for (let from = 0; from < wanted.length; from += lot) {
    await client.call("AcquireResourceLocks", { ...holder, ...more, locks: wanted.slice(from, from + lot) });
  }
}

/** Keys of one lease, as many as that may hold. */
async function holdInOneLease(client: Client, name: string): Promise<void> {
  let lease_id: string | undefined;
  for (let part = 0; part < 4; part++) {
    const locks = keys(250, (n) => `glob:${name}/${part}/${n}/{a,b,c,d}/*`);
    const taken = await client.call("AcquireResourceLocks", { ...holder, locks, ...(lease_id && { lease_id }) });
    lease_id = taken?.lease_id;
  }
}

/** Requests that cost much comparing, or end many locks. */
export const costlyLocks: readonly CostlyRequest[] = [
  {
    name: "220 globs of 96 runs beside 220",
    prepare: (client) => hold(client, keys(220, runs("q"))),
    method: "CheckResourceLocks",
    params: () => ({ locks: keys(220, runs("r")) }),
  },
  {
    name: "256 globs that look everywhere beside 1,000",
    prepare: (client) => hold(client, keys(1_000, anywhere("held"))),
    method: "AcquireResourceLocks",
    params: () => ({ locks: keys(256, anywhere("wanted")) }),
  },
  {
    name: "250 files 2,000 directories deep",
    prepare: async () => undefined,
    method: "AcquireResourceLocks",
    params: () => ({ locks: keys(250, (n) => `file:${n}/${"a/".repeat(1_990)}x`) }),
  },
  {
    name: "250 files 64 directories deep",
    prepare: async () => undefined,
    method: "AcquireResourceLocks",
    params: () => ({ locks: keys(250, (n) => `file:${n}/${"a/".repeat(62)}x`) }),
  },
  {
    name: "256 keys with a mebibyte of metadata",
    prepare: async () => undefined,
    method: "AcquireResourceLocks",
    params: () => ({ locks: keys(256, (n) => `file:${n}`), metadata: "x".repeat(900_000) }),
  },
  {
    name: "over 1,000 nodes of intricate globs",
    async prepare(client) {
      await hold(client, keys(100, runs("q")));
      const resources = (n: number) => keys(2, (i) => `glob:${n}*${i}${"*b".repeat(20)}*[y]1[r]`);
      const initial_nodes = Array.from({ length: 1_000 }, (_, n) => ({ resources: resources(n) }));
      await hold(client, [{ resource_key: "glob:[0-9]*[y]1[r]" }]);
      await client.call("RegisterTask", { goal: "g", initial_nodes });
    },
    method: "AcquireNextNode",
    params: () => ({}),
  },
  {
    name: "over 10,000 nodes of a held directory",
    async prepare(client) {
      await hold(client, [{ resource_key: "dir:src" }]);
      const initial_nodes = Array.from({ length: 10_000 }, (_, n) => ({
        resources: [{ resource_key: `file:src/${n}` }],
      }));
      await client.call("RegisterTask", { goal: "g", initial_nodes });
    },
    method: "AcquireNextNode",
    params: () => ({}),
  },
  {
    name: "a lease of 1,000 globs",
    prepare: (client) => holdInOneLease(client, "a"),
    method: "ForceReleaseResourceLock",
    params: () => ({ resource_key: "glob:a/0/0/{a,b,c,d}/*", reason: "bench" }),
  },
  {
    name: "4,000 paths beside 1,000 globs",
    prepare: (client) => hold(client, keys(1_000, anywhere("f")), { scope: "bench" }),
    method: "SubmitPatchBundle",
    params: () => ({
      provider: "bench",
      owner: "bench",
      scope: "bench",
      base_revision: "1".repeat(40),
      head_revision: "2".repeat(40),
      touched_paths: Array.from({ length: 4_000 }, (_, n) => `src/${n % 50}/f${n}.ts`),
      diff_summary: "bench",
      confidence: "low",
    }),
  },
];
