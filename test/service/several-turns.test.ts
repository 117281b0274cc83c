import { describe, expect, test } from "bun:test";
import { StorageFailure, type Store } from "../../src/store/store.ts";
import { registerTask, type ServiceOptions, type TestClient, TestService } from "./harness.ts";
import { overriding } from "./overriding.ts";
import { allLocks } from "../store/story.ts";

/** A service where it takes a millisecond to make an id, and as long to end a lock or to hand out a node, once it is slow. */
class SlowService extends TestService {
  isSlow = false;
  /** What commits end with. */
  failure: "STORAGE_FULL" | "OUTCOME_UNKNOWN" | null = null;

  constructor(options: ServiceOptions = {}) {
    const made: { service?: SlowService } = {};
    const wrap = (store: Store) =>
      overriding(store, {
        apply(effect) {
          if (effect.kind === "endLocks" || effect.kind === "acquireNode") made.service?.pause();
          return store.apply(effect);
        },
        commit() {
          const failure = made.service?.failure ?? null;
          if (failure === null) return store.commit();
          store.abandon();
          throw new StorageFailure(failure, "the storage fails", { reopen: false });
        },
      });
    super({ wrap, ...options });
    made.service = this;
  }

  override newId(): string {
    this.pause();
    return super.newId();
  }

  pause(): void {
    if (this.isSlow) this.clock.monotonicMs += 1;
  }
}

const many = (n: number) => Array.from({ length: n }, (_, index) => ({ name: `n${index}` }));
const kinds = (client: TestClient): string[] => client.answers.splice(0).map(({ error }) => error?.data.kind ?? "ok");

describe("what a client sends after a request that works through several turns", () => {
  test.each(["in the same turn", "in a later one"])("was carried out before that request, sent %s", (when) => {
    using service = new SlowService();
    const client = service.client();
    const { taskId } = registerTask(client, 1);
    service.isSlow = true;
    client.send("AddNodes", { task_id: taskId, nodes: many(60) });
    if (when === "in a later one") service.turn();
    client.send("TaskStatus", { task_id: taskId });
    client.send("CancelTask", { task_id: taskId, reason: "enough" });
    expect(service.settle()).toBeGreaterThan(1);
    const [added, status, canceled] = client.answers;
    expect(added?.error).toBeUndefined();
    expect((status?.result as { nodes: unknown[] } | undefined)?.nodes).toHaveLength(61);
    expect(canceled?.result).toMatchObject({ canceled: 61 });
  });

  test("found only some of the locks gone that a force-release was to end", () => {
    using service = new SlowService();
    const [client, other] = [service.client(), service.client()];
    for (let n = 0; n < 60; n++) other.call("AcquireResourceLock", { resource_key: "file:a", mode: "shared" });
    service.isSlow = true;
    client.send("ForceReleaseResourceLock", { resource_key: "file:a", reason: "they are gone" });
    client.send("AcquireResourceLock", { resource_key: "file:a" });
    service.settle();
    expect(client.answers.map(({ result }) => result)).toMatchObject([{ ok: true }, { resource_key: "file:a" }]);
  });

  test("is carried out although the request is refused in the end", () => {
    using service = new SlowService();
    const client = service.client();
    service.isSlow = true;
    client.send("RegisterTask", { goal: "g", initial_nodes: [...many(60), { name: "n0" }] });
    client.send("RegisterTask", { goal: "h" });
    service.settle();
    expect(kinds(client)).toEqual(["DUPLICATE_ID", "ok"]);
  });

  test.each(["STORAGE_FULL", "OUTCOME_UNKNOWN"] as const)(
    "is refused with it where its first turn fails: %s",
    (kind) => {
      using service = new SlowService();
      const client = service.client();
      service.isSlow = true;
      service.failure = kind;
      client.send("RegisterTask", { goal: "g", initial_nodes: many(60) });
      client.send("RegisterTask", { goal: "h" });
      service.turn();
      expect(kinds(client)).toEqual([kind, kind]);
    },
  );

  test("does not keep others waiting while many nodes are stored after they were read", () => {
    using service = new TestService();
    const [client, other] = [service.client(), service.client()];
    const { taskId } = registerTask(client, 1);
    client.send("AddNodes", { task_id: taskId, nodes: many(1_001) });
    service.turn();
    expect(client.answers).toEqual([]);
    expect(other.call("TaskStatus", { task_id: taskId }).nodes).toHaveLength(1);
    service.settle();
    expect(kinds(client)).toEqual(["ok"]);
  });

  test("does not keep other clients waiting", () => {
    using service = new SlowService();
    const [client, other] = [service.client(), service.client()];
    service.isSlow = true;
    client.send("RegisterTask", { goal: "g", initial_nodes: many(60) });
    client.send("RegisterTask", { goal: "after it" });
    service.turn();
    other.send("RegisterTask", { goal: "other" });
    service.turn();
    expect([client.answers.length, kinds(other)]).toEqual([0, ["ok"]]);
  });

  test("is told with it that the daemon stops, and was not begun", () => {
    using service = new SlowService();
    const client = service.client();
    service.isSlow = true;
    client.send("RegisterTask", { goal: "g", initial_nodes: many(60) });
    client.send("RegisterTask", { goal: "after it" });
    service.turn();
    service.dispatcher.drain();
    expect(kinds(client)).toEqual(["SHUTTING_DOWN", "SHUTTING_DOWN"]);
    expect(service.client().call("ListTasks", {}).tasks).toEqual([]);
  });

  test("goes with the client", () => {
    using service = new SlowService();
    const client = service.client();
    service.isSlow = true;
    client.send("RegisterTask", { goal: "g", initial_nodes: many(60) });
    client.send("RegisterTask", { goal: "after it" });
    service.turn();
    client.leave();
    expect(service.turn()).toBe(false);
    expect(service.client().call("ListTasks", {}).tasks).toEqual([]);
  });
});

