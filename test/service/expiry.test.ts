import { describe, expect, test } from "bun:test";
import { acquire, registerTask, type TestClient, TestService } from "./harness.ts";
import { UnluckyService } from "./unlucky.ts";

const ttlMs = 300_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A service with one node and one lock under leases of 300 s. */
class Leased extends TestService {
  readonly user = this.client();
  readonly taskId = registerTask(this.user, 1).taskId;
  readonly claim = acquire(this.user, this.taskId).claim;
  readonly lock = lockOn(this.user, "file:a");

  status(): string | undefined {
    return this.client().call("TaskStatus", { task_id: this.taskId }).nodes[0]?.status;
  }

  /** Who is live: the node's lease, the lock's. */
  alive(): [node: boolean, lock: boolean] {
    return [this.status() === "RUNNING", this.client().call("ListResourceLocks", {}).locks.length === 1];
  }
}

function lockOn(client: TestClient, key: string) {
  const lock = client.call("AcquireResourceLock", { resource_key: key, ttl_secs: ttlMs / 1_000 });
  if (lock === null) throw new Error(`${key} is held`);
  return { resource_key: key, lease_id: lock.lease_id };
}

const journal = (service: TestService, ...types: string[]) =>
  service.client().call("ListEvents", { action_types: types }).events;

