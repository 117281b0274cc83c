import { describe, expect, test } from "bun:test";
import { acquire, nthId, registerTask, TestService } from "./harness.ts";

const dayMs = 86_400_000;

describe("the same request with the same key", () => {
  test("gets the first answer again and changes nothing", () => {
    using service = new TestService();
    const client = service.client();
    const first = client.ask("RegisterTask", { goal: "g" }, "key");
    const again = client.ask("RegisterTask", { goal: "g" }, "key");
    expect(again).toEqual({ ...first, replayed: true });
    expect(service.store.reads.totals).toMatchObject({ tasks: 1, rows: 1 });
  });

  test("gets the first refusal again, although it would succeed by now", () => {
    using service = new TestService();
    const client = service.client();
    const { taskId } = registerTask(client, 1);
    const { claim } = acquire(client, taskId);
    const event = { task_id: taskId, node_id: claim.node_id, payload: 1 };
    const first = client.ask("CommitEvent", event, "key");
    expect(first.error?.data.kind).toBe("LEASE_LOST");
    client.call("CompleteNode", { ...claim, result_payload: 1 });
    expect(client.ask("CommitEvent", event, "key")).toEqual({ ...first, replayed: true });
    expect(client.ask("CommitEvent", event).error).toBeUndefined();
  });

  test("gets the first null again, although work is runnable by now", () => {
    using service = new TestService();
    const client = service.client();
    const { taskId } = registerTask(client, 1);
    const { claim } = acquire(client, taskId);
    const none = client.ask("AcquireNextNode", { task_id: taskId }, "key");
    expect(none).toEqual({ result: null, seq: 2 });
    service.live(service.settings.nodeTimeoutSecs * 1_000);
    expect(client.ask("AcquireNextNode", { task_id: taskId }, "key")).toEqual({ ...none, replayed: true });
    expect(acquire(client, taskId).node_id).toBe(claim.node_id);
  });

  test("gets the node it took, when it asks again for the time that is left", () => {
    using service = new TestService();
    const client = service.client();
    const { taskId } = registerTask(client, 1);
    const taken = client.ask("AcquireNextNode", { task_id: taskId, wait_ms: 9_000 }, "key");
    expect(taken.result).not.toBeNull();
    const again = client.ask("AcquireNextNode", { task_id: taskId, wait_ms: 4_000 }, "key");
    expect(again).toEqual({ ...taken, replayed: true });
  });

  test("gets the first answer again within one turn", () => {
    using service = new TestService();
    const [a, b] = [service.client(), service.client()];
    for (const client of [a, b]) client.send("RegisterTask", { goal: "g" }, "key");
    service.turn();
    expect(b.read()).toEqual({ ...a.read(), replayed: true });
  });

  test.each(["success", "refusal"])("gets it after a restart too (%s)", (outcome) => {
    using service = new TestService();
    const nodes = outcome === "success" ? [] : [{ id: nthId(0xa), dependencies: [nthId(0xb)] }];
    const ask = () => service.client().ask("RegisterTask", { goal: "g", initial_nodes: nodes }, "key");
    const first = ask();
    service.restart();
    expect(ask()).toEqual({ ...first, replayed: true });
  });

  test("is the same however its keys are ordered and its defaults written", () => {
    using service = new TestService();
    const client = service.client();
    client.ask("RegisterTask", { goal: "g", context: { a: 1, b: [{ c: 2, d: 3 }] } }, "key");
    const reordered = { initial_nodes: [], context: { b: [{ d: 3, c: 2 }], a: 1 }, goal: "g" };
    expect(client.ask("RegisterTask", reordered, "key").replayed).toBe(true);
  });

  test("keeps a number to the letter in the answer it repeats", () => {
    using service = new TestService();
    const client = service.client();
    const { taskId } = registerTask(client, 1);
    const exact = JSON.rawJSON("12345678901234567890.10");
    const { claim } = acquire(client, taskId);
    client.send("CompleteNode", { ...claim, result_payload: exact }, "key");
    client.send("CompleteNode", { ...claim, result_payload: exact }, "key");
    client.send("CompleteNode", { ...claim, result_payload: JSON.rawJSON("12345678901234567890.1") }, "key");
    service.settle();
    const [, again, other] = client.answers;
    expect(again?.replayed).toBe(true);
    expect(other?.error?.data.kind).toBe("IDEMPOTENCY_MISMATCH");
  });
});

describe("another request with the same key is refused as a mismatch", () => {
  test.each<[string, (client: ReturnType<TestService["client"]>) => string | undefined]>([
    ["other parameters", (client) => client.refusal("RegisterTask", { goal: "h" }, "key")],
    ["one element more", (client) => client.refusal("RegisterTask", { goal: "g", initial_nodes: [{}] }, "key")],
    ["another method", (client) => client.refusal("AcquireResourceLock", { resource_key: "g" }, "key")],
  ])("%s", (_, refusal) => {
    using service = new TestService();
    const client = service.client();
    client.ask("RegisterTask", { goal: "g" }, "key");
    expect(refusal(client)).toBe("IDEMPOTENCY_MISMATCH");
    expect(service.store.reads.head.seq).toBe(1);
    expect(client.ask("RegisterTask", { goal: "g" }, "key").replayed).toBe(true);
  });
});

describe("a key", () => {
  test("means nothing to a read", () => {
    using service = new TestService();
    const client = service.client();
    client.ask("ListTasks", {}, "key");
    expect(client.ask("RegisterTask", { goal: "g" }, "key").replayed).toBeUndefined();
  });

  test("means nothing where the parameters do not fit", () => {
    using service = new TestService();
    const client = service.client();
    expect(client.refusal("RegisterTask", { goal: 7 as unknown as string }, "key")).toBe("INVALID_PARAMS");
    expect(client.ask("RegisterTask", { goal: "g" }, "key").error).toBeUndefined();
  });

  test.each([
    [7 * dayMs - 1, true],
    [7 * dayMs, false],
  ])("%i ms old still stands for its answer: %p", (age, replayed) => {
    using service = new TestService();
    const client = service.client();
    client.ask("RegisterTask", { goal: "g" }, "key");
    service.pass(age);
    expect(client.ask("RegisterTask", { goal: "g" }, "key").replayed ?? false).toBe(replayed);
  });
});
