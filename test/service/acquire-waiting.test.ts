import { describe, expect, test } from "bun:test";
import { StorageFailure } from "../../src/store/store.ts";
import { overriding } from "./overriding.ts";
import { acquire, registerTask, type TestClient, TestService } from "./harness.ts";
import { oneNode } from "../../src/protocol/methods/nodes.ts";

/** A task of two nodes in a row, the first of which is running. */
function chain(service: TestService) {
  const worker = service.client();
  const [first, second] = [service.newId(), service.newId()] as const;
  const nodes = [{ id: first }, { id: second, dependencies: [first] }];
  const { task_id: taskId } = worker.call("RegisterTask", { goal: "g", initial_nodes: nodes });
  return { worker, taskId, second, held: acquire(worker, taskId).claim };
}

function waitFor(client: TestClient, task_id: string, wait_ms = 60_000, key?: string): void {
  client.send("AcquireNextNode", { task_id, wait_ms }, key);
}

const nodeOf = (client: TestClient) => (client.answers[0]?.result as { node_id: string } | null | undefined)?.node_id;

describe("AcquireNextNode with wait_ms", () => {
  test("takes the node in the commit that makes it runnable", () => {
    using service = new TestService();
    const { worker, taskId, second, held } = chain(service);
    const waiting = service.client();
    waitFor(waiting, taskId);
    service.settle();
    expect(waiting.answers).toEqual([]);
    worker.send("CompleteNode", { ...held, result_payload: 1 });
    service.turn();
    expect(nodeOf(waiting)).toBe(second);
    expect(waiting.answers[0]?.result).toMatchObject({ seq: 4, fencing_token: 4 });
  });

  test("answers null at its deadline", () => {
    using service = new TestService();
    const { taskId } = chain(service);
    const waiting = service.client();
    waitFor(waiting, taskId, 3_000);
    service.settle();
    service.live(2_999);
    expect(waiting.answers).toEqual([]);
    service.live(1);
    expect(waiting.answers).toEqual([{ result: null, seq: 2 }]);
  });

  test("answers null at once when the last node is completed", () => {
    using service = new TestService();
    const [worker, waiting] = [service.client(), service.client()];
    const { taskId } = registerTask(worker, 1);
    const { claim } = acquire(worker, taskId);
    waitFor(waiting, taskId);
    service.settle();
    worker.call("CompleteNode", { ...claim, result_payload: 1 });
    expect(waiting.answers).toMatchObject([{ result: null }]);
    waiting.answers.length = 0;
    expect(waiting.call("AcquireNextNode", { task_id: taskId, wait_ms: 60_000 })).toBeNull();
  });

  test("answers null at once when what it waits for has failed", () => {
    using service = new TestService();
    const { worker, taskId, held } = chain(service);
    const waiting = service.client();
    waitFor(waiting, taskId);
    service.settle();
    worker.call("FailNode", { ...held, error_payload: 1 });
    expect(waiting.answers).toMatchObject([{ result: null }]);
  });

  test("gets a node whose lease has run out, by time alone", () => {
    using service = new TestService();
    const { taskId, held } = chain(service);
    const waiting = service.client();
    waitFor(waiting, taskId, 600_000);
    service.live(service.settings.nodeTimeoutSecs * 1_000);
    expect(nodeOf(waiting)).toBe(held.node_id);
  });

  test("serves who came first, also before a later request of the same turn", () => {
    using service = new TestService();
    const { worker, taskId, second, held } = chain(service);
    const [first, next, late] = [service.client(), service.client(), service.client()];
    waitFor(first, taskId);
    service.settle();
    waitFor(next, taskId);
    service.settle();
    worker.send("CompleteNode", { ...held, result_payload: 1 });
    late.send("AcquireNextNode", { task_id: taskId });
    service.settle();
    expect(nodeOf(first)).toBe(second);
    expect(next.answers).toEqual([]);
    expect(late.answers).toMatchObject([{ result: null }]);
  });

  test("was asked for in the turn that made the node runnable, and slept through it", () => {
    using service = new TestService();
    const { worker, taskId, second, held } = chain(service);
    const waiting = service.client();
    waitFor(waiting, taskId);
    worker.send("CompleteNode", { ...held, result_payload: 1 });
    service.settle();
    expect(nodeOf(waiting)).toBe(second);
  });

  test("was asked for in the turn in which a delay ended, and slept through it", () => {
    using service = new TestService();
    const { worker, taskId, held } = chain(service);
    worker.call("ReleaseNode", { ...held, delay_secs: 2 });
    const waiting = service.client();
    service.live(1_000);
    service.pass(1_000);
    waitFor(waiting, taskId);
    service.settle();
    expect(nodeOf(waiting)).toBe(held.node_id);
  });

  test("was told null in a late turn in which a delay had ended", () => {
    using service = new TestService();
    const { worker, taskId, held } = chain(service);
    worker.call("ReleaseNode", { ...held, delay_secs: 1 });
    const waiting = service.client();
    waitFor(waiting, taskId, 2_000);
    service.settle();
    service.pass(5_000);
    service.settle();
    expect(nodeOf(waiting)).toBe(held.node_id);
  });

  test("was overtaken, where a lease expired, by a later request whose time was over", () => {
    using service = new TestService({ settings: { nodeTimeoutSecs: 2 } });
    const { taskId, held } = chain(service);
    const [first, hasty] = [service.client(), service.client()];
    waitFor(first, taskId);
    service.settle();
    waitFor(hasty, taskId, 2_000);
    service.settle();
    service.live(2_000);
    expect(nodeOf(first)).toBe(held.node_id);
    expect(hasty.answers).toMatchObject([{ result: null }]);
  });

  test("of many that came in vain asks for no further turn", () => {
    using service = new TestService();
    const { worker, taskId, held } = chain(service);
    for (let n = 0; n < 5; n++) service.client().send("AcquireNextNode", { labels: { no: "node" }, wait_ms: 60_000 });
    worker.send("HeartbeatNode", held);
    waitFor(worker, taskId);
    worker.send("ReleaseNode", { ...held, delay_secs: 60 });
    expect(service.settle()).toBe(1);
  });

  test("was overtaken, where a lease expired, by a newcomer that does not wait", () => {
    using service = new TestService({ settings: { nodeTimeoutSecs: 2 } });
    const { taskId, held } = chain(service);
    const [first, newcomer] = [service.client(), service.client()];
    waitFor(first, taskId);
    service.settle();
    service.live(1_000);
    service.pass(1_000);
    newcomer.send("AcquireNextNode", { task_id: taskId });
    service.settle();
    expect(nodeOf(first)).toBe(held.node_id);
    expect(newcomer.answers).toMatchObject([{ result: null }]);
  });

  test("was overtaken by a later request of the very turn it came in", () => {
    using service = new TestService();
    const { worker, taskId, held } = chain(service);
    const [first, later] = [service.client(), service.client()];
    waitFor(first, taskId);
    worker.send("ReleaseNode", { ...held, delay_secs: 0 });
    later.send("AcquireNextNode", { task_id: taskId });
    service.settle();
    expect(nodeOf(first)).toBe(held.node_id);
    expect(later.answers).toMatchObject([{ result: null }]);
  });

  test("gives nothing to a client that has gone, but to the next", () => {
    using service = new TestService();
    const { worker, taskId, second, held } = chain(service);
    const [dead, alive] = [service.client(), service.client()];
    waitFor(dead, taskId);
    service.settle();
    waitFor(alive, taskId);
    service.settle();
    dead.gone = true;
    worker.call("CompleteNode", { ...held, result_payload: 1 });
    expect(nodeOf(alive)).toBe(second);
    expect(dead.answers).toEqual([]);
  });

  test("keeps its answer under an idempotency key, and waits once for one key", () => {
    using service = new TestService();
    const { worker, taskId, second, held } = chain(service);
    const [one, again] = [service.client(), service.client()];
    waitFor(one, taskId, 60_000, "key");
    service.settle();
    waitFor(again, taskId, 60_000, "key");
    service.settle();
    worker.call("CompleteNode", { ...held, result_payload: 1 });
    expect(nodeOf(one)).toBe(second);
    const later = service.client();
    waitFor(later, taskId, 60_000, "key");
    service.settle();
    expect(later.answers).toMatchObject([{ replayed: true, result: { node_id: second } }]);
  });

  test("is told at its deadline that the storage fails, and otherwise waits on", () => {
    let full = false;
    using service = new TestService({
      wrap: (store) =>
        overriding(store, {
          commit() {
            if (!full) return store.commit();
            store.abandon();
            throw new StorageFailure("STORAGE_FULL", "the disk is full", { reopen: false });
          },
        }),
    });
    const { worker, taskId, second, held } = chain(service);
    const [patient, hasty] = [service.client(), service.client()];
    waitFor(hasty, taskId, 2_000);
    waitFor(patient, taskId);
    service.settle();
    full = true;
    worker.send("CompleteNode", { ...held, result_payload: 1 });
    service.settle();
    expect([...hasty.answers, ...patient.answers]).toEqual([]);
    service.live(2_000);
    expect(hasty.answers).toMatchObject([{ error: { data: { kind: "STORAGE_FULL" } } }]);
    full = false;
    worker.answers.length = 0;
    worker.call("CompleteNode", { ...held, result_payload: 1 });
    expect(nodeOf(patient)).toBe(second);
  });

  test("is told that the daemon stops, and has taken nothing", () => {
    using service = new TestService();
    const { taskId } = chain(service);
    const waiting = service.client();
    waitFor(waiting, taskId);
    service.settle();
    service.dispatcher.drain();
    expect(waiting.answers).toMatchObject([{ error: { data: { kind: "SHUTTING_DOWN" } } }]);
  });
});

test("ttl_secs sets a lease's time, and a heartbeat may change it", () => {
  using service = new TestService();
  const client = service.client();
  const { taskId } = registerTask(client, 1);
  const nowMs = service.clock.wallMs;
  const lease = oneNode(client.call("AcquireNextNode", { task_id: taskId, ttl_secs: 7 }));
  expect(lease?.lease_expires_at_ms).toBe(nowMs + 7_000);
  const claim = { task_id: taskId, node_id: lease?.node_id ?? "", lease_id: lease?.lease_id ?? "" };
  expect(client.call("HeartbeatNode", claim).lease_expires_at_ms).toBe(nowMs + 7_000);
  expect(client.call("HeartbeatNode", { ...claim, ttl_secs: 60 }).lease_expires_at_ms).toBe(nowMs + 60_000);
  expect(client.call("HeartbeatNode", claim).lease_expires_at_ms).toBe(nowMs + 60_000);
});
