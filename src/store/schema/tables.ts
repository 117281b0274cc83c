import type { Database } from "bun:sqlite";
import type { PolicyField } from "../../protocol/node-fields.ts";
import { createLocksBefore7 } from "./locks-before-7.ts";
import { createNodesBefore7 } from "./nodes-before-7.ts";
import { createJournal, createPruning } from "./journal-tables.ts";

/* The tables and indexes, and what stands in each. */

/** Creates them all, in an empty database, with nodes and locks as they were: see `rebuildActive`. */
export function createTables(db: Database): void {
  createTasks(db);
  createNodesBefore7(db);
  createJournal(db);
  createLocksBefore7(db);
  createBundles(db);
  createIdempotencyKeys(db);
  createPruning(db);
}

function createTasks(db: Database): void {
  db.run(`
    CREATE TABLE tasks (
      row           INTEGER PRIMARY KEY,
      id            TEXT NOT NULL UNIQUE,
      goal          TEXT NOT NULL,
      context       TEXT NOT NULL,
      created_at_ms INTEGER NOT NULL,
      name          TEXT,
      labels        TEXT NOT NULL DEFAULT '{}',
      priority      INTEGER NOT NULL DEFAULT 0,
      paused        INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
      policy        TEXT NOT NULL DEFAULT '{}',
      pending       INTEGER NOT NULL DEFAULT 0,
      running       INTEGER NOT NULL DEFAULT 0,
      completed     INTEGER NOT NULL DEFAULT 0,
      failed        INTEGER NOT NULL DEFAULT 0
    ) STRICT`);
  db.run("CREATE INDEX tasks_by_name ON tasks (name) WHERE name IS NOT NULL");
}

/** row is the registration order. What a node waits for, and who may have it, follows from the rest: see heads/. */
export function createNodes(db: Database): void {
  db.run(`
    CREATE TABLE nodes (
      row                   INTEGER PRIMARY KEY,
      id                    TEXT NOT NULL UNIQUE,
      task_id               TEXT NOT NULL REFERENCES tasks (id),
      status                TEXT NOT NULL CHECK (status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED')),
      not_before_ms         INTEGER,
      priority              INTEGER NOT NULL DEFAULT 0,
      on_dependency_failure TEXT NOT NULL DEFAULT 'wait' CHECK (on_dependency_failure IN ('wait', 'skip', 'run')),
      max_attempts          INTEGER NOT NULL DEFAULT 1,
      max_lost_attempts     INTEGER,
      backoff_ms            INTEGER NOT NULL DEFAULT 0,
      backoff_max_ms        INTEGER NOT NULL DEFAULT 3600000,
      ttl_ms                INTEGER,
      failed_attempts       INTEGER NOT NULL DEFAULT 0,
      lost_attempts         INTEGER NOT NULL DEFAULT 0,
      failure               TEXT CHECK (failure IN ('error', 'lost', 'skipped', 'canceled')),
      acquired_at_ms        INTEGER,
      lease_id              TEXT,
      lease_owner           TEXT,
      lease_expires_at_ms   INTEGER,
      lease_ttl_ms          INTEGER,
      fencing_token         INTEGER,
      updated_at_ms         INTEGER NOT NULL,
      name                  TEXT,
      labels                TEXT NOT NULL DEFAULT '{}',
      dependencies          TEXT NOT NULL,
      result_payload        TEXT,
      progress              TEXT
    ) STRICT`);
  db.run("CREATE INDEX nodes_by_task ON nodes (task_id)");
  db.run("CREATE UNIQUE INDEX nodes_by_name ON nodes (task_id, name) WHERE name IS NOT NULL");

  // What never changes and may be long: a change of a row writes all of it anew.
  db.run(`
    CREATE TABLE node_bodies (
      node           INTEGER PRIMARY KEY REFERENCES nodes (row),
      payload_schema TEXT NOT NULL,
      resources      TEXT NOT NULL
    ) STRICT`);
}

/** The column of a node's field that came after the first schema, whose columns stand above. */
export function addPolicyColumn(db: Database, field: PolicyField): void {
  db.run(`ALTER TABLE nodes ADD COLUMN ${policyColumn(field)}`);
}

/** The column that holds a field, as its row tells. */
export function policyColumn({ stored, fallback, options }: PolicyField): string {
  if (fallback === null) return `${stored} INTEGER`;
  if (options.length === 0) return `${stored} INTEGER NOT NULL DEFAULT ${fallback}`;
  const among = options.map((option) => `'${option}'`).join(", ");
  return `${stored} TEXT NOT NULL DEFAULT '${fallback}' CHECK (${stored} IN (${among}))`;
}

