import type { Database } from "bun:sqlite";

/** Locks as they stood in schemas 3 to 6, where those that overlap were found in an index; in an empty database. */
export function createLocksBefore7(db: Database): void {
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

  // Where a lock may be met: see core/locks/resource-index.ts.
  db.run(`
    CREATE TABLE lock_terms (
      scope TEXT NOT NULL,
      term  TEXT NOT NULL,
      lock  INTEGER NOT NULL REFERENCES locks (row),
      PRIMARY KEY (scope, term, lock)
    ) STRICT, WITHOUT ROWID`);
}
