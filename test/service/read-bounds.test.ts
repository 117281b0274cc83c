import { describe, expect, test } from "bun:test";
import type { MethodName, ParamsInput } from "../../src/protocol/methods.ts";
import { CharactersRead } from "./characters-read.ts";
import { acquire, type TestClient, TestService } from "./harness.ts";

const large = "x".repeat(500_000);
const some = 40;

/** One large text in each of forty rows of a kind, and a request that looks at all of them. */
interface Reading {
  name: string;
  prepare: (client: TestClient) => void;
  method: MethodName;
  params: object;
}

const register = (client: TestClient, more: object = {}) =>
  client.call("RegisterTask", { goal: "g", initial_nodes: [{}], ...more }).task_id;
const times = (work: (n: number) => void) => {
  for (let n = 0; n < some; n++) work(n);
};
const tail = "x".repeat(16_000);
const bundle = (n: number): ParamsInput<"SubmitPatchBundle"> => ({
  provider: "p",
  owner: "o",
  scope: "s",
  base_revision: "1".repeat(40),
  head_revision: "2".repeat(40),
  touched_paths: [`${n}`],
  diff_summary: "s",
  confidence: "low",
});
const lock = (client: TestClient, resource_key: string, about: object) =>
  client.call("AcquireResourceLock", { resource_key, mode: "shared", ttl_secs: 3_600, ...about });
const each = <T>(one: (n: number) => T): T[] => Array.from({ length: some }, (_, n) => one(n));
const tell = (about: { action_type?: string; payload?: string }) => (client: TestClient) => {
  const { claim } = acquire(client, register(client));
  times(() => client.call("CommitEvent", { ...claim, payload: 1, ...about }));
};

const readings: readonly Reading[] = [
  {
    name: "events of large payloads",
    prepare: tell({ payload: large }),
    method: "ListEvents",
    params: { limit: 1_000 },
  },
  {
    name: "events of large payloads that do not match",
    prepare: tell({ payload: large }),
    method: "ListEvents",
    params: { action_types: ["none"] },
  },
  {
    name: "events of large types that do not match",
    prepare: tell({ action_type: large }),
    method: "ListEvents",
    params: { action_types: ["none"] },
  },
  {
    name: "tasks of large goals",
    prepare: (client) => times(() => register(client, { goal: large })),
    method: "ListTasks",
    params: { limit: 1_000 },
  },
  {
    name: "tasks of large goals that do not match",
    prepare: (client) => times(() => register(client, { goal: large })),
    method: "ListTasks",
    params: { limit: 1, labels: { none: "x" } },
  },
  {
    name: "tasks of large contexts",
    prepare: (client) => times(() => register(client, { context: large })),
    method: "ListTasks",
    params: { limit: 1_000 },
  },
  {
    name: "tasks of large goals that run",
    prepare: (client) => times(() => acquire(client, register(client, { goal: large }))),
    method: "ListTasks",
    params: { running: true, limit: 1_000 },
  },
  {
    name: "nodes under owners of long names",
    prepare: (client) => times(() => client.call("AcquireNextNode", { task_id: register(client), lease_owner: large })),
    method: "ListRunningNodes",
    params: { limit: 1_000 },
  },
  {
    name: "bundles of long verifications",
    prepare: (client) =>
      times((n) => {
        const { bundle_id } = client.call("SubmitPatchBundle", bundle(n));
        const verification = Array.from({ length: 30 }, () => ({ command: "c", exit_code: 0, output_tail: tail }));
        const verdict = { decision: "accepted", reason: "r", decided_by: "d", verification } as const;
        client.call("DecidePatchBundle", { bundle_id, ...verdict });
      }),
    method: "ListPatchBundles",
    params: { limit: 1_000 },
  },
  {
    name: "locks of large metadata",
    prepare: (client) => times((n) => lock(client, `file:${n}`, { metadata: { intent: large } })),
    method: "ListResourceLocks",
    params: {},
  },
  {
    name: "locks of large metadata that do not match",
    prepare: (client) => times((n) => lock(client, `file:${n}`, { metadata: { intent: large } })),
    method: "ListResourceLocks",
    params: { owner: "nobody" },
  },
  {
    name: "locks under owners of long names",
    prepare: (client) => times((n) => lock(client, `file:${n}`, { owner: large })),
    method: "ListResourceLocks",
    params: {},
  },
  {
    name: "locks of large metadata",
    prepare: (client) => times((n) => lock(client, `file:${n}`, { metadata: { intent: large } })),
    method: "CheckResourceLocks",
    params: { locks: each((n) => ({ resource_key: `file:${n}` })) },
  },
  {
    name: "a lock of large metadata that many share",
    prepare: (client) => times(() => lock(client, "file:x", { metadata: { intent: large } })),
    method: "CheckResourceLocks",
    params: { locks: [{ resource_key: "file:x" }] },
  },
  {
    name: "a lock beside those of large metadata",
    prepare: (client) => times((n) => lock(client, `file:${n}`, { metadata: { intent: large } })),
    method: "AcquireResourceLock",
    params: { resource_key: "dir:.", mode: "shared" },
  },
];

/** What one turn may read: what its slices may, twice, and the row with which they pass that. */
const charsMax = 2 * (2 << 20) + 3 * large.length;

describe.each(readings)("$method of $name", ({ prepare, method, params }) => {
  test.each([1, 20])("reads so much in a turn, and no more, for %i clients at once", (clients) => {
    using read = new CharactersRead();
    using service = new TestService();
    prepare(service.client());
    read.take();
    const asking = Array.from({ length: clients }, () => service.client());
    for (const client of asking) client.send(method, params);
    let most = 0;
    for (let goesOn = true; goesOn;) {
      goesOn = service.turn();
      most = Math.max(most, read.take().chars);
    }
    expect(most).toBeLessThan(charsMax);
    expect(asking.map(({ answers }) => answers.length)).toEqual(asking.map(() => 1));
    expect(asking.flatMap(({ answers }) => answers.filter(({ error }) => error !== undefined))).toEqual([]);
  });
});