/** Takes over nodes and locks as they stood before schema 7, without what served to choose among them. */
export function rebuildActive(db: Database): void {
  rebuild(db, "nodes", createNodes);
  db.run("INSERT INTO node_bodies SELECT row, payload_schema, resources FROM nodes_before ORDER BY row");
  rebuild(db, "locks", createLocks);
  for (const gone of ["lock_terms", "countings", "node_dependents", "label_set_members", "label_sets"])
    db.run(`DROP TABLE IF EXISTS ${gone}`);
  for (const gone of ["nodes", "locks"]) db.run(`DROP TABLE ${gone}_before`);
  db.run("CREATE INDEX IF NOT EXISTS tasks_active ON tasks (row) WHERE pending + running > 0");
}

/** Makes a table anew with what is in it; the one before is left. */
function rebuild(db: Database, table: string, create: (db: Database) => void): void {
  // Other tables that name this one go on doing so.
  db.run("PRAGMA legacy_alter_table = ON");
  db.run(`ALTER TABLE ${table} RENAME TO ${table}_before`);
  db.run("PRAGMA legacy_alter_table = OFF");
  const indexes = db.query<{ name: string }, [string]>(`
    SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL`);
  for (const { name } of indexes.all(`${table}_before`)) db.run(`DROP INDEX ${name}`);
  create(db);
  const columns = db.query<{ name: string }, [string]>("SELECT name FROM pragma_table_info(?)").all(table);
  const names = columns.map(({ name }) => name).join(", ");
  db.run(`INSERT INTO ${table} (${names}) SELECT ${names} FROM ${table}_before ORDER BY row`);
}

/** row is the order of first grants. What a lock is found by stands in memory: see heads/. */
function createLocks(db: Database): void {
  db.run(`
    CREATE TABLE locks (
      row                 INTEGER PRIMARY KEY,
      resource_key        TEXT NOT NULL,
      normal_key          TEXT NOT NULL,
      scope               TEXT NOT NULL,
      mode                TEXT NOT NULL CHECK (mode IN ('exclusive', 'shared')),
      ignore_case         INTEGER NOT NULL CHECK (ignore_case IN (0, 1)),
      lease_id            TEXT NOT NULL,
      owner               TEXT NOT NULL,
      provider            TEXT,
      task_id             TEXT,
      node_id             TEXT,
      ends_with_node      INTEGER NOT NULL CHECK (ends_with_node IN (0, 1)),
      acquired_at_ms      INTEGER NOT NULL,
      lease_expires_at_ms INTEGER NOT NULL,
      lease_ttl_ms        INTEGER NOT NULL,
      fencing_token       INTEGER NOT NULL,
      updated_at_ms       INTEGER NOT NULL,
      metadata            TEXT NOT NULL
    ) STRICT`);
}

function createBundles(db: Database): void {
  // What a bundle carries beside this stands in the journal row of its submission.
  db.run(`
    CREATE TABLE bundles (
      row             INTEGER PRIMARY KEY,
      id              TEXT NOT NULL UNIQUE,
      seq             INTEGER NOT NULL,
      status          TEXT NOT NULL CHECK (status IN ('SUBMITTED', 'ACCEPTED', 'REJECTED', 'SUPERSEDED')),
      provider        TEXT NOT NULL,
      owner           TEXT NOT NULL,
      scope           TEXT NOT NULL,
      base_revision   TEXT NOT NULL,
      head_revision   TEXT,
      path_count      INTEGER NOT NULL,
      diff_chars      INTEGER NOT NULL,
      diff_summary    TEXT NOT NULL,
      confidence      TEXT NOT NULL CHECK (confidence IN ('low', 'medium', 'high')),
      verified        TEXT NOT NULL CHECK (verified IN ('passed', 'failed', 'missing')),
      task_id         TEXT,
      node_id         TEXT,
      supersedes      TEXT,
      submitted_at_ms INTEGER NOT NULL,
      decided_seq     INTEGER,
      decided_at_ms   INTEGER,
      decision        TEXT
    ) STRICT`);
  db.run("CREATE INDEX bundles_open ON bundles (scope) WHERE status = 'SUBMITTED'");
  db.run("CREATE INDEX bundles_open_of_task ON bundles (task_id) WHERE status = 'SUBMITTED'");

  // Of open bundles, as they are compared.
  db.run(`
    CREATE TABLE bundle_paths (
      scope  TEXT NOT NULL,
      path   TEXT NOT NULL,
      bundle INTEGER NOT NULL REFERENCES bundles (row),
      PRIMARY KEY (scope, path, bundle)
    ) STRICT, WITHOUT ROWID`);
  db.run("CREATE INDEX bundle_paths_by_bundle ON bundle_paths (bundle)");
}

function createIdempotencyKeys(db: Database): void {
  db.run(`
    CREATE TABLE idempotency_keys (
      key           TEXT PRIMARY KEY,
      method        TEXT NOT NULL,
      params_hash   TEXT NOT NULL,
      answer        TEXT NOT NULL,
      created_at_ms INTEGER NOT NULL
    ) STRICT`);
  db.run("CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at_ms)");
}
