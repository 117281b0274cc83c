import type { Database } from "bun:sqlite";
import { adoptOriginal } from "./adoption.ts";

/** One step of the schema. Versions 1 and 2 were the original's. */
interface Migration {
  version: number;
  name: string;
  up(db: Database): void;
}

const migrations: readonly Migration[] = [{ version: 3, name: "journalled_state_engine", up: createTables }];

export const latestSchemaVersion = 3;

/** Brings the database to the newest schema in one transaction; a newer one than this program knows is refused. */
export function migrate(db: Database, nowMs: number, leaseTtlMs: number): void {
  const current = schemaVersion(db);
  if (current > latestSchemaVersion) {
    throw new Error(
      `the database has schema version ${current} and this agentd knows ${latestSchemaVersion}; use the newer agentd`,
    );
  }
  if (current === latestSchemaVersion) {
    if (hasTable(db, "lock_terms")) return;
    throw new Error(
      "the database was made by an agentd between two releases; move it away, and register its tasks anew",
    );
  }
  db.transaction(() => {
    const isOriginal = hasTable(db, "global_tasks");
    db.run(
      "CREATE TABLE IF NOT EXISTS agentd_schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)",
    );
    const record = db.prepare("INSERT INTO agentd_schema_migrations (version, name, applied_at) VALUES (?, ?, ?)");
    for (const migration of migrations.filter(({ version }) => version > current)) {
      migration.up(db);
      record.run(migration.version, migration.name, new Date(nowMs).toISOString());
    }
    if (isOriginal) adoptOriginal(db, nowMs, leaseTtlMs);
  }).immediate();
}

/** Whether the file holds the original's tables: they are adopted by `migrate`, after a copy was made. */
export function isOriginalDatabase(db: Database): boolean {
  return hasTable(db, "global_tasks");
}

export function schemaVersion(db: Database): number {
  if (!hasTable(db, "agentd_schema_migrations")) return 0;
  const newest = db
    .query<{ version: number | null }, []>("SELECT max(version) AS version FROM agentd_schema_migrations")
    .get();
  return newest?.version ?? 0;
}

export function hasTable(db: Database, name: string): boolean {
  return db.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== null;
}

function createTables(db: Database): void {
  createTasks(db);
  createNodes(db);
  createLabelSets(db);
  createJournal(db);
  createLocks(db);
  createIdempotencyKeys(db);
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
      pending       INTEGER NOT NULL DEFAULT 0,
      running       INTEGER NOT NULL DEFAULT 0,
      completed     INTEGER NOT NULL DEFAULT 0,
      failed        INTEGER NOT NULL DEFAULT 0
    ) STRICT`);
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

function createJournal(db: Database): void {
  // Rows with an id are what the contract calls events; each row stands in exactly one of the two indexes.
  db.run(`
    CREATE TABLE journal (
      seq          INTEGER PRIMARY KEY,
      id           TEXT,
      task_id      TEXT,
      node_id      TEXT,
      action_type  TEXT NOT NULL,
      origin       TEXT NOT NULL CHECK (origin IN ('daemon', 'client')),
      payload      TEXT NOT NULL,
      timestamp_ms INTEGER NOT NULL,
      hash         TEXT NOT NULL
    ) STRICT`);
  db.run("CREATE INDEX journal_events ON journal (task_id, seq) WHERE id IS NOT NULL");
  db.run("CREATE INDEX journal_transitions ON journal (task_id, seq) WHERE id IS NULL AND task_id IS NOT NULL");
  for (const verb of ["UPDATE", "DELETE"]) {
    db.run(`
      CREATE TRIGGER journal_refuses_${verb.toLowerCase()} BEFORE ${verb} ON journal
      BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END`);
  }

  // One row, written with every commit that journals.
  db.run(`
    CREATE TABLE journal_head (
      one       INTEGER PRIMARY KEY CHECK (one = 1),
      seq       INTEGER NOT NULL,
      hash      TEXT NOT NULL,
      tasks     INTEGER NOT NULL,
      events    INTEGER NOT NULL,
      pending   INTEGER NOT NULL,
      running   INTEGER NOT NULL,
      completed INTEGER NOT NULL,
      failed    INTEGER NOT NULL
    ) STRICT`);
  db.run("INSERT INTO journal_head VALUES (1, 0, printf('%064d', 0), 0, 0, 0, 0, 0, 0)");
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
