import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { defaultPolicy, policyFrom, policyGiven, policyPayload, policyShown } from "../../src/core/dag/node-policy.ts";
import {
  defaultPolicyView,
  type PolicyField,
  policyFields,
  type StoredPolicy,
} from "../../src/protocol/node-fields.ts";
import { migrate, migrationsWith } from "../../src/store/schema/migrations.ts";
import { policyOtherwise } from "../support/specimen.ts";
import { policyColumn } from "../../src/store/schema/tables.ts";

interface Column {
  name: string;
  type: string;
  notnull: number;
  dflt_value: string | null;
}

const columnsOf = (db: Database, table: string) =>
  db
    .query<Column, [string]>("SELECT name, type, [notnull], dflt_value FROM pragma_table_info(?) ORDER BY name")
    .all(table);

/** A database as this agentd makes it, with one node of which only what has no default is told. */
function databaseWithNode(): Database {
  const db = new Database(":memory:", { strict: true });
  migrate(db, 0, 0);
  db.run("INSERT INTO tasks (id, goal, context, created_at_ms) VALUES ('t', '', 'null', 0)");
  db.run(`
    INSERT INTO nodes (id, task_id, status, updated_at_ms, dependencies)
    VALUES ('n', 't', 'PENDING', 0, '[]')`);
  return db;
}

const rowOf = (db: Database) => db.query<StoredPolicy & Record<string, unknown>, []>("SELECT * FROM nodes").get();

describe("the column of a node's field", () => {
  test("is as its row says, in every field", () => {
    using db = databaseWithNode();
    db.run(`CREATE TABLE told (${policyFields.map(policyColumn).join(", ")}) STRICT`);
    const told = columnsOf(db, "told");
    const names = new Set(told.map(({ name }) => name));
    expect(columnsOf(db, "nodes").filter(({ name }) => names.has(name))).toEqual(told);
    expect(told).toHaveLength(policyFields.length);
  });

  test("has the default of its row where nothing was told", () => {
    using db = databaseWithNode();
    expect(policyFrom(rowOf(db) as StoredPolicy)).toEqual(defaultPolicy);
  });

  test.each(policyFields.filter(({ options }) => options.length > 0))("$stored takes its options alone", (field) => {
    using db = databaseWithNode();
    for (const option of field.options) db.prepare(`UPDATE nodes SET ${field.stored} = ?`).run(option);
    expect(() => db.run(`UPDATE nodes SET ${field.stored} = 'else'`)).toThrow("CHECK constraint failed");
  });
});

describe("a field that comes with a later schema", () => {
  const [newest = 0] = migrationsWith(policyFields)
    .map(({ version }) => version)
    .slice(-1);
  const later = [
    ["a number", { stored: "note_ms", fallback: 5, options: [] }],
    ["a number or none", { stored: "note_ms", fallback: null, options: [] }],
    ["a choice", { stored: "note_kind", fallback: "plain", options: ["plain", "bold"] }],
  ].map(([kind, field]) => [kind, { ...(field as object), since: newest + 1 } as unknown as PolicyField] as const);
  const schema = (db: Database) => db.query("SELECT name, sql FROM sqlite_schema ORDER BY name").all();

  test.each(later)("is added to an older database, its nodes have the default: %s", (_, field) => {
    using db = databaseWithNode();
    expect(rowOf(db)).not.toContainKey(field.stored);
    migrate(db, 0, 0, migrationsWith([...policyFields, field]));
    const stored: unknown = rowOf(db)?.[field.stored];
    expect(stored).toBe(field.fallback);
  });

  test.each(later)("stands in a new database as in one that had it added: %s", (_, field) => {
    const migrations = migrationsWith([...policyFields, field]);
    using older = databaseWithNode();
    migrate(older, 0, 0, migrations);
    using fresh = new Database(":memory:", { strict: true });
    migrate(fresh, 0, 0, migrations);
    expect(schema(older)).toEqual(schema(fresh));
  });

  test("is refused by an agentd that does not know it", () => {
    using db = databaseWithNode();
    migrate(db, 0, 0, migrationsWith([...policyFields, ...later.slice(0, 1).map(([, field]) => field)]));
    expect(() => migrate(db, 0, 0)).toThrow("use the newer agentd");
  });
});

test("schema versions count up by one, also where a field's column and a written step could meet", () => {
  const versions = migrationsWith(policyFields).map(({ version }) => version);
  expect(versions).toEqual(versions.map((_, place) => 3 + place));
});

describe("a node's policy crosses", () => {
  test("from parameters to the view, each field", () => {
    expect(Object.values(policyGiven(policyOtherwise))).not.toContainAnyValues([undefined, null, NaN]);
    expect<object>(policyShown(policyGiven(policyOtherwise))).toEqual(policyOtherwise);
    expect(policyShown(defaultPolicy)).toEqual(defaultPolicyView);
  });

  test("to the journal and back, with nothing that is the default", () => {
    const policy = policyGiven(policyOtherwise);
    expect(Object.keys(policyPayload(policy))).toEqual(policyFields.map(({ stored }) => stored));
    expect(policyFrom(policyPayload(policy))).toEqual(policy);
    expect(policyPayload(defaultPolicy)).toEqual({});
    expect(policyFrom({})).toEqual(defaultPolicy);
  });

  test("from parameters that are absent or null, which are the default", () => {
    expect(policyGiven({})).toEqual(defaultPolicy);
    expect(policyGiven({ max_lost_attempts: null, ttl_secs: null })).toEqual(defaultPolicy);
  });

  test("from seconds to milliseconds, under the names of the rules", () => {
    expect(policyGiven({ backoff_secs: 2, ttl_secs: 3, max_attempts: 4 })).toEqual({
      ...defaultPolicy,
      backoffMs: 2000,
      ttlMs: 3000,
      maxAttempts: 4,
    });
  });
});
