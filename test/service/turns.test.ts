import { describe, expect, test } from "bun:test";
import type { Store } from "../../src/store/store.ts";
import { acquire, nthId, registerTask, TestService } from "./harness.ts";
import { overriding, overridingReads } from "./overriding.ts";

const nobody = nthId(0xdead);

describe("answers", () => {
  test("leave in the order of the requests, although an earlier one waits", () => {
    using service = new TestService();
    const client = service.client();
    client.send("ListEvents", { after_seq: 0, wait_ms: 5_000 });
    client.send("TaskStatus", { task_id: nobody });
    client.send("Health", {});
    service.settle();
    expect(client.answers).toEqual([]);

    service.client().call("RegisterTask", { goal: "wakes the waiting one" });
    expect(client.answers).toMatchObject([
      { result: { last_seq: 1 } },
      { error: { data: { kind: "NOT_FOUND" } } },
      { result: { status: "ok" } },
    ]);
  });

  test("go to whoever asked", () => {
    using service = new TestService();
    const clients = [service.client(), service.client(), service.client()];
    for (const [index, client] of clients.entries()) client.send("RegisterTask", { goal: `goal ${index}` });
    service.turn();
    const tasks = clients.map((client) => client.read().result as { task_id: string });
    const goals = tasks.map(({ task_id }) => clients[0]?.call("TaskStatus", { task_id }).task.goal);
    expect(goals).toEqual(["goal 0", "goal 1", "goal 2"]);
  });

  test("carry the seq of what they journalled, in one order over all clients", () => {
    using service = new TestService();
    const [a, b] = [service.client(), service.client()];
    for (const client of [a, b, a, b]) client.send("RegisterTask", { goal: "g" });
    service.turn();
    expect([a, b].map(({ answers }) => answers.map(({ result }) => (result as { seq: number }).seq))).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  test("are dropped with the client that left", () => {
    using service = new TestService();
    const client = service.client();
    client.send("RegisterTask", { goal: "never started" });
    client.leave();
    expect(service.turn()).toBe(false);
    expect(client.answers).toEqual([]);
    expect(service.store.reads.head.seq).toBe(0);
  });
});

describe("a turn", () => {
  test.each([
    [255, 1],
    [256, 1],
    [257, 2],
    [1_000, 4],
  ])("takes at most 256 requests: %i take %i", (requests, turns) => {
    using service = new TestService();
    const client = service.client();
    for (let n = 0; n < requests; n++) client.send("RegisterTask", { goal: "g" });
    const answered: number[] = [];
    do {
      answered.push(client.answers.length);
    } while (service.turn());
    expect(answered).toEqual(Array.from({ length: turns }, (_, n) => n * 256));
    expect(client.answers).toHaveLength(requests);
  });

  test("serves another client at once while one floods it with 10,000 requests", () => {
    using service = new TestService();
    const [flood, other] = [service.client(), service.client()];
    for (let n = 0; n < 10_000; n++) flood.send("RegisterTask", { goal: "g" });
    service.turn();
    other.send("Health", {});
    expect(service.turn()).toBe(true);
    expect(other.answers).toHaveLength(1);
    expect(flood.answers).toHaveLength(511);
  });

  test("gives each of many clients its share before anyone gets a second one", () => {
    using service = new TestService();
    const clients = Array.from({ length: 100 }, () => service.client());
    for (const client of clients) for (let n = 0; n < 5; n++) client.send("Health", {});
    service.turn();
    const shares = clients.map(({ answers }) => answers.length);
    expect([Math.min(...shares), Math.max(...shares)]).toEqual([2, 3]);
  });

  test("that only reads opens no transaction", () => {
    let begun = 0;
    const counting = (store: Store) => overriding(store, { begin: () => (begun++, store.begin()) });
    using service = new TestService({ wrap: counting });
    const client = service.client();
    client.ask("ListTasks", {});
    expect(begun).toBe(0);
    client.ask("RegisterTask", { goal: "g" });
    expect(begun).toBe(1);
  });

  test("that reads and writes lets a later read see the earlier write", () => {
    using service = new TestService();
    const client = service.client();
    client.send("RegisterTask", { goal: "g" });
    client.send("ListTasks", {});
    service.turn();
    expect(client.answers[1]?.result).toMatchObject({ tasks: [{ goal: "g" }] });
  });
});

describe("a refused request", () => {
  test("leaves nothing, and its neighbours in the batch stay", () => {
    using service = new TestService();
    const client = service.client();
    const { taskId } = registerTask(client, 2);
    const { claim } = acquire(client, taskId);
    const stale = { ...claim, lease_id: nobody };
    const twice = { goal: "refused", initial_nodes: [{ id: nthId(0xa1) }, { id: nthId(0xa1) }] };

    client.send("CommitEvent", { ...claim, payload: 1 });
    client.send("CompleteNode", { ...stale, result_payload: "refused" });
    client.send("CommitEvent", { ...stale, payload: "refused" });
    client.send("RegisterTask", twice);
    client.send("CommitEvent", { ...claim, payload: 2 });
    service.turn();

    const kinds = client.answers.splice(0).map(({ error }) => error?.data.kind);
    expect(kinds).toEqual([undefined, "LEASE_LOST", "LEASE_LOST", "DUPLICATE_ID", undefined]);
    const journal = client.call("ListEvents", { action_types: ["COMMIT_EVENT", "COMPLETE_NODE", "REGISTER_TASK"] });
    expect(journal.events.map(({ payload }) => payload)).toMatchObject([{ goal: "g" }, 1, 2]);
    expect(service.store.reads.totals).toMatchObject({ tasks: 1, rows: 4, nodes: { PENDING: 1, RUNNING: 1 } });
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  test.each<[string, Record<string, unknown>]>([
    ["an unknown method", { method: "Nope", params: {} }],
    ["parameters that do not fit", { method: "RegisterTask", params: { goal: 7 } }],
  ])("for %s opens no transaction", (_, request) => {
    const refusing = (store: Store) =>
      overriding(store, {
        begin() {
          throw new Error("a transaction was opened");
        },
      });
    using service = new TestService({ wrap: refusing });
    const client = service.client();
    client.send(request.method as "Health", request.params as object);
    service.turn();
    expect([-32601, -32602]).toContain(client.read().error?.code ?? 0);
  });
});

describe("a bug in a handler", () => {
  const bug = new TypeError("undefined is not a node");
  const buggy = (store: Store) =>
    overriding(
      overridingReads(store, "locks", () => ({
        list() {
          throw bug;
        },
      })),
      {
        apply(effect) {
          const seq = store.apply(effect);
          if (effect.kind === "changeNode") throw bug;
          return seq;
        },
      },
    );

  test("refuses that request alone and keeps nothing of it", () => {
    using service = new TestService({ wrap: buggy });
    const client = service.client();
    const { taskId } = registerTask(client, 1);
    const { claim, seq } = acquire(client, taskId);

    client.send("CommitEvent", { ...claim, payload: "before" });
    client.send("CompleteNode", { ...claim, result_payload: {} }, "a key");
    client.send("CommitEvent", { ...claim, payload: "after" });
    service.turn();

    const [before, failed, after] = client.answers.splice(0);
    expect(before?.result).toMatchObject({ seq: seq + 1 });
    expect(failed?.error?.data).toMatchObject({ kind: "INTERNAL", retryable: false });
    expect(after?.result).toMatchObject({ seq: seq + 2 });
    expect(service.bugs).toEqual([bug]);
    expect(client.call("TaskStatus", { task_id: taskId }).nodes[0]?.status).toBe("RUNNING");
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true });
    expect(service.store.reads.answers.find("a key", 0)).toBeNull();
  });

  test("in a read refuses that read alone", () => {
    using service = new TestService({ wrap: buggy });
    const client = service.client();
    client.send("ListResourceLocks", {});
    client.send("Health", {});
    service.turn();
    expect(client.answers).toMatchObject([{ error: { data: { kind: "INTERNAL" } } }, { result: { status: "ok" } }]);
  });
});

describe("a stopping service", () => {
  test("answers everything that was submitted and tells who waits that the wait is over", () => {
    using service = new TestService();
    const [busy, waiting] = [service.client(), service.client()];
    for (let n = 0; n < 600; n++) busy.send("RegisterTask", { goal: "g" });
    waiting.send("ListEvents", { task_id: nobody, wait_ms: 60_000 });
    service.dispatcher.drain();
    expect(busy.answers).toHaveLength(600);
    expect(waiting.answers).toMatchObject([{ result: { events: [], last_seq: 600 } }]);
  });

  test("tells a verification that it will not be finished", () => {
    using service = new TestService();
    const client = service.client();
    for (let n = 0; n < 3_000; n++) client.send("RegisterTask", { goal: "g" });
    service.settle();
    client.answers.length = 0;
    client.send("VerifyJournal", {});
    service.dispatcher.drain();
    expect(client.answers).toMatchObject([{ error: { data: { kind: "SHUTTING_DOWN", retryable: true } } }]);
  });
});
