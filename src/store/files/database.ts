import { constants, Database } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import type { JournalHead } from "../../core/journal/journal.ts";
import type { FileState, WatchedFile } from "../../native/watched-file.ts";
import { copyDurably, sameBytes } from "./files.ts";
import { fileUri, immutableUri } from "./page-faults.ts";
import { isOriginalDatabase, isOurTable, migrate, refuseOtherSchema } from "../schema/migrations.ts";
import { StorageFailure } from "../store.ts";

/**
 * Opens the state database for this process alone and brings it to the newest schema. A database of the original is
 * copied to `<path>.before-agentd-ts` before it is touched; its live leases run `leaseTtlMs` from their next heartbeat.
 *
 * @throws {StorageFailure} when it cannot be opened
 */
export function openDatabase(path: string, nowMs: number, leaseTtlMs: number): Database {
  try {
    return open(path, nowMs, leaseTtlMs);
  } catch (error) {
    throw openFailure(path, error);
  }
}

function open(path: string, nowMs: number, leaseTtlMs: number): Database {
  refuseForeign(path);
  let db = connect(path);
  try {
    db.run("PRAGMA locking_mode = EXCLUSIVE");
    if (isOriginalDatabase(db)) {
      // Folding the log in and closing leaves one file that is the whole database.
      db.run("PRAGMA wal_checkpoint(TRUNCATE)");
      db.close(true);
      keepCopy(path, `${path}.before-agentd-ts`);
      db = connect(path);
    }
    configure(db);
    migrate(db, nowMs, leaseTtlMs);
    makeShrinkable(db);
    // What a request may have to undo: once one changed more than 64 KB, SQLite would write it to a temporary file from then
    // on, page by page, a third of the time of every request.
    db.run("PRAGMA temp_store = MEMORY");
    return db;
  } catch (error) {
    // Left open, it would keep the file locked against the next attempt.
    db.close(true);
    throw error;
  }
}

/**
 * Whatever opens a database may write to it: a log is folded in, a mode kept in its header. So what another program's
 * holds is read first, in ways that write nothing. The file alone tells, unless all it holds is still in its log.
 * @throws {Error} for a database with tables, none of which is ours
 */
function refuseForeign(path: string): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  const tables = tablesIn(immutableUri(path));
  const logged = tables.length === 0 && existsSync(`${path}-wal`) ? tablesIn(`${fileUri(path)}?mode=ro`) : tables;
  if (logged.length === 0 || logged.some(isOurTable)) return;
  const named = logged.slice(0, 3).join(", ");
  throw new Error(`it is another program's (it holds ${named}); set AGENTD_DATABASE_URL to a file of its own`);
}

