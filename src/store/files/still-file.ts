import type { Database } from "bun:sqlite";

/** SQLite's own default, in pages. */
const autoCheckpointPages = 1_000;

/** The database's file, which no write touches while this is active. */
export interface StillFile {
  readonly active: boolean;
  release(): void;
}

/** Folds the log in, and keeps it from being folded in again until it is released: writing goes on in the log alone. */
export function holdStill(db: Database): StillFile {
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.run("PRAGMA wal_autocheckpoint = 0");
  let active = true;
  return {
    get active() {
      return active;
    },
    release() {
      if (!active) return;
      active = false;
      db.run(`PRAGMA wal_autocheckpoint = ${autoCheckpointPages}`);
    },
  };
}
