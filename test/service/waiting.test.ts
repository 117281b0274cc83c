import { describe, expect, test } from "bun:test";
import { acquire, nthId, registerTask, TestService } from "./harness.ts";

describe("ListEvents with wait_ms", () => {
  test("answers at once when something is there already", () => {
    using service = new TestService();
    const client = service.client();
    registerTask(client, 1);
    expect(client.call("ListEvents", { wait_ms: 60_000 }).events).toHaveLength(1);
    expect(service.dispatcher.msUntilTurn()).toBeNull();
  });

  test("answers in the turn that commits a matching event, and not before", () => {
    using service = new TestService();
    const [waiting, writing] = [service.client(), service.client()];
    const [watched, other] = [registerTask(writing, 1), registerTask(writing, 1)];
    const wanted = { task_id: watched.taskId, action_types: ["progress"], after_seq: 2, wait_ms: 60_000 };
    waiting.send("ListEvents", wanted);
    service.settle();
    const event = (of: typeof watched, action_type: string) =>
      writing.call("CommitEvent", {
        task_id: of.taskId,
        node_id: of.nodeIds[0] ?? "",
        action_type,
        payload: action_type,
      });
    event(other, "progress");
    event(watched, "chatter");
    expect(waiting.answers).toEqual([]);
    event(watched, "progress");
    expect(waiting.read().result).toMatchObject({ events: [{ seq: 5, action_type: "progress" }], last_seq: 5 });
  });

  test("answers with an empty page at its deadline, on the monotonic clock", () => {
    using service = new TestService();
    const client = service.client();
    registerTask(client, 1);
    client.send("ListEvents", { after_seq: 1, wait_ms: 3_000 });
    service.settle();
    expect(service.dispatcher.msUntilTurn()).toBe(3_000);
    service.clock.wallMs += 3_600_000;
    service.settle();
    expect(client.answers).toEqual([]);
    service.pass(2_999);
    service.settle();
    expect(client.answers).toEqual([]);
    service.pass(1);
    service.settle();
    expect(client.read().result).toEqual({ events: [], next_after_seq: 1, last_seq: 1 });
    expect(service.dispatcher.msUntilTurn()).toBeNull();
  });

  test("wakes for what the daemon itself journals", () => {
    using service = new TestService();
    const client = service.client();
    const { taskId } = registerTask(client, 1);
    acquire(client, taskId);
    client.send("ListEvents", { action_types: ["TIMEOUT_ROLLBACK"], wait_ms: 600_000 });
    service.live(service.settings.nodeTimeoutSecs * 1_000);
    expect(client.read().result).toMatchObject({ events: [{ seq: 3, task_id: taskId }] });
  });

  test("is dropped with its client, and no timer stays for it", () => {
    using service = new TestService();
    const client = service.client();
    client.send("ListEvents", { wait_ms: 60_000 });
    service.settle();
    client.leave();
    service.client().call("RegisterTask", { goal: "g" });
    expect(client.answers).toEqual([]);
    expect(service.dispatcher.msUntilTurn()).toBeNull();
  });

  test("shows each of two waiting clients the same event", () => {
    using service = new TestService();
    const waiting = [service.client(), service.client()];
    for (const client of waiting) client.send("ListEvents", { wait_ms: 60_000 });
    service.client().call("RegisterTask", { goal: "g" });
    expect(waiting.map((client) => client.answers)).toMatchObject([
      [{ result: { events: [{ seq: 1 }] } }],
      [{ result: { events: [{ seq: 1 }] } }],
    ]);
  });

  test("a loop of pages sees every event once, whatever is filtered out between them", () => {
    using service = new TestService();
    const client = service.client();
    const { taskId, nodeIds } = registerTask(client, 1);
    const event = { task_id: taskId, node_id: nodeIds[0] ?? "" };
    for (let n = 0; n < 1_200; n++)
      client.send("CommitEvent", { ...event, action_type: n % 3 ? "x" : "y", payload: n });
    service.settle();
    client.answers.length = 0;
    const seen: unknown[] = [];
    for (let after = 0; ;) {
      const page = client.call("ListEvents", { action_types: ["y"], after_seq: after, limit: 7 });
      if (page.events.length === 0) break;
      seen.push(...page.events.map(({ payload }) => payload));
      after = page.next_after_seq;
    }
    expect(seen).toEqual(Array.from({ length: 400 }, (_, n) => n * 3));
  });

  test("of an unknown task waits as for any other", () => {
    using service = new TestService();
    const client = service.client();
    expect(client.call("ListEvents", { task_id: nthId(0xdead) }).events).toEqual([]);
  });
});
