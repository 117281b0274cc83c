import { describe, expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { acquire, registerTask, type TestClient, TestService } from "./harness.ts";
import { commonRefusals } from "../../src/protocol/errors.ts";
import { methodNames, methodRow } from "../../src/protocol/methods.ts";
import { type Fate, UnluckyService } from "./unlucky.ts";

const kinds = (client: TestClient): string[] => client.answers.splice(0).map(({ error }) => error?.data.kind ?? "ok");

describe("a commit that fails", () => {
  test.each<[Fate, string]>([
    ["fails before", "OUTCOME_UNKNOWN"],
    ["fails after", "OUTCOME_UNKNOWN"],
    ["finds no room", "STORAGE_FULL"],
  ])("(%s) is told to every writer as %s, and reads are answered", (fate, kind) => {
    using service = new UnluckyService();
    const client = service.client();
    const { taskId, nodeIds } = registerTask(client, 1);
    service.fate = fate;
    client.send("RegisterTask", { goal: "one" });
    client.send("TaskStatus", { task_id: taskId });
    client.send("CommitEvent", { task_id: taskId, node_id: nodeIds[0] ?? "", payload: null });
    client.send("Health", {});
    service.settle();
    const health = client.answers[3]?.result;
    expect(kinds(client)).toEqual([kind, "ok", kind, "ok"]);
    expect(health).toMatchObject({
      status: "degraded",
      database: expect.stringMatching(/disk is full|sync failed/) as string,
    });

    service.fate = "commits";
    expect(client.ask("RegisterTask", { goal: "two" }).error).toBeUndefined();
    expect(client.call("Health", {})).toMatchObject({ status: "ok", database: "ok" });
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  test.each<[Fate, number]>([
    ["fails before", 1],
    ["finds no room", 1],
    ["fails after", 2],
  ])("(%s): the store then holds what the disk does", (fate, tasks) => {
    using service = new UnluckyService();
    const client = service.client();
    client.call("RegisterTask", { goal: "before" });
    service.fate = fate;
    client.ask("RegisterTask", { goal: "in question" });
    expect(client.call("ListTasks", {}).tasks).toHaveLength(tasks);
    expect(client.call("Metrics", {}).database).toMatchObject({ total_tasks: tasks });
    expect(client.call("Health", {}).last_seq).toBe(tasks);
  });

  test.each<[Fate, boolean]>([
    ["fails before", false],
    ["finds no room", false],
    ["fails after", true],
  ])("(%s) may be repeated with its idempotency key", (fate, lasted) => {
    using service = new UnluckyService();
    const client = service.client();
    service.fate = fate;
    client.ask("RegisterTask", { goal: "g" }, "key");
    service.fate = "commits";
    const repeated = client.ask("RegisterTask", { goal: "g" }, "key");
    expect(repeated.replayed ?? false).toBe(lasted);
    expect(client.call("ListTasks", {}).tasks).toHaveLength(1);
  });

  test("counts nothing for Metrics", () => {
    using service = new UnluckyService();
    const client = service.client();
    service.fate = "finds no room";
    client.ask("RegisterTask", { goal: "g" });
    expect(client.call("Metrics", {}).runtime.registered_tasks).toBe(0);
  });

  test("wakes nobody who waits for its events", () => {
    using service = new UnluckyService();
    const [waiting, writing] = [service.client(), service.client()];
    waiting.send("ListEvents", { wait_ms: 60_000 });
    service.fate = "fails before";
    writing.ask("RegisterTask", { goal: "g" });
    expect(waiting.answers).toEqual([]);
    service.fate = "commits";
    writing.ask("RegisterTask", { goal: "h" });
    expect(waiting.answers).toMatchObject([{ result: { events: [{ seq: 1, payload: { goal: "h" } }] } }]);
  });

  test("expires nothing; the leases run out once commits work again", () => {
    using service = new UnluckyService();
    const client = service.client();
    const { taskId } = registerTask(client, 1);
    acquire(client, taskId);
    service.fate = "finds no room";
    service.live(service.settings.nodeTimeoutSecs * 1_000 + 5_000);
    expect(service.dispatcher.msUntilTurn()).toBe(500);
    service.fate = "commits";
    service.live(1_000);
    expect(client.call("TaskStatus", { task_id: taskId }).nodes[0]?.status).toBe("PENDING");
  });

  test.each([
    ["fails before", "set back"],
    ["fails after", "set back"],
    ["fails before", "set forward"],
    ["fails after", "set forward"],
  ] as const)("(%s) while the clock is %s ends no live lease, and none lives on for ever", (fate, step) => {
    using service = new UnluckyService();
    const client = service.client();
    client.call("AcquireResourceLock", { resource_key: "file:a" });
    service.clock.wallMs += step === "set back" ? -3_600_000 : 3_600_000;
    service.fate = fate;
    service.settle();
    service.fate = "commits";
    service.live(service.settings.nodeTimeoutSecs * 1_000 - 1_000);
    expect(client.call("ListResourceLocks", {}).locks).toHaveLength(1);
    service.live(2_000);
    expect(client.call("ListResourceLocks", {}).locks).toEqual([]);
  });

  test("that lasted after all leaves no lease that never expires", () => {
    using service = new UnluckyService();
    const client = service.client();
    const { taskId } = registerTask(client, 1);
    service.fate = "fails after";
    client.ask("AcquireNextNode", { task_id: taskId });
    service.fate = "commits";
    expect(service.dispatcher.msUntilTurn()).not.toBeNull();
    service.live(service.settings.nodeTimeoutSecs * 1_000);
    expect(client.call("TaskStatus", { task_id: taskId }).nodes[0]?.status).toBe("PENDING");
  });
});

describe("a database that cannot be opened again", () => {
  test("is told as such to everybody, and serves again once it is back", () => {
    using service = new UnluckyService();
    const client = service.client();
    client.call("RegisterTask", { goal: "kept" });
    // Folds the log in, so that closing the file writes nothing to it any more.
    client.call("Backup", { path: join(service.directory, "copy.db") });
    const firstPage = readFileSync(service.database).subarray(0, 4_096);
    overwrite(service.database, Buffer.alloc(firstPage.length, 7));
    service.fate = "fails before";
    expect(client.refusal("RegisterTask", { goal: "in question" })).toBe("OUTCOME_UNKNOWN");
    service.fate = "commits";
    expect(client.refusal("ListTasks", {})).toBe("STORAGE_FAILED");
    expect(client.refusal("RegisterTask", { goal: "too early" })).toBe("STORAGE_FAILED");
    expect(service.bugs).toEqual([]);

    overwrite(service.database, firstPage);
    expect(client.ask("RegisterTask", { goal: "again" }).error).toBeUndefined();
    expect(client.call("ListTasks", {}).tasks.map(({ goal }) => goal)).toEqual(["again", "kept"]);
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  test("refuses every method with a kind that the contract says it can answer", () => {
    using service = new UnluckyService();
    const client = service.client();
    client.call("Backup", { path: join(service.directory, "copy.db") });
    const firstPage = readFileSync(service.database).subarray(0, 4_096);
    overwrite(service.database, Buffer.alloc(firstPage.length, 7));
    service.fate = "fails before";
    client.ask("RegisterTask", { goal: "in question" });
    const unsaid = methodNames.flatMap((name) => {
      const { mutates, refusals, example } = methodRow(name);
      const kind = client.ask(name, example.params as never).error?.data.kind;
      const said = [...refusals, ...commonRefusals.any, ...(mutates ? commonRefusals.mutating : [])];
      return kind === undefined || said.includes(kind) ? [] : [`${name} ${kind}`];
    });
    overwrite(service.database, firstPage);
    expect(unsaid).toEqual([]);
  });

  test("left a lease behind that never expired, where the commit had lasted", () => {
    using service = new UnluckyService();
    const client = service.client();
    const { taskId, nodeIds } = registerTask(client, 2);
    client.call("Backup", { path: join(service.directory, "copy.db") });
    const firstPage = readFileSync(service.database).subarray(0, 4_096);
    overwrite(service.database, Buffer.alloc(firstPage.length, 7));
    service.fate = "fails after";
    expect(client.refusal("AcquireNextNode", { task_id: taskId })).toBe("OUTCOME_UNKNOWN");
    service.fate = "commits";
    expect(client.refusal("ListTasks", {})).toBe("STORAGE_FAILED");
    overwrite(service.database, firstPage);
    client.call("CommitEvent", { task_id: taskId, node_id: nodeIds[1] ?? "", payload: null });
    expect(client.call("TaskStatus", { task_id: taskId }).nodes[0]?.status).toBe("RUNNING");
    service.live(service.settings.nodeTimeoutSecs * 1_000);
    expect(client.call("TaskStatus", { task_id: taskId }).nodes[0]?.status).toBe("PENDING");
  });

  function overwrite(path: string, bytes: Buffer): void {
    const fd = openSync(path, "r+");
    writeSync(fd, bytes, 0, bytes.length, 0);
    closeSync(fd);
  }
});

describe("a database file that was moved away", () => {
  test("refuses writes and loses none that was acknowledged; works again when it is put back", () => {
    using service = new TestService();
    const client = service.client();
    client.call("RegisterTask", { goal: "before" });
    renameSync(service.database, `${service.database}.away`);
    expect(client.refusal("RegisterTask", { goal: "refused" })).toBe("STORAGE_FAILED");
    expect(client.call("Health", {})).toMatchObject({
      status: "degraded",
      database: expect.stringContaining("was removed") as string,
    });
    renameSync(`${service.database}.away`, service.database);
    client.call("RegisterTask", { goal: "after" });
    service.restart();
    const goals = service
      .client()
      .call("ListTasks", {})
      .tasks.map(({ goal }) => goal);
    expect(goals).toEqual(["after", "before"]);
  });
});

describe("a backup", () => {
  test("asked for in one turn with writes disturbs none of them and holds them all", () => {
    using service = new TestService();
    const client = service.client();
    const path = join(service.directory, "copy.db");
    client.send("RegisterTask", { goal: "one" });
    client.send("Backup", { path });
    client.send("RegisterTask", { goal: "two" });
    service.settle();
    const answers = client.answers.splice(0);
    expect(answers.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    expect(answers[1]?.result).toMatchObject({ path, seq: 2 });
    expect(client.call("Health", {})).toMatchObject({ status: "ok" });
  });

  test("that cannot be written is refused, leaves nothing, and the database is as well as before", () => {
    using service = new TestService();
    const client = service.client();
    const path = join(service.directory, "no", "such", "folder.db");
    client.send("RegisterTask", { goal: "one" });
    client.send("Backup", { path });
    service.settle();
    expect(client.answers.splice(0).map(({ error }) => error?.data.kind)).toEqual([undefined, "INVALID_STATE"]);
    expect(client.refusal("Backup", { path: service.database })).toBe("INVALID_STATE");
    expect(client.refusal("Backup", { path: "copy.db" })).toBe("INVALID_STATE");
    expect(client.call("Health", {})).toMatchObject({ status: "ok" });
    expect(service.bugs).toEqual([]);
  });

  test("is given up when its client leaves", () => {
    using service = new TestService();
    const client = service.client();
    const path = join(service.directory, "copy.db");
    client.call("CommitEvent", bigEvent(client));
    client.send("Backup", { path });
    service.turn();
    client.leave();
    service.settle();
    expect([existsSync(path), existsSync(`${path}.unfinished`)]).toEqual([false, false]);
    expect(service.client().ask("Backup", { path }).error).toBeUndefined();
  });

  test("that a lost database interrupts is refused and writes to no other file", () => {
    using service = new UnluckyService();
    const [saving, writing] = [service.client(), service.client()];
    const path = join(service.directory, "copy.db");
    writing.call("CommitEvent", bigEvent(writing));
    saving.send("Backup", { path });
    service.turn();
    service.fate = "fails before";
    writing.send("RegisterTask", { goal: "in question" });
    service.settle();
    expect(saving.read().error?.data.kind).toBe("STORAGE_FAILED");
    expect([existsSync(path), existsSync(`${path}.unfinished`)]).toEqual([false, false]);
    service.fate = "commits";
    expect(writing.answers.splice(0)).toHaveLength(1);
    expect(writing.call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  /** Large enough that a copy of the database takes several steps. */
  function bigEvent(client: TestClient) {
    const { taskId, nodeIds } = registerTask(client, 1);
    return { task_id: taskId, node_id: nodeIds[0] ?? "", payload: "x".repeat(9 << 20) };
  }
});
