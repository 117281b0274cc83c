import { describe, expect, test } from "bun:test";
import type { Reads } from "../../src/store/reads.ts";
import { acquire, registerTask, type TestClient, TestService } from "./harness.ts";
import { type Fate, UnluckyService } from "./unlucky.ts";

/** What takes its time between the halves of a turn: an append to a log that others share. */
const later = () => Bun.sleep(1);

/** What somebody kept from before the turn. */
type Kept = Pick<Reads, "tasks" | "nodes">;

const kinds = (client: TestClient): string[] => client.answers.splice(0).map(({ error }) => error?.data.kind ?? "ok");
const goals = (client: TestClient) => client.call("ListTasks", {}).tasks.map(({ goal }) => goal);

describe("a turn that is closed late", () => {
  test("answers nobody before, whether they change something, read, or cannot be understood", async () => {
    using service = new TestService();
    const clients = [service.client(), service.client(), service.client()] as const;
    clients[0].send("RegisterTask", { goal: "g" });
    clients[1].send("Health", {});
    clients[2].submitLine({ method: "Nope" });
    const turn = service.dispatcher.openTurn();
    await later();
    expect(clients.map(({ answers }) => answers.length)).toEqual([0, 0, 0]);
    service.dispatcher.closeTurn(turn);
    expect(clients.map(({ answers }) => answers.length)).toEqual([1, 1, 1]);
  });

  test("leaves what arrived meanwhile to the next, which runs, reads and answers it", async () => {
    using service = new TestService();
    const [first, second, reader] = [service.client(), service.client(), service.client()];
    first.send("RegisterTask", { goal: "in the turn" });
    const turn = service.dispatcher.openTurn();
    second.send("RegisterTask", { goal: "meanwhile" });
    first.send("CommitEvent", { task_id: service.newId(), node_id: service.newId(), payload: 1 });
    reader.send("ListTasks", {});
    await later();
    expect([first, second, reader].map(({ answers }) => answers.length)).toEqual([0, 0, 0]);
    expect(service.dispatcher.closeTurn(turn)).toBe(true);
    expect([kinds(first), second.answers, reader.answers]).toEqual([["ok"], [], []]);
    expect(service.store.reads.head.seq).toBe(1);
    expect(service.dispatcher.turn()).toBe(false);
    expect([kinds(first), kinds(second)]).toEqual([["NOT_FOUND"], ["ok"]]);
    expect(reader.answers).toMatchObject([{ result: { tasks: [{ goal: "meanwhile" }, { goal: "in the turn" }] } }]);
  });

  test.each<[string, (service: TestService, kept: Kept) => unknown]>([
    ["reads the head", ({ store }) => store.reads.head],
    ["counts", ({ store }) => store.reads.totals],
    ["reads a task", ({ store }) => store.reads.tasks.find("x")],
    ["has kept what reads tasks", (_, { tasks }) => tasks.find("x")],
    // oxlint-disable-next-line typescript/unbound-method -- that a function is kept without its object is what is tried
    ["has kept a function that reads nodes", (_, { nodes: { head } }) => head("x")],
    ["reads what was journalled", ({ store }) => store.appended],
    ["looks after the storage", ({ store }) => store.check()],
    ["begins a unit", ({ store }) => store.begin()],
    ["changes something", ({ store }) => store.apply({ kind: "forgetHeldBack" })],
    [
      "tries something",
      ({ store }) =>
        store.savepoint(
          () => 1,
          () => true,
        ),
    ],
    ["starts a backup", ({ store, directory }) => store.startBackup(`${directory}/copy.db`)],
    ["runs a turn", ({ dispatcher }) => dispatcher.turn()],
    ["opens another", ({ dispatcher }) => dispatcher.openTurn()],
    ["stops the service", ({ dispatcher }) => dispatcher.drain()],
  ])("stops whoever %s before", async (_, meddle) => {
    using service = new TestService();
    const client = service.client();
    client.send("RegisterTask", { goal: "g" });
    const { tasks, nodes } = service.store.reads;
    const turn = service.dispatcher.openTurn();
    await later();
    expect(() => meddle(service, { tasks, nodes })).toThrow("open");
    service.dispatcher.closeTurn(turn);
    expect([kinds(client), goals(client)]).toEqual([["ok"], ["g"]]);
  });

  test("is closed once, and no other in its place", () => {
    using service = new TestService();
    const turn = service.dispatcher.openTurn();
    service.dispatcher.closeTurn(turn);
    expect(() => service.dispatcher.closeTurn(turn)).toThrow("not open");
  });

  test("that only reads keeps the state as still", async () => {
    using service = new TestService();
    const client = service.client();
    client.send("Health", {});
    const turn = service.dispatcher.openTurn();
    await later();
    expect(() => service.store.reads.head).toThrow("open");
    service.dispatcher.closeTurn(turn);
    expect(kinds(client)).toEqual(["ok"]);
  });

  test("gives waiters what they waited for when it is closed, and readers of the journal with them", async () => {
    using service = new TestService();
    const [worker, waiting, reading] = [service.client(), service.client(), service.client()];
    const { taskId, nodeIds } = registerTask(worker, 1);
    const { claim } = acquire(worker, taskId);
    waiting.send("AcquireNextNode", { task_id: taskId, wait_ms: 60_000 });
    reading.send("ListEvents", { after_seq: 2, wait_ms: 60_000 });
    service.settle();
    worker.send("ReleaseNode", claim);
    const turn = service.dispatcher.openTurn();
    await later();
    expect([worker, waiting, reading].map(({ answers }) => answers.length)).toEqual([0, 0, 0]);
    service.dispatcher.closeTurn(turn);
    expect(waiting.read().result).toMatchObject({ node_id: nodeIds[0] });
    expect(reading.read().result).toMatchObject({ events: [{ seq: 3 }, { seq: 4 }] });
    expect(kinds(worker)).toEqual(["ok"]);
  });

  test("while a wait ended tells of that in the next", async () => {
    using service = new TestService();
    const [waiting, other] = [service.client(), service.client()];
    waiting.send("ListEvents", { wait_ms: 500 });
    service.settle();
    other.send("Health", {});
    const turn = service.dispatcher.openTurn();
    await later();
    service.pass(600);
    service.dispatcher.closeTurn(turn);
    expect([waiting.answers.length, service.dispatcher.msUntilTurn()]).toEqual([0, 0]);
    service.turn();
    expect(kinds(waiting)).toEqual(["ok"]);
  });

  test("gives no lease's time away that passed meanwhile", async () => {
    using service = new TestService({ settings: { nodeTimeoutSecs: 2 } });
    const client = service.client();
    const { taskId } = registerTask(client, 1);
    const { claim } = acquire(client, taskId);
    client.send("TaskStatus", { task_id: taskId });
    const turn = service.dispatcher.openTurn();
    await later();
    service.pass(10_000);
    client.send("HeartbeatNode", claim);
    service.dispatcher.closeTurn(turn);
    service.settle();
    expect(kinds(client)).toEqual(["ok", "ok"]);
  });

  test("keeps what a client did that has gone meanwhile, and does nothing more for it", async () => {
    using service = new TestService();
    const [leaving, staying, holder] = [service.client(), service.client(), service.client()];
    const held = holder.call("AcquireResourceLock", { resource_key: "file:a" });
    leaving.send("AcquireResourceLock", { resource_key: "file:a", wait_ms: 60_000 });
    service.settle();
    staying.send("AcquireResourceLock", { resource_key: "file:a", wait_ms: 60_000 });
    service.settle();
    leaving.send("RegisterTask", { goal: "in the turn" });
    const turn = service.dispatcher.openTurn();
    leaving.send("RegisterTask", { goal: "meanwhile" });
    await later();
    leaving.leave();
    holder.send("ReleaseResourceLock", { lease_id: held?.lease_id ?? "" });
    service.dispatcher.closeTurn(turn);
    service.settle();
    expect([leaving.answers, kinds(staying), kinds(holder)]).toEqual([[], ["ok"], ["ok"]]);
    expect(goals(holder)).toEqual(["in the turn"]);
  });

  test.each<[Fate, string]>([
    ["fails before", "OUTCOME_UNKNOWN"],
    ["fails after", "OUTCOME_UNKNOWN"],
    ["finds no room", "STORAGE_FULL"],
  ])("(%s) is told of as %s, and the next is as any other", async (fate, kind) => {
    using service = new UnluckyService();
    const client = service.client();
    client.send("RegisterTask", { goal: "g" });
    client.send("Health", {});
    const turn = service.dispatcher.openTurn();
    service.fate = fate;
    client.send("RegisterTask", { goal: "meanwhile" });
    await later();
    service.dispatcher.closeTurn(turn);
    expect(kinds(client)).toEqual([kind, "ok"]);
    service.fate = "commits";
    service.settle();
    expect(kinds(client)).toEqual(["ok"]);
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true });
  });
});
