import type { Database } from "bun:sqlite";

/* Nodes as they stood in schemas 3 to 6, where the next one to hand out was found in indexes. */

/** Creates them, in an empty database: the newer schemas follow from this one. */
export function createNodesBefore7(db: Database): void {
  createNodes(db);
  createLabelSets(db);
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
