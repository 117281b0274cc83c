import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../../src/protocol/methods.ts";
import { checksIn, pageFaults } from "../../src/store/files/page-faults.ts";
import { StorageFailure } from "../../src/store/store.ts";
import { TemporaryDirectory } from "../store/temporary.ts";
import { acquire, registerTask, TestService } from "./harness.ts";
import { overriding } from "./overriding.ts";
import { withoutTriggers } from "./triggers.ts";

/** A database of some hundred pages, as a daemon leaves it when it ends. */
function madeAt(path: string): void {
  using service = new TestService();
  const client = service.client();
  for (let n = 0; n < 60; n++) {
    const { taskId } = registerTask(client, 12);
    const { claim } = acquire(client, taskId);
    client.call("CommitEvent", { ...claim, action_type: "progress", payload: { text: "x".repeat(900) } }, `key ${n}`);
    client.call("CompleteNode", { ...claim, result_payload: { n } });
    client.call("AcquireResourceLock", { resource_key: `file:src/${n}.ts`, owner: "ann" });
  }
  service.store.close();
  copyFileSync(service.database, path);
  service.restart();
}

const pageBytes = 4_096;

/** What a start on the file and a verification say; null when both are content. */
function finding(path: string): string | null {
  try {
    using service = new TestService({ copyOf: path, replicates: false });
    const client = service.client();
    client.send("VerifyJournal", {});
    for (let turns = 0; client.answers.length === 0 && turns < 1_000; turns++) service.turn();
    const { result, error } = client.read();
    return error?.message ?? (result as Result<"VerifyJournal">).first_difference?.message ?? null;
  } catch (error) {
    if (error instanceof StorageFailure) return error.message;
    throw error;
  }
}

test("every damaged page that SQLite's own check flags is found, and the undamaged file is clean", () => {
  using directory = new TemporaryDirectory();
  const [whole, damaged] = [join(directory.path, "whole.db"), join(directory.path, "damaged.db")];
  madeAt(whole);
  expect(finding(whole)).toBeNull();
  const bytes = readFileSync(whole);
  const missed: number[] = [];
  let flagged = 0;
  for (let page = 1; page <= bytes.length / pageBytes; page++) {
    const altered = Buffer.from(bytes);
    // Somewhere in the page, another place in each.
    const at = (page - 1) * pageBytes + ((page * 997) % (pageBytes - 64));
    for (let n = 0; n < 64; n++) altered[at + n] = (altered[at + n] ?? 0) ^ (0x55 + n);
    writeFileSync(damaged, altered);
    if (pageFaults(damaged).length === 0) continue;
    flagged++;
    if (finding(damaged) === null) missed.push(page);
  }
  expect(bytes.length / pageBytes).toBeGreaterThan(100);
  expect(flagged).toBeGreaterThan(50);
  expect(missed).toEqual([]);
});

test.each([
  ["an index", "DROP INDEX nodes_by_name", "schema nodes_by_name: it is missing"],
  ["a trigger", "DROP TRIGGER journal_refuses_delete", "schema journal_refuses_delete: it is missing"],
  [
    "a trigger that does nothing any more",
    "DROP TRIGGER journal_refuses_update; CREATE TRIGGER journal_refuses_update BEFORE UPDATE ON journal WHEN 0 BEGIN SELECT 1; END",
    "schema journal_refuses_update: it was altered",
  ],
  ["a table of somebody else", "CREATE TABLE mine (a)", "schema mine: it is not agentd's"],
])("%s that was taken out or altered is found", (_, sql, message) => {
  using service = new TestService();
  registerTask(service.client(), 1);
  service.restart(() => {
    using db = new Database(service.database);
    db.run(sql);
  });
  const report = service.client().call("VerifyJournal", {});
  expect(report.first_difference?.message).toStartWith(message);
});

describe("while the pages are looked at", () => {
  /** A check that goes on until it is told how it ended. */
  function slowCheck() {
    const check = { outcome: null as { faults: string[] } | { failed: string } | null, canceled: 0 };
    const checkPages = () => ({
      get outcome() {
        return check.outcome;
      },
      cancel: () => void check.canceled++,
    });
    return { check, checkPages };
  }

  test("others are served, no turn is asked for, and a backup waits its turn", () => {
    const { check, checkPages } = slowCheck();
    using service = new TestService({ checkPages });
    const [verifying, backing, other] = [service.client(), service.client(), service.client()];
    verifying.send("VerifyJournal", {});
    service.settle();
    expect(service.dispatcher.msUntilTurn()).toBeNull();
    other.call("RegisterTask", { goal: "meanwhile" });
    backing.send("Backup", { path: `${service.database}.copy` });
    for (let n = 0; n < 5; n++) service.turn();
    expect([verifying.answers.length, backing.answers.length]).toEqual([0, 0]);
    check.outcome = { faults: [] };
    service.settle();
    expect(verifying.read().result).toMatchObject({ ok: true });
    expect(backing.read().result).toMatchObject({ path: `${service.database}.copy` });
  });

  test("a client that leaves ends that, and the log is folded in again", () => {
    const { check, checkPages } = slowCheck();
    using service = new TestService({ checkPages });
    const client = service.client();
    client.send("VerifyJournal", {});
    service.settle();
    expect(service.store.isHeldStill).toBe(true);
    client.leave();
    expect([check.canceled, service.store.isHeldStill]).toEqual([1, false]);
  });

  test("what keeps them from being looked at is a refusal, and no verdict", () => {
    using service = new TestService({
      checkPages: () => ({ outcome: { failed: "no process" }, cancel: () => undefined }),
    });
    expect(service.client().refusal("VerifyJournal", {})).toBe("STORAGE_FAILED");
  });

  test("a disk that takes no writes is a refusal, and no verdict", () => {
    const holdStill = () => {
      throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_WRITE" });
    };
    using service = new TestService({ wrap: (store) => overriding(store, { holdStill }) });
    expect(service.client().refusal("VerifyJournal", {})).toBe("STORAGE_FAILED");
  });

  test("on a full disk all else is verified, and the report says so", () => {
    const holdStill = () => {
      throw new StorageFailure("STORAGE_FULL", "the disk is full", { reopen: false });
    };
    using service = new TestService({ wrap: (store) => overriding(store, { holdStill }) });
    const report = service.client().call("VerifyJournal", {});
    expect(report).toMatchObject({ ok: true, pages_checked: false });
  });
});

test("every CHECK of every table is looked at, although SQLite forgets them where it only reads", () => {
  using directory = new TemporaryDirectory();
  const [whole, broken] = [join(directory.path, "whole.db"), join(directory.path, "broken.db")];
  madeAt(whole);
  const db = new Database(whole, { readonly: true });
  const tables = db
    .query<{ name: string; sql: string }, []>("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    .all();
  db.close();
  const checks = tables.flatMap(({ name, sql }) => checksIn(sql).map((check) => [name, check] as const));
  expect(checks.length).toBeGreaterThan(10);
  for (const [table, check] of checks) {
    const [column = ""] = check.split(/\W/);
    copyFileSync(whole, broken);
    const altered = new Database(broken);
    altered.run("PRAGMA ignore_check_constraints = 1");
    const { changes } = withoutTriggers(altered, () => altered.run(`UPDATE ${table} SET ${column} = -5`));
    altered.close(true);
    if (changes > 0) expect(pageFaults(broken)).toContain(`a row of ${table} is not as CHECK (${check}) demands`);
  }
});
