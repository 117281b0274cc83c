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
      return found.map(({ integrity_check: fault }) => fault).filter((fault) => fault !== "ok");
    } finally {
      db.close();
    }
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

export const fileUri = (path: string): string => `file:${path.replaceAll(/[%?#]/g, encodeURIComponent)}`;

/** A path as the URI of a file that nobody writes; its log, should there be one, is left alone. */
export const immutableUri = (path: string): string => `${fileUri(path)}?immutable=1`;
