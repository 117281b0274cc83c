import { Database } from "bun:sqlite";
import { hashOf } from "../../src/store/tables/journal.ts";
import { describe, expect, test } from "bun:test";
import type { Result } from "../../src/protocol/methods.ts";
import { acquire, registerTask, TestService } from "./harness.ts";

type Difference = Result<"VerifyJournal">["first_difference"];

/** A service with some of everything: 1 REGISTER, 2 ACQUIRE, 3 event, 4 COMPLETE, 5 ACQUIRE, 6 lock, 7 REGISTER. */
class Storied extends TestService {
  readonly nodeIds: string[];

  constructor() {
    super();
    const client = this.client();
    const { taskId, nodeIds } = registerTask(client, 3);
    this.nodeIds = nodeIds;
    const { claim } = acquire(client, taskId);
    client.call("CommitEvent", { ...claim, action_type: "progress", payload: { done: 1 } });
    client.call("CompleteNode", { ...claim, result_payload: { built: true } });
    acquire(client, taskId);
    client.call("AcquireResourceLock", { resource_key: "file:a", owner: "ann" });
    registerTask(client, 1);
  }

  verify(): Result<"VerifyJournal"> {
    return this.client().call("VerifyJournal", {});
  }

  /** Edits the database file while no daemon has it, past the triggers that protect the journal. */
  tamper(sql: string): void {
    this.restart(() => {
      const db = new Database(this.database);
      db.run("PRAGMA ignore_check_constraints = 1");
      const triggers = db.query<{ name: string; sql: string }, []>(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'",
      );
      const kept = triggers.all();
      for (const { name } of kept) db.run(`DROP TRIGGER ${name}`);
      db.run(sql);
      for (const trigger of kept) db.run(trigger.sql);
      db.close(true);
    });
  }
}

describe("VerifyJournal", () => {
  test("finds nothing where nothing was altered, before and after a restart", () => {
    using service = new Storied();
    const report = { ok: true, first_difference: null, rows: 7, last_seq: 7, tasks: 2, nodes: 4, locks: 1 };
    expect(service.verify()).toMatchObject({ ...report, head_hash: service.store.reads.head.hash });
    service.tamper("UPDATE nodes SET updated_at_ms = updated_at_ms");
    expect(service.verify()).toMatchObject(report);
  });

  test("of an empty database is ok", () => {
    using service = new TestService();
    const report = service.client().call("VerifyJournal", {});
    expect(report).toMatchObject({ ok: true, rows: 0, last_seq: 0, head_hash: "0".repeat(64) });
  });
});

test("VerifyJournal finds a row that was altered together with its hash by the row after it", () => {
  using service = new Storied();
  const [before, altered] = service.store.reads.journal.slice(1, { rows: 2, chars: 10_000 });
  if (before === undefined || altered === undefined) throw new Error("there are not enough rows");
  const payload = '{"done":2}';
  const hash = hashOf(before.hash, { ...altered.row, payload });
  service.tamper(`UPDATE journal SET payload = '${payload}', hash = '${hash}' WHERE seq = 3`);
  expect(service.verify()).toMatchObject({ ok: false, first_difference: { where: "journal row 4", field: "hash" } });
});

