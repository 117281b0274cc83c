import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../../src/protocol/methods.ts";
import { openStore } from "../../src/store/sqlite-store.ts";
import { StorageFailure } from "../../src/store/store.ts";
import { fastDirectory } from "../support/fast-directory.ts";
import { stories, type Story } from "./everything.ts";
import { TestService } from "./harness.ts";
import { withoutTriggers } from "./triggers.ts";

/*
 * Every column of every table is altered in one row, with the daemon down, and verification has to find it. Where it
 * cannot, the reason stands here.
 */

const unjournalled = "moves with heartbeats and the clock, which no journal tells; bounds and relations are checked";
const ordered = "only the order of rows is told, and that is compared";
const reasons: Readonly<Record<string, string>> = {
  "nodes.lease_expires_at_ms": unjournalled,
  "nodes.lease_ttl_ms": unjournalled,
  "locks.lease_expires_at_ms": unjournalled,
  "locks.lease_ttl_ms": unjournalled,
  "locks.updated_at_ms": `${unjournalled}; it is only shown`,
  "nodes.updated_at_ms": `${unjournalled} while the node runs`,
  "nodes.progress": "told by heartbeats, which no journal tells; only RUNNING nodes may have some",
  "tasks.row": ordered,
  "locks.row": ordered,
  "agentd_schema_migrations.applied_at": "nothing reads it",
};

interface Column {
  table: string;
  column: string;
  type: string;
  key: string[];
}

/** The tables that a story is about, where it is not about all. */
const about: Partial<Record<Story, readonly string[]>> = {
  pruning: ["pruning", "departing_tasks"],
};

const directory = mkdtempSync(join(fastDirectory, "agentd-columns-"));
afterAll(() => rmSync(directory, { recursive: true }));
const specimens = {} as Record<Story, string>;

beforeAll(() => {
  for (const [name, tell] of Object.entries(stories) as [Story, (service: TestService) => void][]) {
    using service = new TestService();
    tell(service);
    service.store.close();
    specimens[name] = join(directory, `${name}.db`);
    copyFileSync(service.database, specimens[name]);
    service.restart();
  }
});

/** Every column that is stored, of every table. */
function columns(): Column[] {
  const path = join(directory, "empty.db");
  openStore(path, () => 0).close();
  const db = new Database(path);
  try {
    const tables = db.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return tables.flatMap(({ name: table }) => {
      const found = db
        .query<{ name: string; type: string; pk: number; hidden: number }, []>(
          `SELECT name, type, pk, hidden FROM pragma_table_xinfo('${table}')`,
        )
        .all();
      const key = found.filter(({ pk }) => pk > 0).map(({ name }) => name);
      return found.filter(({ hidden }) => hidden === 0).map(({ name: column, type }) => ({ table, column, type, key }));
    });
  } finally {
    db.close();
  }
}

/** Alters one row's column past everything that protects it; false where there is no such row. */
function alter(path: string, { table, column, type, key }: Column, where: string): boolean {
  const db = new Database(path);
  try {
    db.run("PRAGMA ignore_check_constraints = 1");
    const order = key.length === 0 ? "rowid" : key.join(", ");
    const number = `iif(${column} IN (0, 1), 1 - ${column}, coalesce(${column}, 9e12) + 1000)`;
    const other = type === "INTEGER" ? number : `coalesce(${column}, '') || 'x'`;
    const row = key.length === 0 ? "rowid" : `(${key.join(", ")})`;
    const one = `SELECT ${order} FROM ${table} WHERE ${where} ORDER BY ${order} LIMIT 1`;
    const update = `UPDATE OR REPLACE ${table} SET ${column} = ${other} WHERE ${row} = (${one})`;
    return withoutTriggers(db, () => db.run(update).changes > 0);
  } finally {
    db.close(true);
  }
}

/** Which rows are altered: one where the column is told, one where it is not; of nodes, in each status. */
function rowsOf({ table, column }: Column): string[] {
  const told = [`${column} IS NOT NULL`, `${column} IS NULL`];
  if (table !== "nodes") return told;
  const statuses = ["PENDING", "RUNNING", "COMPLETED", "FAILED"];
  return told.flatMap((where) => statuses.map((status) => `${where} AND status = '${status}'`));
}

/** What somebody is told who starts a daemon on the file and verifies; null when that is nothing. */
function findingIn(path: string): string | null {
  try {
    using service = new TestService({ copyOf: path });
    const client = service.client();
    client.send("VerifyJournal", {});
    for (let turns = 0; client.answers.length === 0 && turns < 5_000; turns++) service.turn();
    const { result, error } = client.read();
    return error?.message ?? (result as Result<"VerifyJournal">).first_difference?.message ?? null;
  } catch (error) {
    if (error instanceof StorageFailure) return error.message;
    throw error;
  }
}

describe("verification of what was not altered finds nothing", () => {
  test.each(Object.keys(stories) as Story[])("after %s", (story) => {
    expect(findingIn(specimens[story])).toBeNull();
  });
});

describe("an altered column is found, or there is a reason", () => {
  const all = columns();

  test.each(all.map((column) => [`${column.table}.${column.column}`, column] as const))("%s", (name, column) => {
    const missed: string[] = [];
    let altered = 0;
    for (const story of Object.keys(stories) as Story[]) {
      if (about[story]?.includes(column.table) === false) continue;
      for (const where of rowsOf(column)) {
        const path = join(directory, "altered.db");
        copyFileSync(specimens[story], path);
        if (!alter(path, column, where)) continue;
        altered++;
        if (findingIn(path) === null) missed.push(`${story}, where ${where}`);
      }
    }
    expect(altered).toBeGreaterThan(0);
    if (reasons[name] === undefined) expect(missed).toEqual([]);
    else expect(missed, `${name} needs no reason`).not.toEqual([]);
  });

  test("and no reason stands for a column that is not there", () => {
    const names = new Set(all.map(({ table, column }) => `${table}.${column}`));
    expect(Object.keys(reasons).filter((name) => !names.has(name))).toEqual([]);
  });
});

/** Why rows may go from a table without a finding. */
const mayGo: Readonly<Record<string, string>> = {
  idempotency_keys:
    "a key that is gone is one that was never used, or whose seven days are over; docs/reliability.md says so",
};

describe("a table whose rows are gone is found, or there is a reason", () => {
  const tables = [...new Set(columns().map(({ table }) => table))];

  test.each(tables)("%s", (table) => {
    const missed: string[] = [];
    let emptied = 0;
    for (const story of Object.keys(stories) as Story[]) {
      if (about[story]?.includes(table) === false) continue;
      const path = join(directory, "emptied.db");
      copyFileSync(specimens[story], path);
      if (empty(path, table) === 0) continue;
      emptied++;
      if (findingIn(path) === null) missed.push(story);
    }
    expect(emptied).toBeGreaterThan(0);
    expect(missed.length > 0).toBe(mayGo[table] !== undefined);
  });
});

/** Takes all rows from a table; how many there were. */
function empty(path: string, table: string): number {
  const db = new Database(path);
  try {
    return withoutTriggers(db, () => db.run(`DELETE FROM ${table}`).changes);
  } finally {
    db.close(true);
  }
}
