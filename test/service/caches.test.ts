import { describe, expect, test } from "bun:test";
import { WorkBudget } from "../../src/core/work-budget.ts";
import { ResourceKeys } from "../../src/service/locks/resource-keys.ts";
import { registerTask, type TestClient, TestService } from "./harness.ts";
import { day, finishedTask } from "./pruning.ts";

const most = 64 << 20;
const limitless = () => new WorkBudget(Number.POSITIVE_INFINITY);

test.each<[string, (n: number) => string]>([
  ["globs", (n) => `glob:${"*b".repeat(200)}${n}`],
  ["classes that leave something out", (n) => `glob:${"[!a]".repeat(200)}${n}`],
  ["paths", (n) => `file:${"a/".repeat(100)}${n}`],
  ["names", (n) => `name:${"n".repeat(4_000)}${n}`],
  ["keys that are refused, however long", (n) => `file:${"../".repeat(100_000)}${n}`],
])("remembered keys took memory by their number, not by their size: %s", (_, keyOf) => {
  const keys = new ResourceKeys(() => true);
  for (let n = 0; n < 2_000; n++) keys.read(keyOf(n), "", true, limitless());
  expect(keys.bytes).toBeLessThanOrEqual(most);
});

test("ten thousand paths are remembered at once", () => {
  const keys = new ResourceKeys(() => false);
  const read = (n: number) => keys.read(`file:src/parser/f${n}.rs`, "s", false, limitless());
  const first = read(0);
  for (let n = 1; n < 10_000; n++) read(n);
  expect(read(0)).toBe(first);
});

test("requests that wait for locks took memory by their number, not by what their keys take", () => {
  using service = new TestService();
  const holder = service.client();
  holder.call("AcquireResourceLock", { resource_key: "dir:.", owner: "bob" });
  const locks = (n: number) =>
    Array.from({ length: 50 }, (_, of) => ({ resource_key: `glob:${"*b".repeat(200)}${n}.${of}` }));
  const refusals: unknown[] = [];
  for (let n = 0; n < 20; n++) {
    const client = service.client();
    client.send("AcquireResourceLocks", { owner: `ann ${n}`, locks: locks(n), wait_ms: 60_000 });
    service.settle();
    if (client.answers.length > 0) refusals.push(client.read().error?.data);
  }
  expect(refusals.length).toBeGreaterThan(0);
  expect(refusals.length).toBeLessThan(20);
  expect(refusals[0]).toMatchObject({ kind: "LIMIT_EXCEEDED", limit: "lock_waiters_bytes_max" });
});

describe("what is remembered of keys is given back", () => {
  const resources = Array.from({ length: 50 }, (_, n) => ({ resource_key: `glob:src/**/*${n}?[!x].ts` }));
  const fill = (client: TestClient) => {
    client.call("AcquireResourceLocks", { owner: "ann", locks: resources });
    return client.call("RegisterTask", { goal: "g", initial_nodes: [{ resources }] }).task_id;
  };

  test("when a task is canceled", () => {
    using service = new TestService();
    const task_id = fill(service.client());
    expect(service.dispatcher.caches.bytes).toBeGreaterThan(100_000);
    service.client().call("CancelTask", { task_id, reason: "enough" });
    expect(service.dispatcher.caches.bytes).toBe(0);
  });

  test("when the journal is pruned", () => {
    using service = new TestService();
    finishedTask(service.client());
    registerTask(service.client(), 1);
    fill(service.client());
    service.pass(31 * day);
    service.client().call("PruneJournal", { older_than_secs: 86_400 });
    expect(service.dispatcher.caches.bytes).toBe(0);
  });
});
