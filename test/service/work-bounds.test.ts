import { describe, expect, test } from "bun:test";
import { CharactersRead } from "./characters-read.ts";
import type { ParamsInput } from "../../src/protocol/methods.ts";
import { limits } from "../../src/protocol/limits.ts";
import { type TestClient, TestService } from "./harness.ts";

/** Globs that look everywhere, so that each is compared with each. */
const globs = (count: number, name: string) =>
  Array.from({ length: count }, (_, n) => ({ resource_key: `glob:**/${name}*${n}*` }));

/** A thousand of them. */
function holdGlobs(client: TestClient, scope: string | null = null): void {
  for (let n = 0; n < 40; n++) {
    const locks = globs(25, `held${n}`);
    client.call("AcquireResourceLocks", { locks, owner: "holder", scope, ttl_secs: 3_600 });
  }
}

const tooMuch = { kind: "LIMIT_EXCEEDED", limit: "lock_steps_max", max: limits.lockStepsMax };

describe("a request whose locks take too much comparing is refused, and told which limit", () => {
  test.each<[string, (client: TestClient) => { error?: { data: unknown } | undefined }]>([
    ["a check", (client) => client.ask("CheckResourceLocks", { locks: globs(256, "e") })],
    ["a wish for locks", (client) => client.ask("AcquireResourceLocks", { locks: globs(256, "e") })],
    ["a wish that waits", (client) => client.ask("AcquireResourceLocks", { locks: globs(256, "e"), wait_ms: 1_000 })],
    [
      "one whose globs cost much to read",
      (client) => {
        const locks = Array.from({ length: 256 }, (_, n) => ({
          resource_key: `glob:${n}{${"[a-z],".repeat(120)}a}`,
        }));
        return client.ask("CheckResourceLocks", { locks });
      },
    ],
  ])("%s", (_, ask) => {
    using service = new TestService();
    const client = service.client();
    holdGlobs(client);
    expect(ask(client).error?.data).toMatchObject(tooMuch);
    // And the next, which asks for little, is not.
    expect(client.ask("AcquireResourceLock", { resource_key: "file:x" }).error).toBeUndefined();
  });

  test("220 globs of many runs beside as many held ones took minutes, and are told apart", () => {
    using service = new TestService();
    const client = service.client();
    const make = (end: string) =>
      Array.from({ length: 220 }, (_, n) => ({ resource_key: `glob:${"*b".repeat(95)}*[y]1[${end}]${"x".repeat(n)}` }));
    client.call("AcquireResourceLocks", { locks: make("q"), owner: "holder", ttl_secs: 3_600 });
    const { error, result } = client.ask("CheckResourceLocks", { locks: make("r").slice(0, 30) });
    expect(error).toBeUndefined();
    expect((result as { locks: { free: boolean }[] }).locks.every(({ free }) => free)).toBe(true);
  });
});

test("names of holders that take too long to read are too much to compare, and elsewhere nobody is the worse for it", () => {
  using read = new CharactersRead();
  using service = new TestService({ replicates: false });
  const client = service.client();
  const share = (owner: string) =>
    client.ask("AcquireResourceLock", { resource_key: "file:x", mode: "shared", ttl_secs: 3_600, owner }).error;
  let held = 0;
  while (held < 100 && share("x".repeat(1_000_000)) === undefined) held++;
  expect(held).toBeLessThan(100);
  read.take();
  expect(share("short")?.data).toMatchObject({ kind: "LIMIT_EXCEEDED", limit: "lock_steps_max" });
  expect(read.take().chars).toBeLessThan(20_000_000);
  expect(client.ask("AcquireResourceLock", { resource_key: "file:y" }).error).toBeUndefined();
});