function tablesIn(uri: string): string[] {
  try {
    const db = new Database(uri, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
    try {
      const tables = db.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
      return tables.map(({ name }) => name);
    } finally {
      db.close(true);
    }
  } catch {
    // Without its log, of which a full disk had a part folded in, a file of ours may read as damaged.
    return [];
  }
}

/**
 * Opens a copy of a database that nobody writes, and leaves it as it is.
 *
 * @throws {StorageFailure} when it is none of this agentd's
 */
export function openCopy(path: string): Database {
  const db = new Database(immutableUri(path), constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
  try {
    refuseOtherSchema(db);
    return db;
  } catch (error) {
    db.close(true);
    throw openFailure(path, error);
  }
}

/** The journal's head in a database's file, its log left aside; null where it cannot be read. Nothing is changed. */
export function readHeadOf(path: string): JournalHead | null {
  try {
    const db = new Database(immutableUri(path), constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
    try {
      return db.query<JournalHead, []>("SELECT seq, hash FROM journal_head").get();
    } finally {
      db.close();
    }
  } catch {
    return null;
  }
}

const connect = (path: string) => new Database(path, { create: true, readwrite: true, strict: true });

function configure(db: Database): void {
  // Before anything is written: see makeShrinkable. Said again, it would write.
  if (!isShrinkable(db)) db.run(shrinkable);
  // Exclusive before WAL: no -shm file to truncate, no second writer, no reader that pins the log.
  db.run("PRAGMA locking_mode = EXCLUSIVE");
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  // On macOS a plain fsync stops at the drive's cache.
  db.run("PRAGMA fullfsync = 1");
  db.run("PRAGMA checkpoint_fullfsync = 1");
  db.run("PRAGMA foreign_keys = OFF");
  // Two megabytes are as fast as eight: what falls out is in the system's own cache.
  db.run("PRAGMA cache_size = -2000");
  db.run(`PRAGMA journal_size_limit = ${walBytesKept}`);
  // Takes the exclusive lock now, so that a second process fails here and not at its first write.
  db.run("BEGIN EXCLUSIVE; COMMIT");
}

const shrinkable = "PRAGMA auto_vacuum = INCREMENTAL";

/** What is pruned is to leave the file, a few pages at a time; a database of the original has to be built anew for it. */
function makeShrinkable(db: Database): void {
  if (isShrinkable(db)) return;
  db.run(shrinkable);
  try {
    db.run("VACUUM");
  } catch (error) {
    // Without the room for a second copy it works as it is, and the next start tries again.
    if (errorCode(error) !== "SQLITE_FULL") throw error;
  }
}

const isShrinkable = (db: Database): boolean =>
  db.query<{ auto_vacuum: number }, []>("PRAGMA auto_vacuum").get()?.auto_vacuum === 2;

/** What is left of the write-ahead log's file after a checkpoint. */
const walBytesKept = 4 << 20;

/** Copies the file under a name that is free, unless an adoption that did not come to its end has done so before. */
function keepCopy(path: string, copy: string): void {
  let name = copy;
  for (let n = 2; existsSync(name); n++) {
    if (sameBytes(path, name)) return;
    name = `${copy}.${n}`;
  }
  copyDurably(path, name);
}

/** @throws {StorageFailure} when the system does not tell */
export function stateOf(file: WatchedFile): FileState | null {
  try {
    return file.look();
  } catch (error) {
    throw new StorageFailure("STORAGE_FAILED", `the database cannot be reached: ${message(error)}`, { reopen: false });
  }
}

/** What happened to the file that was opened at a path; null while it is the one there. */
export function fileLost(file: WatchedFile, opened: FileState | null): "was removed" | "was replaced" | null {
  const now = stateOf(file);
  if (now === null) return "was removed";
  return now.device === opened?.device && now.inode === opened.inode ? null : "was replaced";
}

const storageCodes = /^SQLITE_(IOERR|CORRUPT|NOTADB|READONLY|CANTOPEN|BUSY|LOCKED|NOMEM|PERM|PROTOCOL)/;

/** Tells a failing storage from a bug: null for an error that says nothing about the storage. */
export function storageFailure(error: unknown): StorageFailure | null {
  if (error instanceof StorageFailure) return error;
  const code = errorCode(error);
  if (code === "SQLITE_FULL") {
    return new StorageFailure("STORAGE_FULL", "the disk is full: nothing was written; free some space and try again", {
      reopen: false,
    });
  }
  if (!storageCodes.test(code)) return null;
  return new StorageFailure("STORAGE_FAILED", `the database cannot be used (${code}): ${message(error)}`, {
    reopen: true,
  });
}

export function errorCode(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What to do about a database that is damaged, and about one that the file system refuses. */
const nextSteps: [RegExp, string][] = [
  [/^SQLITE_(CORRUPT|NOTADB)/, "; put a backup in its place with: agentd restore FILE"],
  [
    /^SQLITE_(CANTOPEN|READONLY|PERM|IOERR)/,
    "; make file and directory writable for you, or set AGENTD_DATABASE_URL to another place",
  ],
];

export function openFailure(path: string, error: unknown): StorageFailure {
  const code = errorCode(error);
  if (code.startsWith("SQLITE_BUSY")) {
    return new StorageFailure("STORAGE_FAILED", `another process has the database ${path} open; stop it first`, {
      reopen: true,
    });
  }
  const kind = code === "SQLITE_FULL" ? "STORAGE_FULL" : "STORAGE_FAILED";
  const next = nextSteps.find(([codes]) => codes.test(code))?.[1] ?? "";
  return new StorageFailure(kind, `the database ${path} cannot be opened: ${message(error)}${next}`, { reopen: true });
}

/** SQLite undoes a commit that finds no room; after any other error the rows may be back after a restart. */
export function commitFailure(error: unknown): StorageFailure {
  const code = errorCode(error);
  const full = code === "SQLITE_FULL" ? storageFailure(error) : null;
  const told = `the commit failed half-way (${code}): the write may or may not last; repeat it with its idempotency key`;
  return full ?? new StorageFailure("OUTCOME_UNKNOWN", told, { reopen: true });
}
