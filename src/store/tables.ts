import type { Database } from "bun:sqlite";
import type { PolicyField } from "../protocol/node-fields.ts";
import { createJournal, createPruning } from "./tables/journal-tables.ts";

/* The tables and indexes, and what stands in each. */

/** Creates them all, in an empty database. */
export function createTables(db: Database): void {
  createTasks(db);
  createNodes(db);
  createLabelSets(db);
  createJournal(db);
  createLocks(db);
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

function createNodes(db: Database): void {
  // row is the registration order. waiting_on counts the distinct dependencies that are not COMPLETED, or not ended for
  // a node that runs whatever became of them; failing_on those that are FAILED. task_priority and task_paused repeat what the task says, for the indexes.
  // held_back_by is the lease whose locks, or those before whom the node would go, keep it from being handed out.
  db.run(`
    CREATE TABLE nodes (
      row                   INTEGER PRIMARY KEY,
      id                    TEXT NOT NULL UNIQUE,
      task_id               TEXT NOT NULL REFERENCES tasks (id),
      status                TEXT NOT NULL CHECK (status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED')),
      waiting_on            INTEGER NOT NULL CHECK (waiting_on >= 0),
      failing_on            INTEGER NOT NULL DEFAULT 0 CHECK (failing_on >= 0),
      not_before_ms         INTEGER,
      priority              INTEGER NOT NULL DEFAULT 0,
      task_priority         INTEGER NOT NULL DEFAULT 0,
      task_paused           INTEGER NOT NULL DEFAULT 0,
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
      label_set             INTEGER,
      dependencies          TEXT NOT NULL,
      payload_schema        TEXT NOT NULL,
      resources             TEXT NOT NULL DEFAULT '[]',
      held_back_by          TEXT,
      result_payload        TEXT,
      progress              TEXT,
      open  INTEGER GENERATED ALWAYS AS (status = 'PENDING' AND waiting_on = 0) VIRTUAL,
      ready INTEGER GENERATED ALWAYS AS (
        status = 'PENDING' AND waiting_on = 0 AND not_before_ms IS NULL AND task_paused = 0
          AND held_back_by IS NULL) VIRTUAL,
      hopeless INTEGER GENERATED ALWAYS AS (
        status = 'PENDING' AND failing_on > 0 AND on_dependency_failure = 'skip') VIRTUAL,
      in_vain INTEGER GENERATED ALWAYS AS (failure = 'skipped' AND failing_on = 0) VIRTUAL
    ) STRICT`);
  db.run("CREATE INDEX nodes_by_task ON nodes (task_id)");
  db.run("CREATE UNIQUE INDEX nodes_by_name ON nodes (task_id, name) WHERE name IS NOT NULL");
  db.run("CREATE INDEX nodes_ready ON nodes (task_id, priority DESC) WHERE ready");
  db.run("CREATE INDEX nodes_ready_anywhere ON nodes (task_priority DESC, priority DESC) WHERE ready");
  const labelled = "WHERE ready AND label_set IS NOT NULL";
  db.run(`CREATE INDEX nodes_ready_by_labels ON nodes (label_set, task_id, priority DESC) ${labelled}`);
  db.run(
    `CREATE INDEX nodes_ready_by_labels_anywhere ON nodes (label_set, task_priority DESC, priority DESC) ${labelled}`,
  );
  db.run("CREATE INDEX nodes_held_back ON nodes (task_id) WHERE open AND NOT ready");
  db.run("CREATE INDEX nodes_delayed ON nodes (not_before_ms) WHERE not_before_ms IS NOT NULL");
  db.run("CREATE INDEX nodes_by_holder ON nodes (held_back_by) WHERE held_back_by IS NOT NULL");
  db.run("CREATE INDEX nodes_hopeless ON nodes (task_id) WHERE hopeless");
  db.run("CREATE INDEX nodes_skipped_in_vain ON nodes (task_id) WHERE in_vain");
  db.run("CREATE INDEX nodes_running ON nodes (task_id, lease_expires_at_ms) WHERE status = 'RUNNING'");
  db.run("CREATE INDEX nodes_by_deadline ON nodes (lease_expires_at_ms) WHERE status = 'RUNNING' AND lease_ttl_ms > 0");
  db.run("CREATE INDEX nodes_without_length ON nodes (task_id) WHERE status = 'RUNNING' AND lease_ttl_ms = 0");

  // Nodes that changed with so many dependents that these are counted over several turns: up to after_dependent they
  // are, and those behind last_dependent came later and knew.
  db.run(`
    CREATE TABLE countings (
      node            INTEGER PRIMARY KEY REFERENCES nodes (row),
      task_id         TEXT NOT NULL,
      change          TEXT NOT NULL CHECK (change IN ('completed', 'failed', 'retried')),
      after_dependent INTEGER NOT NULL,
      last_dependent  INTEGER NOT NULL
    ) STRICT`);
  db.run("CREATE INDEX countings_by_task ON countings (task_id)");

  // Leases that have ended; the one that runs stands on its node.
  db.run(`
    CREATE TABLE attempts (
      node          INTEGER NOT NULL REFERENCES nodes (row),
      fencing_token INTEGER NOT NULL,
      lease_id      TEXT,
      lease_owner   TEXT,
      started_at_ms INTEGER NOT NULL,
      ended_at_ms   INTEGER NOT NULL,
      outcome       TEXT NOT NULL,
      error         TEXT,
      PRIMARY KEY (node, fencing_token)
    ) STRICT, WITHOUT ROWID`);

  db.run(`
    CREATE TABLE node_dependents (
      dependency INTEGER NOT NULL REFERENCES nodes (row),
      dependent  INTEGER NOT NULL REFERENCES nodes (row),
      PRIMARY KEY (dependency, dependent)
    ) STRICT, WITHOUT ROWID`);
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

/**
 * Nodes of the same labels share one set: there are few of them, so a wish for labels is a search in each set that has
 * them, and a node that becomes ready costs no more than one without labels.
 */
function createLabelSets(db: Database): void {
  db.run(`
    CREATE TABLE label_sets (
      id     INTEGER PRIMARY KEY,
      labels TEXT NOT NULL UNIQUE
    ) STRICT`);
  db.run(`
    CREATE TABLE label_set_members (
      name      TEXT NOT NULL,
      value     TEXT NOT NULL,
      label_set INTEGER NOT NULL REFERENCES label_sets (id),
      PRIMARY KEY (name, value, label_set)
    ) STRICT, WITHOUT ROWID`);
}

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
      metadata            TEXT NOT NULL,
      ends_with_node      INTEGER NOT NULL CHECK (ends_with_node IN (0, 1)),
      acquired_at_ms      INTEGER NOT NULL,
      lease_expires_at_ms INTEGER NOT NULL,
      lease_ttl_ms        INTEGER NOT NULL,
      fencing_token       INTEGER NOT NULL,
      updated_at_ms       INTEGER NOT NULL,
      UNIQUE (lease_id, scope, normal_key)
    ) STRICT`);
  db.run("CREATE INDEX locks_by_owner ON locks (owner, provider)");
  db.run("CREATE INDEX locks_by_key ON locks (scope, normal_key)");
  db.run("CREATE INDEX locks_by_deadline ON locks (lease_expires_at_ms) WHERE NOT ends_with_node");
  db.run("CREATE INDEX locks_of_nodes ON locks (task_id, lease_id) WHERE ends_with_node");

  // Where a lock may be met: see core/resource-index.ts.
  db.run(`
    CREATE TABLE lock_terms (
      scope TEXT NOT NULL,
      term  TEXT NOT NULL,
      lock  INTEGER NOT NULL REFERENCES locks (row),
      PRIMARY KEY (scope, term, lock)
    ) STRICT, WITHOUT ROWID`);
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
