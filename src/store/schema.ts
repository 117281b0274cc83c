import type { Database } from "bun:sqlite";
import { adoptOriginal } from "./adoption.ts";
import { createTables } from "./tables.ts";

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
    if (hasTable(db, "pruning")) return;
    throw new Error(
      "the database was made by an agentd between two releases; move it away and register its tasks again",
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
