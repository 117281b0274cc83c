import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { copyFileSync, rmSync } from "node:fs";
import { epochSeq } from "../../src/core/journal/epoch.ts";
import { goOnAfterLoss } from "../../src/service/journal/epoch.ts";
import { acquire, registerTask, TestService } from "./harness.ts";
import { day, finishedTask, month } from "./pruning.ts";

/** A database, a copy of it, and what was done after the copy was made. */
function withLostFuture(): { service: TestService; copy: string; tokens: number[] } {
  const service = new TestService();
  const client = service.client();
  const { taskId } = registerTask(client, 4);
  const copy = `${service.database}.copy`;
  client.call("Backup", { path: copy });
  const tokens = [1, 2].map(() => acquire(client, taskId).fencing_token ?? 0);
  return { service, copy, tokens };
}

/** What a start does, as the daemon does it. */
const start = (service: TestService) => goOnAfterLoss(service.store, service.clock.wallMs);

describe("an older copy put back by hand", () => {
  test("gives no fencing token a second time, and verify tells how often that was", () => {
    const { service, copy, tokens } = withLostFuture();
    using _ = service;
    service.restart(() => copyFileSync(copy, service.database));
    const loss = start(service);
    expect(loss).toMatchObject({ lost: { seq: Math.max(...tokens) }, from: { seq: 1 } });
    const client = service.client();
    const [task] = client.call("ListTasks", {}).tasks;
    const token = acquire(client, task?.id ?? "").fencing_token ?? 0;
    expect(token).toBeGreaterThan(Math.max(...tokens));
    expect(Number.isSafeInteger(token)).toBe(true);
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true, restores: 1, rows: 3, last_seq: token });
    service.restart();
    expect(start(service)).toBeNull();
  });

  test("twice gives other tokens than the first time", () => {
    const { service, copy } = withLostFuture();
    using _ = service;
    const given = new Set<number>();
    for (let n = 0; n < 3; n++) {
      service.pass(1_000);
      service.restart(() => copyFileSync(copy, service.database));
      start(service);
      const client = service.client();
      const [task] = client.call("ListTasks", {}).tasks;
      for (let one = 0; one < 4; one++) given.add(acquire(client, task?.id ?? "").fencing_token ?? 0);
    }
    expect(given.size).toBe(12);
  });

  test("is journalled as a transition that readers of events meet", () => {
    const { service, copy, tokens } = withLostFuture();
    using _ = service;
    service.restart(() => copyFileSync(copy, service.database));
    start(service);
    const { events } = service.client().call("ListEvents", { after_seq: Math.max(...tokens) });
    const payload = { from_seq: 1, lost_seq: Math.max(...tokens), restored_by: "found at the start" };
    expect(events).toMatchObject([{ action_type: "RESTORE_DATABASE", payload }]);
  });

  test("nothing of it happens after a kill, or a plain restart", () => {
    using service = new TestService();
    registerTask(service.client(), 1);
    service.crash();
    expect(start(service)).toBeNull();
    service.restart();
    expect(start(service)).toBeNull();
    expect(service.client().call("VerifyJournal", {})).toMatchObject({ ok: true, restores: 0 });
  });

  test("a note that is not there, or is no note, says nothing", () => {
    const { service, copy } = withLostFuture();
    using _ = service;
    service.restart(() => {
      copyFileSync(copy, service.database);
      rmSync(`${service.database}.head`);
    });
    expect(start(service)).toBeNull();
  });

  test("rows before and after it can be pruned, and the rest is verified", () => {
    const { service, copy } = withLostFuture();
    using _ = service;
    finishedTask(service.client());
    service.restart(() => copyFileSync(copy, service.database));
    start(service);
    const client = service.client();
    finishedTask(client);
    service.live(40 * day);
    expect(client.call("PruneJournal", { older_than_secs: month }).tasks).toBe(1);
    service.settle();
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true, restores: 1 });
  });

  test("a row of that kind that somebody altered is found", () => {
    const { service, copy } = withLostFuture();
    using _ = service;
    service.restart(() => copyFileSync(copy, service.database));
    start(service);
    service.restart(() => {
      using db = new Database(service.database);
      const trigger = db.query<{ sql: string }, []>(
        "SELECT sql FROM sqlite_schema WHERE name = 'journal_refuses_update'",
      );
      const { sql } = trigger.get() ?? { sql: "" };
      db.run("DROP TRIGGER journal_refuses_update");
      db.run("UPDATE journal SET seq = seq + 5 WHERE action_type = 'RESTORE_DATABASE'");
      db.run(sql);
    });
    expect(service.client().call("VerifyJournal", {}).ok).toBe(false);
  });
});