describe("VerifyJournal names the first difference", () => {
  const row3 = { where: "journal row 3", field: "hash" };
  const node = (field: string): Partial<Difference & object> => ({
    where: expect.stringMatching(/^node /) as string,
    field,
  });

  test.each<[string, string, Partial<NonNullable<Difference>>]>([
    ["an altered payload", `UPDATE journal SET payload = '{"done":2}' WHERE seq = 3`, row3],
    ["a payload that is no JSON any more", `UPDATE journal SET payload = '{"done":1' WHERE seq = 3`, row3],
    ["a payload that only reads the same", `UPDATE journal SET payload = '{"done": 1}' WHERE seq = 3`, row3],
    ["an altered timestamp", "UPDATE journal SET timestamp_ms = timestamp_ms + 1 WHERE seq = 3", row3],
    ["an altered action type", "UPDATE journal SET action_type = 'regress' WHERE seq = 3", row3],
    ["an altered hash", "UPDATE journal SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = 3", row3],
    ["an altered node id", "UPDATE journal SET node_id = NULL WHERE seq = 3", row3],
    ["an altered origin", "UPDATE journal SET origin = 'daemon' WHERE seq = 3", row3],
    ["two altered rows: the first", "UPDATE journal SET payload = '0' WHERE seq IN (3, 5)", row3],
    [
      "a deleted row",
      "DELETE FROM journal WHERE seq = 3",
      { where: "journal row 4", field: "seq", expected: 3, found: 4 },
    ],
    ["a deleted first row", "DELETE FROM journal WHERE seq = 1", { where: "journal row 2", expected: 1, found: 2 }],
    [
      "a deleted last row",
      "DELETE FROM journal WHERE seq = 7",
      { where: expect.stringMatching(/^task /) as string, field: "existence" },
    ],
    [
      "an added row",
      "INSERT INTO journal SELECT 8, id, task_id, node_id, action_type, origin, payload, timestamp_ms, hash FROM journal WHERE seq = 3",
      { where: "journal row 8", field: "hash" },
    ],
    ["a node that is put off for ever", "UPDATE nodes SET not_before_ms = 9e15 WHERE row = 2", node("notBeforeMs")],
    [
      "an altered node status",
      "UPDATE nodes SET status = 'FAILED' WHERE row = 1",
      { ...node("status"), expected: "COMPLETED", found: "FAILED" },
    ],
    [
      "an altered result",
      `UPDATE nodes SET result_payload = '{"built":false}' WHERE row = 1`,
      { ...node("resultPayload"), expected: '{"built":true}', found: '{"built":false}' },
    ],
    ["altered dependencies", `UPDATE nodes SET dependencies = '[""]' WHERE row = 3`, node("dependencies")],
    ["an altered payload schema", "UPDATE node_bodies SET payload_schema = '1' WHERE node = 3", node("payloadSchema")],
    ["an altered lease", "UPDATE nodes SET lease_id = 'x' WHERE row = 2", node("leaseId")],
    ["an altered fencing token", "UPDATE nodes SET fencing_token = 9 WHERE row = 2", node("fencingToken")],
    ["a deleted node", "DELETE FROM nodes WHERE row = 2", { where: "nodes", field: "count", expected: 4, found: 3 }],
    [
      "an altered lock owner",
      "UPDATE locks SET owner = 'bob'",
      { where: "lock file:a", field: "owner", expected: "ann", found: "bob" },
    ],
    ["a deleted lock", "DELETE FROM locks", { where: "locks", field: "count", expected: 1, found: 0 }],
    ["an altered goal", "UPDATE tasks SET goal = 'h' WHERE row = 1", { field: "goal", expected: "g", found: "h" }],
    ["an altered context", "UPDATE tasks SET context = 'null' WHERE row = 1", { field: "context" }],
    ["a deleted task", "DELETE FROM tasks WHERE row = 2", { where: "tasks", field: "count", expected: 2, found: 1 }],
    [
      "an altered count of nodes",
      "UPDATE journal_head SET failed = 1",
      { where: "journal head", field: "FAILED", expected: 0, found: 1 },
    ],
    [
      "an altered count of rows",
      "UPDATE journal_head SET rows = 6",
      { where: "journal head", field: "rows", expected: 7, found: 6 },
    ],
    [
      "an altered count of events",
      "UPDATE journal_head SET events = events + 1",
      { where: "journal head", field: "events" },
    ],
    [
      "an altered head hash",
      "UPDATE journal_head SET hash = 'x'",
      { where: "journal head", field: "hash", found: "x" },
    ],
    [
      "an altered head seq",
      "UPDATE journal_head SET seq = 6",
      { where: "journal head", field: "seq", expected: 7, found: 6 },
    ],
  ])("%s", (_, sql, difference) => {
    using service = new Storied();
    service.tamper(sql);
    const report = service.verify();
    expect(report.ok).toBe(false);
    expect(report.first_difference).toMatchObject(difference);
    expect(report.first_difference?.message).not.toBe("");
    expect(service.bugs).toEqual([]);
  });
});

describe("VerifyJournal goes on in slices", () => {
  test("while others write, and is ok", () => {
    using service = new TestService();
    const [verifying, writing] = [service.client(), service.client()];
    const { taskId } = registerTask(writing, 700);
    for (let n = 0; n < 5_000; n++) writing.send("RegisterTask", { goal: "g", initial_nodes: [{}] });
    service.settle();
    verifying.send("VerifyJournal", {});
    const claims: ReturnType<typeof acquire>["claim"][] = [];
    writing.answers.length = 0;
    let slices = 0;
    while (verifying.answers.length === 0) {
      slices++;
      for (const claim of claims.splice(0)) writing.send("CompleteNode", { ...claim, result_payload: slices });
      writing.send("AcquireNextNode", { task_id: taskId });
      writing.send("AcquireResourceLock", { resource_key: `lock ${slices % 3}` });
      writing.send("RegisterTask", { goal: "meanwhile", initial_nodes: [{}, {}] });
      service.turn();
      for (const { result } of writing.answers.splice(0)) claims.push(...claimsIn(result));
    }
    expect(slices).toBeGreaterThan(5);
    expect(verifying.read().result).toMatchObject({ ok: true, last_seq: service.store.reads.head.seq });
  });

  function claimsIn(result: unknown) {
    const { task_id, node_id, lease_id, context } = (result ?? {}) as Record<string, string>;
    return context === undefined ? [] : [{ task_id: task_id ?? "", node_id: node_id ?? "", lease_id: lease_id ?? "" }];
  }

  test("after the rows of a few milliseconds, so that another request is answered in between", () => {
    using service = new TestService();
    const [verifying, other] = [service.client(), service.client()];
    for (let n = 0; n < 3_000; n++) other.send("RegisterTask", { goal: "g" });
    service.settle();
    other.answers.length = 0;
    verifying.send("VerifyJournal", {});
    service.turn();
    other.send("Health", {});
    expect(service.turn()).toBe(true);
    expect([verifying.answers.length, other.answers.length]).toEqual([0, 1]);
    service.settle();
    expect(verifying.read().result).toMatchObject({ ok: true, rows: 3_000, tasks: 3_000 });
  });
});
