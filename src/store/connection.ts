import type { Database } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";
import { type Decision, isRefusal, refuse } from "../core/decision.ts";
import type { JournalHead } from "../core/journal/journal.ts";
import {
  commitFailure,
  errorCode,
  fileLost,
  openCopy,
  openDatabase,
  openFailure,
  stateOf,
  storageFailure,
} from "./files/database.ts";
import { type FileState, WatchedFile } from "../native/watched-file.ts";
import { startBackup } from "./files/backup.ts";
import { rewriteDurably } from "./files/files.ts";
import { HeadNote } from "./files/head-note.ts";
import { WriteAheadLog } from "./files/write-ahead-log.ts";
import { holdStill, type StillFile } from "./files/still-file.ts";
import { type Backup, StorageFailure } from "./store.ts";
import { type Tables, tablesOf } from "./tables/open-tables.ts";

/** One database and its files: when they may be read and written, and how they are opened anew. */
export class Connection {
  readonly #path: string;
  readonly #open: () => Tables;
  #tables: Tables;
  readonly #file: WatchedFile;
  readonly #opened: FileState | null;
  readonly #log: WriteAheadLog;
  readonly #note: HeadNote | null;
  /** The head that was noted beside the database when it was opened, where the journal does not hold it. */
  readonly lostHead: JournalHead | null;
  /** For backups. Open as long as the database is: closing any descriptor of the file drops SQLite's locks on it. */
  #source: number;
  #backup: Backup | null = null;
  #still: StillFile | null = null;
  /** Whether what the write-ahead log held when the file was opened is surely on the disk. */
  #settled = false;
  /** Why a reopening failed: the database is closed then, and whatever is tried fails for this reason. */
  #closedBy: StorageFailure | null = null;

  /** A copy that is only read is left as it is. */
  constructor(path: string, nowMs: () => number, leaseTtlMs: number, readOnly: boolean) {
    this.#path = path;
    this.#open = () => tablesOf(readOnly ? openCopy(path) : openDatabase(path, nowMs(), leaseTtlMs));
    this.#tables = this.#open();
    this.#note = readOnly ? null : new HeadNote(path);
    this.#file = new WatchedFile(path);
    this.#opened = stateOf(this.#file);
    this.#log = new WriteAheadLog(path);
    this.#source = openSync(path, "r");
    const noted = this.#note?.read() ?? null;
    this.lostHead = noted === null || this.#holds(noted) ? null : noted;
  }

  /** Others once it was opened anew. */
  get tables(): Tables {
    return this.#tables;
  }

  /** Whether the journal holds this head, or has given the row to an archive. */
  #holds({ seq, hash }: JournalHead): boolean {
    const { journal, pruning } = this.#tables;
    return seq === 0 || journal.hashAt(seq) === hash || pruning.lastGoneFrom(seq) !== null;
  }

  /** @throws {StorageFailure} */
  begin(): void {
    this.#log.refuseLost();
    this.#settle();
    this.#tables.begin.run();
  }

  /** @throws {StorageFailure} with OUTCOME_UNKNOWN where nobody knows whether it lasts */
  commit(): void {
    try {
      this.#tables.commit.run();
    } catch (error) {
      throw commitFailure(error);
    } finally {
      this.#log.note();
    }
  }

  /** Notes the journal's head beside the database. */
  note(head: JournalHead): void {
    this.#note?.write(head);
  }

  /** Whatever state it is in: after SQLITE_FULL and some I/O errors SQLite has rolled back already. */
  rollBack(): void {
    if (this.#closedBy === null && this.#tables.db.inTransaction) this.#tables.db.run("ROLLBACK");
  }

  /** After a failed sync the file and the cache may differ: only what a fresh open reads is on the disk. */
  reopen(): void {
    this.refuseForeignFile();
    if (this.#closedBy === null) {
      this.#log.refuseLost();
      this.#settle();
      this.#closeFile();
      this.#log.note();
    }
    try {
      this.#openAgain();
    } catch (error) {
      this.#closedBy = storageFailure(error) ?? openFailure(this.#path, error);
      throw this.#closedBy;
    }
    this.#log.note();
    this.#closedBy = null;
    this.#settled = false;
  }

  /** Both or neither: a connection that stays open would lock the next try out. */
  #openAgain(): void {
    const source = openSync(this.#path, "r");
    try {
      this.#tables = this.#open();
    } catch (error) {
      closeSync(source);
      throw error;
    }
    this.#source = source;
  }

  startBackup(path: string): Decision<Backup, "INVALID_STATE"> {
    if (this.isBackingUp) return refuse("INVALID_STATE", "another backup is being made; wait for its end");
    return this.#folding((db) => {
      const started = startBackup(db, this.#source, path);
      if (!isRefusal(started)) this.#backup = started;
      return started;
    });
  }

  get isHeldStill(): boolean {
    return this.isBackingUp || this.#still?.active === true;
  }

  get isBackingUp(): boolean {
    return this.#backup?.active === true;
  }

  holdStill(): StillFile {
    if (this.isHeldStill) throw new Error("the file is held still already");
    return (this.#still = this.#folding(holdStill));
  }

  /** Does what folds the log in and cuts it off. */
  #folding<T>(work: (db: Database) => T): T {
    this.#log.refuseLost();
    this.refuseForeignFile();
    this.#settle();
    try {
      return work(this.#tables.db);
    } finally {
      this.#log.note();
    }
  }

  failureIn(error: unknown): StorageFailure | null {
    return storageFailure(error) ?? this.#closedBy;
  }

  check(): StorageFailure | null {
    try {
      this.refuseForeignFile();
      this.#log.refuseLost();
      this.#tables.head.read();
      return this.#closedBy;
    } catch (error) {
      return this.failureIn(error);
    }
  }

  close(): void {
    this.#note?.close();
    // Closing folds the log into the file in hand and empties it: not where the next start reads another file or log.
    if (this.#closedBy !== null || this.#log.lost !== null || fileLost(this.#file, this.#opened) !== null) return;
    try {
      this.#settle();
      this.#tables.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      // On a full disk the log cannot be folded in; it is as durable as the file, and the next start reads it.
      if (storageFailure(error) === null) throw error;
    }
    this.#closeFile();
  }

  /**
   * Before anything is written after the log that was found, or folded in from it: a sync of it may have failed, and then
   * a power loss takes what was never written, and with it all that came later.
   */
  #settle(): void {
    if (this.#settled) return;
    try {
      rewriteDurably(`${this.#path}-wal`);
    } catch (error) {
      const kind = errorCode(error) === "ENOSPC" ? "STORAGE_FULL" : "STORAGE_FAILED";
      const message = `the database's log cannot be written anew, so nothing was written: ${String(error)}`;
      throw new StorageFailure(kind, message, { reopen: false });
    }
    this.#settled = true;
  }

  #closeFile(): void {
    this.#backup?.cancel();
    this.#still?.release();
    // `true` ends the prepared statements too; with one left, the file would stay locked against the next opening.
    this.#tables.db.close(true);
    closeSync(this.#source);
  }

  /** Rows written to a file nobody can find any more would be acknowledged and lost. */
  refuseForeignFile(): void {
    const what = fileLost(this.#file, this.#opened);
    if (what === null) return;
    throw new StorageFailure(
      "STORAGE_FAILED",
      `the database file ${this.#path} ${what} while the daemon was running; nothing was written: put the file back, or restart the daemon`,
      { reopen: false },
    );
  }
}
