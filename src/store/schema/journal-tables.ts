import type { Database } from "bun:sqlite";

/* The journal, and what of it has left. */

export function createJournal(db: Database): void {
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
  // Rows leave only for an archive, as the row in `pruning` says.
  const isPruned = "EXISTS (SELECT 1 FROM pruning WHERE stage = 'rows' AND old.seq <= cut_seq)";
  for (const [verb, when] of [
    ["UPDATE", "1"],
    ["DELETE", `NOT ${isPruned}`],
  ]) {
    db.run(`
      CREATE TRIGGER journal_refuses_${verb?.toLowerCase()} BEFORE ${verb} ON journal WHEN ${when}
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

export function createPruning(db: Database): void {
  // One row while something leaves: first its journal rows, then its nodes, then the pages they took.
  db.run(`
    CREATE TABLE pruning (
      one       INTEGER PRIMARY KEY CHECK (one = 1),
      stage     TEXT NOT NULL CHECK (stage IN ('rows', 'nodes', 'pages')),
      cut_seq   INTEGER NOT NULL,
      after_seq INTEGER NOT NULL,
      staying   TEXT NOT NULL
    ) STRICT`);
  db.run("CREATE TABLE departing_tasks (task_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID");

  // Where rows have left: the first row after a gap is chained to this hash.
  db.run(`
    CREATE TABLE journal_gaps (
      first_seq INTEGER PRIMARY KEY,
      last_seq  INTEGER NOT NULL,
      hash      TEXT NOT NULL
    ) STRICT`);
}
