import { constants, Database } from "bun:sqlite";

/** Faults told at most. */
const faultsMax = 20;

/**
 * What SQLite's own check finds wrong in a database's file: pages, rows that break a constraint, indexes that differ from
 * their tables. Nothing locks the file, so that it can be read beside the daemon that has it; it must be held still.
 */
export function pageFaults(path: string): string[] {
  try {
    const db = new Database(immutableUri(path), constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
    try {
      const found = db.query<{ integrity_check: string }, []>(`PRAGMA integrity_check(${faultsMax})`).all();
      const faults = found.map(({ integrity_check: fault }) => fault).filter((fault) => fault !== "ok");
      return [...faults, ...brokenChecks(db)].slice(0, faultsMax);
    } finally {
      db.close();
    }
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

interface Table {
  name: string;
  sql: string;
}

/** Of a database it only reads, SQLite forgets the CHECK constraints (`sqlite3AddCheckConstraint`), so they are asked for. */
function brokenChecks(db: Database): string[] {
  const tables = db
    .query<Table, []>("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL")
    .all();
  return tables.flatMap(({ name, sql }) =>
    checksIn(sql).flatMap((check) => {
      const broken = db.query(`SELECT 1 FROM "${name}" WHERE NOT (${check}) LIMIT 1`).get();
      return broken === null ? [] : [`a row of ${name} is not as CHECK (${check}) demands`];
    }),
  );
}

/** The conditions of a table's CHECK constraints, as its definition has them. */
export function checksIn(sql: string): string[] {
  return [...sql.matchAll(/\bCHECK\s*\(/gi)].map(({ index, 0: opening }) => {
    const from = index + opening.length;
    let depth = 1;
    let to = from;
    for (; to < sql.length && depth > 0; to++) {
      if (sql[to] === "(") depth++;
      if (sql[to] === ")") depth--;
    }
    return sql.slice(from, to - 1);
  });
}

export const fileUri = (path: string): string => `file:${path.replaceAll(/[%?#]/g, encodeURIComponent)}`;

/** A path as the URI of a file that nobody writes; its log, should there be one, is left alone. */
export const immutableUri = (path: string): string => `${fileUri(path)}?immutable=1`;