describe("what a client sends after a request that waits, or looks at the whole journal, is carried out at once", () => {
  test.each<[string, (client: TestClient, taskId: string) => void]>([
    ["a wait for work", (client, task_id) => client.send("AcquireNextNode", { task_id, wait_ms: 60_000 })],
    ["a wait for a lock", (client) => client.send("AcquireResourceLock", { resource_key: "file:a", wait_ms: 60_000 })],
    ["PruneJournal", (client) => client.send("PruneJournal", { older_than_secs: 3_600 })],
    ["VerifyJournal", (client) => client.send("VerifyJournal", {})],
    ["Backup", (client) => client.send("Backup", { path: "/nowhere/copy.db" })],
  ])("%s", (_, send) => {
    using service = new TestService();
    const [client, other] = [service.client(), service.client()];
    const { taskId } = registerTask(other, 1);
    other.call("AcquireNextNode", { task_id: taskId });
    other.call("AcquireResourceLock", { resource_key: "file:a" });
    send(client, taskId);
    client.send("RegisterTask", { goal: "after it" });
    service.turn();
    expect(other.call("ListTasks", {}).tasks.map(({ goal }) => goal)).toContain("after it");
  });
});

describe("a request that works through several turns, while the storage fails", () => {
  test.each<["STORAGE_FULL" | "OUTCOME_UNKNOWN"]>([["STORAGE_FULL"], ["OUTCOME_UNKNOWN"]])(
    "(%s) said of locks that they were released which were held on",
    (kind) => {
      using service = new SlowService();
      const [client, other] = [service.client(), service.client()];
      for (let n = 0; n < 60; n++) other.call("AcquireResourceLock", { resource_key: "file:a", mode: "shared" });
      service.isSlow = true;
      const release = { resource_key: "file:a", reason: "they are gone" };
      client.send("ForceReleaseResourceLock", release);
      service.turn();
      const left = allLocks(service.store).length;
      expect([left > 0, left < 60]).toEqual([true, true]);
      service.failure = kind;
      service.turn();
      service.failure = null;
      service.settle();
      expect(kinds(client)).toEqual([kind]);
      expect(allLocks(service.store)).toHaveLength(left);
      client.call("ForceReleaseResourceLock", release);
      expect(allLocks(service.store)).toEqual([]);
    },
  );

  test("went on over and over; what must be tried again is tried once a tick", () => {
    using service = new SlowService();
    const [client, other] = [service.client(), service.client()];
    registerTask(client, 1);
    client.send("PruneJournal", { older_than_secs: 0 });
    service.turn();
    service.failure = "STORAGE_FULL";
    other.send("RegisterTask", { goal: "g" });
    expect([service.turn(), service.dispatcher.msUntilTurn()]).toEqual([false, 500]);
    service.failure = null;
    service.settle();
    expect([kinds(client), kinds(other)]).toEqual([["ok"], ["STORAGE_FULL"]]);
  });
});

test("who waits for work, for whom there was no time, slept on where the next turn failed", () => {
  using service = new SlowService();
  const client = service.client();
  const { taskId } = registerTask(client, 1);
  const waiting = Array.from({ length: 60 }, (_, n) => {
    const one = service.client();
    one.send("AcquireNextNode", { task_id: taskId, labels: { n: `${n}` }, wait_ms: 60_000 });
    return one;
  });
  service.settle();
  const answered = () => waiting.filter(({ answers }) => answers.length > 0).length;
  client.call("PauseTask", { task_id: taskId });
  client.call("AddNodes", { task_id: taskId, nodes: waiting.map((_one, n) => ({ labels: { n: `${n}` } })) });
  service.isSlow = true;
  client.send("ResumeTask", { task_id: taskId });
  service.turn();
  const first = answered();
  expect([first > 0, first < 60]).toEqual([true, true]);
  service.failure = "STORAGE_FULL";
  service.turn();
  expect(answered()).toBe(first);
  service.failure = null;
  service.live(500);
  expect(answered()).toBe(60);
});
