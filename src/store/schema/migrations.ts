import { Database } from "bun:sqlite";
import { adoptOriginal } from "../adoption.ts";
import { type PolicyField, policyFields } from "../../protocol/node-fields.ts";
import { countEvents } from "../tables/head.ts";
import { addDigests } from "../tables/idempotency.ts";
import { moveMetadata } from "../tables/locks.ts";
import { addPolicyColumn, createTables, rebuildActive } from "./tables.ts";
import type { SchemaFault } from "../tables/verification-reads.ts";

/** One step of the schema. Versions 1 and 2 were the original's. */
interface Migration {
  version: number;
  name: string;
  up(db: Database): void;
}

const written: readonly Migration[] = [
  { version: 3, name: "journalled_state_engine", up: createTables },
  { version: 4, name: "digests_of_answers", up: addDigests },
  { version: 5, name: "events_of_the_original", up: countEvents },
  { version: 6, name: "metadata_of_locks_last", up: moveMetadata },
  { version: 7, name: "heads_in_memory", up: rebuildActive },
];

/** Also those that bring the column of a node's field: a row of the table of fields is all that has to be written. */
export function migrationsWith(fields: readonly PolicyField[]): Migration[] {
  const columns = fields.flatMap((field) => {
    const { since: version, stored: name } = field;
    return version === null ? [] : [{ version, name, up: (db: Database) => addPolicyColumn(db, field) }];
  });
  return [...written, ...columns].toSorted((one, other) => one.version - other.version);
}

const allMigrations = migrationsWith(policyFields);

const newestOf = (migrations: readonly Migration[]) => Math.max(...migrations.map(({ version }) => version));

export const latestSchemaVersion = newestOf(allMigrations);

/** Brings the database to the newest schema in one transaction; a newer one than this program knows is refused. */
export function migrate(db: Database, nowMs: number, leaseTtlMs: number, migrations = allMigrations): void {
  const current = schemaVersion(db);
  const latest = newestOf(migrations);
  if (current > latest) {
    throw new Error(`the database has schema version ${current} and this agentd knows ${latest}; use the newer agentd`);
  }
  if (current >= 3 && !hasTable(db, "pruning")) {
    throw new Error(
      "the database was made by an agentd between two releases; move it away and register its tasks again",
    );
  }
  if (current === latest) return;
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

/** A copy that is not to be touched must have the newest schema. */
export function refuseOtherSchema(db: Database): void {
  if (isOriginalDatabase(db)) throw new Error("it is the original agentd's: a daemon that is started on it adopts it");
  const version = schemaVersion(db);
  if (version === latestSchemaVersion) return;
  if (version === 0) throw new Error("it is not agentd's");
  throw new Error(
    `it has schema version ${version}, and this agentd reads ${latestSchemaVersion}: use the agentd that made it, or start a daemon on it`,
  );
}

/** Whether the file holds the original's tables: they are adopted by `migrate`, after a copy was made. */
export function isOriginalDatabase(db: Database): boolean {
  return hasTable(db, "global_tasks");
}

interface SchemaRow {
  name: string;
  sql: string;
}

/** Statements of tables, indexes and triggers, spaced alike. */
function schemaOf(db: Database): Map<string, string> {
  const rows = db.query<SchemaRow, []>("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").all();
  return new Map(rows.map(({ name, sql }) => [name, sql.replaceAll(/\s+/g, " ")]));
}

let latestSchema: Map<string, string> | undefined;

/** The schema as this agentd makes it. */
function expectedSchema(): Map<string, string> {
  if (latestSchema !== undefined) return latestSchema;
  const db = new Database(":memory:", { strict: true });
  migrate(db, 0, 0);
  latestSchema = schemaOf(db);
  db.close();
  // The original made it in a database that was adopted.
  latestSchema.delete("agentd_schema_migrations");
  return latestSchema;
}

/** What of the schema is not as this agentd makes it; null when all is. */
export function schemaFault(db: Database): SchemaFault | null {
  const found = schemaOf(db);
  found.delete("agentd_schema_migrations");
  const names = new Set([...expectedSchema().keys(), ...found.keys()]);
  for (const name of names) {
    const [expected = null, its = null] = [expectedSchema().get(name), found.get(name)];
    if (expected !== its) return { name, expected, found: its };
  }
  const known = db.query<{ name: string }, [number]>("SELECT name FROM agentd_schema_migrations WHERE version = ?");
  for (const { version, name } of allMigrations) {
    const its = known.get(version)?.name ?? null;
    if (its !== name) return { name: `agentd_schema_migrations ${version}`, expected: name, found: its };
  }
  return null;
}

/** Whether a table of this name is in every database of agentd's, or in every one of the original's. */
export function isOurTable(name: string): boolean {
  return name === "agentd_schema_migrations" || name === "global_tasks";
}

export function schemaVersion(db: Database): number {
  if (!hasTable(db, "agentd_schema_migrations")) return 0;
  const newest = db
    .query<{ version: number | null }, []>("SELECT max(version) AS version FROM agentd_schema_migrations")
    .get();
  return newest?.version ?? 0;
}

function hasTable(db: Database, name: string): boolean {
  return db.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== null;
}