describe("a lease", () => {
  test("is rolled back by time alone, and the roll-back is journalled", () => {
    using service = new Leased();
    service.live(ttlMs - 1);
    expect(service.alive()).toEqual([true, true]);
    service.live(1);
    expect(service.alive()).toEqual([false, false]);
    expect(journal(service, "TIMEOUT_ROLLBACK", "EXPIRE_RESOURCE_LOCK")).toMatchObject([
      { id: expect.any(String) as string, node_id: service.claim.node_id, payload: { lease_owner: "worker" } },
      { id: null, payload: { lease_id: service.lock.lease_id, locks: [{ resource_key: "file:a" }] } },
    ]);
    expect(service.client().call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  test("asks for a turn when it is over, and for none once nothing is live", () => {
    using service = new Leased();
    expect(service.dispatcher.msUntilTurn()).toBe(500);
    service.live(ttlMs - 400);
    expect(service.dispatcher.msUntilTurn()).toBe(400);
    service.live(400);
    expect(service.dispatcher.msUntilTurn()).toBeNull();
  });

  test("kept by a heartbeat that arrives in the very turn it would be over", () => {
    using service = new Leased();
    service.live(ttlMs - 500);
    service.user.send("HeartbeatNode", service.claim);
    service.user.send("HeartbeatResourceLock", { ...service.lock, ttl_secs: 300 });
    service.pass(499);
    service.turn();
    expect(service.user.answers.map(({ error }) => error)).toEqual([undefined, undefined]);
    service.live(ttlMs - 1);
    expect(service.alive()).toEqual([true, true]);
  });

  test.each([0, 499, 2_999])("that is over, %i ms ago: its holder is heard before who would take it over", (late) => {
    using service = new Leased();
    const thief = service.client();
    service.live(ttlMs - 501);
    service.pass(501 + late);
    thief.send("AcquireNextNode", { task_id: service.taskId });
    thief.send("AcquireResourceLock", { resource_key: "file:a", owner: "thief" });
    service.user.send("HeartbeatNode", service.claim);
    service.user.send("HeartbeatResourceLock", { ...service.lock, ttl_secs: 300 });
    service.settle();
    expect(thief.answers.map(({ result }) => result)).toEqual([null, null]);
    expect(service.user.answers.map(({ error }) => error)).toEqual([undefined, undefined]);
    expect(service.alive()).toEqual([true, true]);
    expect(service.client().call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  test("of a node: a completion in the very turn it is over wins", () => {
    using service = new Leased();
    service.live(ttlMs - 500);
    service.user.send("CompleteNode", { ...service.claim, result_payload: 1 });
    service.pass(500);
    service.turn();
    expect(service.status()).toBe("COMPLETED");
    expect(journal(service, "TIMEOUT_ROLLBACK")).toEqual([]);
  });

  test("that was rolled back is lost to its holder, and the node goes to the next", () => {
    using service = new Leased();
    service.live(ttlMs);
    expect(service.user.refusal("CompleteNode", { ...service.claim, result_payload: 1 })).toBe("LEASE_LOST");
    expect(service.user.refusal("HeartbeatNode", service.claim)).toBe("LEASE_LOST");
    expect(service.user.refusal("HeartbeatResourceLock", service.lock)).toBe("NOT_FOUND");
    const next = acquire(service.user, service.taskId);
    expect(next.node_id).toBe(service.claim.node_id);
    expect(next.lease_id).not.toBe(service.claim.lease_id);
    expect(next.context.event_journal.map(({ action_type }) => action_type)).toEqual(["TIMEOUT_ROLLBACK"]);
  });

  test("renewed with every heartbeat lasts for as long as they come", () => {
    using service = new Leased();
    for (let n = 0; n < 5; n++) {
      service.live(ttlMs - 1_000);
      service.user.call("HeartbeatNode", service.claim);
    }
    expect(service.status()).toBe("RUNNING");
  });
});

describe("a timeout of 0", () => {
  test("lets only the next acquire of the task take the node over", () => {
    using service = new TestService({ settings: { nodeTimeoutSecs: 0 } });
    const client = service.client();
    const { taskId } = registerTask(client, 1);
    const first = acquire(client, taskId);
    expect(service.dispatcher.msUntilTurn()).toBeNull();
    service.live(10 * ttlMs);
    client.call("HeartbeatNode", first.claim);
    expect(client.call("TaskStatus", { task_id: taskId }).nodes[0]?.status).toBe("RUNNING");
    const second = acquire(client, taskId);
    expect(second.fencing_token).toBeGreaterThan(first.fencing_token);
    expect(client.refusal("CompleteNode", { ...first.claim, result_payload: 1 })).toBe("LEASE_LOST");
    client.call("CompleteNode", { ...second.claim, result_payload: 1 });
  });

  test("leaves a lock the contract's second", () => {
    using service = new TestService({ settings: { nodeTimeoutSecs: 0 } });
    const client = service.client();
    client.call("AcquireResourceLock", { resource_key: "a" });
    service.live(999);
    expect(client.call("ListResourceLocks", {}).locks).toHaveLength(1);
    service.live(1);
    expect(client.call("ListResourceLocks", {}).locks).toEqual([]);
  });
});

describe("5,000 leases that are due at once", () => {
  test("take twenty turns, and a request among them waits for one", () => {
    using service = new TestService();
    const client = service.client();
    const { taskId } = registerTask(client, 5_000);
    for (let n = 0; n < 5_000; n++) client.send("AcquireNextNode", { task_id: taskId });
    service.settle();
    client.answers.length = 0;
    service.live(ttlMs - 1_000);
    service.pass(1_000);
    const pending: number[] = [];
    for (let more = true; more;) {
      client.send("Health", {});
      more = service.turn();
      expect(client.answers.splice(0)).toHaveLength(1);
      pending.push(service.store.reads.totals.nodes.PENDING);
    }
    expect(pending).toEqual(Array.from({ length: Math.ceil(5_000 / 256) }, (_, n) => Math.min((n + 1) * 256, 5_000)));
  });
});

describe("no live lease is lost, and dead ones are over later", () => {
  test.each<[string, (service: TestService) => void]>([
    ["the machine sleeps for an hour", ({ clock }) => (clock.wallMs += hourMs)],
    ["the clock is set 10 days ahead", ({ clock }) => (clock.wallMs += 10 * dayMs)],
    ["the clock is set 10 days back", ({ clock }) => (clock.wallMs -= 10 * dayMs)],
    ["the process is stopped for just over a tick", (service) => service.pass(1_001)],
    ["the process is stopped for 1.5 s", (service) => service.pass(1_500)],
    ["the process is stopped for 3 s", (service) => service.pass(3_000)],
    ["the process is stopped for an hour", (service) => service.pass(hourMs)],
    [
      "the process is stopped while the machine sleeps",
      (service) => (service.pass(5_000), (service.clock.wallMs += dayMs)),
    ],
  ])("%s", (_, disturb) => {
    using service = new Leased();
    service.live(ttlMs - 1_000);
    disturb(service);
    service.settle();
    expect(service.alive()).toEqual([true, true]);
    service.live(999);
    expect(service.alive()).toEqual([true, true]);
    service.live(1);
    expect(service.alive()).toEqual([false, false]);
    expect(service.client().call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  test("and a heartbeat right after the disturbance is heard", () => {
    using service = new Leased();
    service.live(ttlMs - 1_000);
    service.clock.wallMs += dayMs;
    service.user.call("HeartbeatNode", service.claim);
    service.user.call("HeartbeatResourceLock", service.lock);
    service.live(ttlMs - 1);
    expect(service.alive()).toEqual([true, true]);
  });

  test("and a lease given before the first tick after a disturbance is not extended by it", () => {
    using service = new TestService();
    const client = service.client();
    service.clock.wallMs += dayMs;
    const lease = acquire(client, registerTask(client, 1).taskId);
    expect(lease.lease_expires_at_ms).toBe(service.clock.wallMs + ttlMs);
    service.settle();
    service.live(ttlMs);
    expect(client.call("TaskStatus", { task_id: lease.task_id }).nodes[0]?.status).toBe("PENDING");
  });

  test.each([500, 999, 1_000])("but %i ms after the last reading is none", (ms) => {
    using service = new Leased();
    service.live(ttlMs - 500);
    service.pass(ms);
    service.settle();
    expect(service.alive()).toEqual([false, false]);
  });
});

describe("a restart", () => {
  test("gives every lease its full time again, however long the daemon was down", () => {
    using service = new Leased();
    service.live(ttlMs - 1_000);
    service.restart(() => service.pass(dayMs));
    service.settle();
    service.live(ttlMs - 1);
    expect(service.alive()).toEqual([true, true]);
    service.live(1);
    expect(service.alive()).toEqual([false, false]);
  });

  test("wants a first turn at once, where a lease is live", () => {
    using service = new Leased();
    service.restart(() => service.pass(dayMs));
    expect(service.dispatcher.msUntilTurn()).toBe(0);
  });

  test("lets the holder go on: heartbeat and completion are heard", () => {
    using service = new Leased();
    service.restart(() => service.pass(dayMs));
    const client = service.client();
    expect(client.ask("HeartbeatNode", service.claim).error).toBeUndefined();
    expect(client.ask("CompleteNode", { ...service.claim, result_payload: 1 }).error).toBeUndefined();
    expect(client.ask("ReleaseResourceLock", service.lock).error).toBeUndefined();
  });
});

test("leases without length end in the order they were given in, whatever a commit that failed had undone", () => {
  using service = new UnluckyService({ settings: { nodeTimeoutSecs: 0 } });
  const client = service.client();
  const { taskId, nodeIds } = registerTask(client, 2);
  client.call("AcquireNextNode", { task_id: taskId, count: 2 });
  service.fate = "finds no room";
  expect(client.refusal("CancelTask", { task_id: taskId, reason: "no" })).toBe("STORAGE_FULL");
  service.fate = "commits";
  client.call("AcquireNextNode", { task_id: taskId });
  const { events } = client.call("ListEvents", { task_id: taskId, action_types: ["TIMEOUT_ROLLBACK"] });
  expect(events.map(({ node_id }) => node_id)).toEqual(nodeIds);
});