describe("what a lease stores with each of its keys", () => {
  const text = "x".repeat(700_000);
  const a = { locks: [{ resource_key: "file:a" }] };
  const b = { locks: [{ resource_key: "file:b" }] };
  const both = { locks: [...a.locks, ...b.locks] };

  test.each<[string, ...ParamsInput<"AcquireResourceLocks">[]]>([
    ["metadata of two keys", { ...both, metadata: text }],
    ["an owner of two keys", { ...both, owner: text }],
    ["a provider of two keys", { ...both, provider: text }],
    ["metadata of one key and another", { ...a, metadata: text }, { ...b, metadata: text }],
    ["an owner, of whom one more key is asked for", { ...a, owner: text }, b],
    ["letters that take two bytes", { ...both, metadata: "é".repeat(300_000) }],
  ])("is refused where it is too much: %s", (_, ...requests) => {
    using service = new TestService();
    const client = service.client();
    let lease_id: string | undefined;
    for (const request of requests.slice(0, -1)) lease_id = client.call("AcquireResourceLocks", request)?.lease_id;
    const { error } = client.ask("AcquireResourceLocks", { ...b, ...requests.at(-1), lease_id });
    expect(error?.data).toMatchObject({ kind: "LIMIT_EXCEEDED", limit: "lease_metadata_bytes_max", max: 1 << 20 });
  });

  test("is refused where it is the worker's name, for a node of many resources, which another may take", () => {
    using service = new TestService();
    const client = service.client();
    client.call("RegisterTask", { goal: "g", initial_nodes: [{ resources: both.locks }] });
    const { error } = client.ask("AcquireNextNode", { lease_owner: text });
    expect(error?.data).toMatchObject({ kind: "LIMIT_EXCEEDED", limit: "lease_metadata_bytes_max" });
    expect(client.ask("AcquireNextNode", { lease_owner: text, count: 2 }).error).toMatchObject({ data: error?.data });
    expect(client.call("AcquireNextNode", { lease_owner: "short" })).not.toBeNull();
  });

  test("is kept where it is one key's, also in place of other metadata of it", () => {
    using service = new TestService();
    const client = service.client();
    const lease_id = client.call("AcquireResourceLock", { resource_key: "file:a", metadata: text })?.lease_id;
    const again = { locks: [{ resource_key: "file:a" }], lease_id, metadata: { text } };
    expect(client.ask("AcquireResourceLocks", again).error).toBeUndefined();
    expect(client.call("ListResourceLocks", {}).locks.map(({ metadata }) => metadata)).toEqual([{ text }]);
  });
});

describe("AcquireNextNode looks at many nodes in several turns", () => {
  const nodes = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ resources: [{ resource_key: `file:src/${n}` }] }));

  test("and lets others go between", () => {
    using service = new TestService();
    const client = service.client();
    client.call("AcquireResourceLock", { resource_key: "dir:src", ttl_secs: 3_600 });
    client.call("RegisterTask", { goal: "g", initial_nodes: [...nodes(3_000), { name: "free" }] });
    client.send("AcquireNextNode", {});
    expect([service.turn(), client.answers]).toEqual([true, []]);
    const other = service.client();
    other.send("Health", {});
    service.turn();
    expect([other.answers.length, client.answers]).toEqual([1, []]);
    service.settle();
    expect(client.read()).toMatchObject({ result: { context: { node: { name: "free" } } } });
  });

  test("and ends with nothing where it may not wait", () => {
    using service = new TestService();
    const client = service.client();
    client.call("AcquireResourceLock", { resource_key: "dir:src", ttl_secs: 3_600 });
    const { task_id } = client.call("RegisterTask", { goal: "g", initial_nodes: nodes(3_000) });
    expect(client.ask("AcquireNextNode", { task_id }).result).toBeNull();
  });

  test("and waits on when they are all looked at, until the lock is released", () => {
    using service = new TestService();
    const client = service.client();
    const lock = client.call("AcquireResourceLock", { resource_key: "dir:src", ttl_secs: 3_600 });
    client.call("RegisterTask", { goal: "g", initial_nodes: nodes(3_000) });
    const worker = service.client();
    worker.send("AcquireNextNode", { wait_ms: 60_000 });
    service.settle();
    expect(worker.answers).toEqual([]);
    client.call("ReleaseResourceLock", { resource_key: "dir:src", lease_id: lock?.lease_id ?? "" });
    service.settle();
    expect(worker.read()).toMatchObject({
      result: { context: { node: { resources: [{ resource_key: "file:src/0" }] } } },
    });
  });

  test("and passes over one whose resources nobody can compare", () => {
    using service = new TestService();
    const client = service.client();
    holdGlobs(client);
    const resources = Array.from({ length: 64 }, (_, n) => ({ resource_key: `glob:**/{e,f,g,h,i,j}*${n}` }));
    client.call("RegisterTask", { goal: "g", initial_nodes: [{ resources }, { name: "free" }] });
    expect(client.ask("AcquireNextNode", {}).result).toMatchObject({ context: { node: { name: "free" } } });
  });
});

test("a patch bundle of more paths than can be compared with all locks says so in the journal", () => {
  using service = new TestService();
  const client = service.client();
  const about = {
    provider: "p",
    owner: "author",
    scope: "repo",
    base_revision: "1".repeat(40),
    confidence: "low",
  } as const;
  holdGlobs(client, "repo");
  const touched_paths = Array.from({ length: 4_000 }, (_, n) => `src/${n % 40}/f${n}.ts`);
  client.call("SubmitPatchBundle", { ...about, head_revision: "2".repeat(40), touched_paths, diff_summary: "s" });
  const { events } = client.call("ListEvents", { action_types: ["conflict"] });
  expect(events).toHaveLength(1);
  expect(events[0]?.payload).toMatchObject({
    summary: expect.stringContaining("which are more than could be compared with all locks") as unknown,
    with: { owner: "holder" },
  });
});