describe("the first seq of an epoch", () => {
  const now = Date.UTC(2026, 0, 31);
  test.each<[string, number[], number]>([
    ["is the time, far above what a row a microsecond can have reached", [5, 900_000], now * 1000],
    ["is above what is known, also where the clock was set back", [now * 1000 + 7], now * 1000 + 8],
  ])("%s", (_, known, seq) => expect(epochSeq(now, known)).toBe(seq));
});

describe("a head kept elsewhere", () => {
  const kept = (service: TestService) => {
    const { last_seq: seq, head_hash: hash } = service.client().call("VerifyJournal", {});
    return `${seq}:${hash}`;
  };

  test("is found as long as the journal holds it", () => {
    using service = new TestService();
    registerTask(service.client(), 1);
    const head = kept(service);
    registerTask(service.client(), 1);
    expect(service.client().call("VerifyJournal", { head })).toMatchObject({ ok: true, kept_head: "found" });
    expect(service.client().call("VerifyJournal", { head: `0:${"0".repeat(64)}` }).ok).toBe(true);
  });

  test.each<[string, (service: TestService, copy: string) => void]>([
    ["an older copy was put back", (service, copy) => service.restart(() => copyFileSync(copy, service.database))],
    [
      "it was put back and went on",
      (service, copy) => {
        service.restart(() => copyFileSync(copy, service.database));
        start(service);
      },
    ],
    [
      "it went on to the same seq",
      (service, copy) => {
        service.restart(() => copyFileSync(copy, service.database));
        for (let n = 0; n < 5; n++) registerTask(service.client(), 1);
      },
    ],
  ])("shows that %s", (_how, lose) => {
    const { service, copy } = withLostFuture();
    using _ = service;
    const head = kept(service);
    lose(service, copy);
    const report = service.client().call("VerifyJournal", { head });
    expect(report).toMatchObject({ ok: false, kept_head: "lost" });
    expect(report.first_difference?.where).toStartWith("journal");
    expect(service.client().call("VerifyJournal", {}).ok).toBe(true);
  });

  test("that another row has is told with the rows that were checked before it", () => {
    using service = new TestService();
    for (let n = 0; n < 4; n++) registerTask(service.client(), 1);
    const report = service.client().call("VerifyJournal", { head: `3:${"0".repeat(64)}` });
    expect(report).toMatchObject({ ok: false, rows: 2, last_seq: 2, first_difference: { where: "journal row 3" } });
  });

  test("of a row that was pruned is said to be", () => {
    using service = new TestService();
    const client = service.client();
    finishedTask(client);
    const { hash } = service.store.reads.journal.slice(1, { rows: 1, chars: 1 })[0] ?? { hash: "" };
    service.live(40 * day);
    client.call("PruneJournal", { older_than_secs: month });
    service.settle();
    expect(client.call("VerifyJournal", { head: `2:${hash}` })).toMatchObject({ ok: true, kept_head: "pruned" });
  });

  test.each(["7", "7:abc", `x:${"0".repeat(64)}`])("that is none is refused: %s", (head) => {
    using service = new TestService();
    expect(service.client().refusal("VerifyJournal", { head })).toBe("INVALID_PARAMS");
  });
});
