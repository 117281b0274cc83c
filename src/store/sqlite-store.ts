import { existsSync } from "node:fs";
import type { Effect } from "../core/effects.ts";
import type { Decision } from "../core/decision.ts";
import { type Entry, isOriginalEvent, type JournalHead } from "../core/journal/journal.ts";
import { settings } from "../protocol/settings.ts";
import { applyEffect } from "./apply.ts";
import { Connection } from "./connection.ts";
import { readHeadOf, storageFailure } from "./files/database.ts";
import { Heads } from "./heads/heads.ts";
import { loadHeads } from "./heads/loading.ts";
import type { StillFile } from "./files/still-file.ts";
import { HeadNote } from "./files/head-note.ts";
import { latestSchemaVersion } from "./schema/migrations.ts";
import type { Backup, StorageFailure, Store } from "./store.ts";
import { copyHead, type HeadState } from "./tables/head.ts";
import type { Tables } from "./tables/open-tables.ts";
import { guarded, lastingReads, type Subjects, subjectsOf } from "./tables/subjects.ts";

const defaultLeaseTtlMs = settings.nodeTimeoutSecs.default * 1000;

/**
 * Opens the SQLite store at `path`, creating, migrating or adopting what is there; leases of an adopted database get
 * `leaseTtlMs`, as the original kept deadlines only.
 *
 * @throws {StorageFailure}
 */
export function openStore(path: string, nowMs: () => number, leaseTtlMs = defaultLeaseTtlMs): Store {
  return new SqliteStore(path, nowMs, leaseTtlMs);
}

/**
 * Opens a backup that nobody has open, to be read as it is.
 *
 * @throws {StorageFailure} when it is no database of this agentd's
 */
export function openBackup(path: string): Store {
  return new SqliteStore(path, () => 0, defaultLeaseTtlMs, { readOnly: true });
}

/**
 * The newest head that is known of a database nobody has open: its own, or the one noted beside it. Null where nothing
 * is, or it cannot be read any more.
 */
export function lastHeadOf(path: string): JournalHead | null {
  const note = new HeadNote(path);
  const noted = note.read();
  note.close();
  const its = existsSync(path) ? readHeadOf(path) : null;
  return its !== null && its.seq > (noted?.seq ?? 0) ? its : noted;
}

/** The tables, as one listener to what happens: what is rolled back in the database is rolled back of the head here. */
class SqliteStore implements Store {
  readonly schemaVersion = latestSchemaVersion;
  readonly lostHead: JournalHead | null;
  readonly #connection: Connection;
  /** Whether the database is to be opened anew before it is trusted again. */
  #mustReopen = false;
  /** What is active, in memory. */
  #heads: Heads;
  #subjects: Subjects;
  #state: HeadState;
  #committed: HeadState;
  #appended: Entry[] = [];
  #undoings = 0;
  isSealed = false;
  readonly reads = lastingReads(
    () => this.#subjects,
    () => this.#unsealed(this.#state),
  );

  constructor(path: string, nowMs: () => number, leaseTtlMs: number, { readOnly = false } = {}) {
    this.#connection = new Connection(path, nowMs, leaseTtlMs, readOnly);
    this.lostHead = this.#connection.lostHead;
    // A copy is compared with its journal, for which nothing of it has to be in memory.
    this.#heads = readOnly ? new Heads(this.#connection.tables.dependencies.statusOf) : this.#readHeads();
    this.#subjects = this.#readSubjects();
    this.#state = this.#tables.head.read();
    this.#committed = copyHead(this.#state);
  }

  /** @throws {StorageFailure} */
  #readHeads(): Heads {
    try {
      return loadHeads(this.#connection.tables);
    } catch (error) {
      // Left open, it would keep the file locked against the next attempt.
      this.#connection.close();
      throw storageFailure(error) ?? error;
    }
  }

  #readSubjects(): Subjects {
    return guarded(
      subjectsOf(this.#connection.tables, this.#heads, () => this.#state),
      () => this.#unsealed(null),
    );
  }

  #unsealed<T>(its: T): T {
    if (this.isSealed) throw new Error("the state was asked for while a turn was open");
    return its;
  }

  get #tables(): Tables {
    return this.#unsealed(this.#connection).tables;
  }

  get undoings(): number {
    return this.#undoings;
  }

  get appended(): readonly Entry[] {
    return this.#unsealed(this.#appended);
  }

  begin(): void {
    this.#unsealed(this.#mustReopen);
    if (this.#mustReopen) this.#reopen();
    this.#connection.begin();
    this.#appended = [];
  }

  apply(effect: Effect): number {
    const tables = this.#tables;
    if (!tables.db.inTransaction) throw new Error(`${effect.kind} happens outside of a unit`);
    if ("entry" in effect) this.#append(effect.entry, effect.kind === "beginEpoch" ? effect.seq : undefined);
    const { journal, totals } = this.#state;
    applyEffect(effect, { tables, heads: this.#heads, totals, seq: journal.seq });
    return journal.seq;
  }

  /** The entry's seq is the next one but where an epoch begins. */
  #append(entry: Entry, seq?: number): void {
    this.#state.journal = this.#tables.journal.append(this.#state.journal, entry, seq);
    const { totals } = this.#state;
    totals.rows++;
    if (isOriginalEvent(entry)) totals.events++;
    this.#appended.push(entry);
  }

  savepoint<T>(work: () => T, keep: (result: T) => boolean): T {
    const before = copyHead(this.#state);
    const [appended, mark] = [this.#appended.length, this.#heads.mark];
    const { db, savepoint, undo, release } = this.#tables;
    let kept = false;
    savepoint.run();
    try {
      const result = work();
      kept = keep(result);
      return result;
    } finally {
      if (db.inTransaction) {
        if (!kept) undo.run();
        release.run();
      }
      if (!kept) {
        this.#state = before;
        this.#heads.undoTo(mark);
        if (this.#appended.length > appended) this.#undoings++;
        this.#appended.length = appended;
      }
    }
  }

  commit(): void {
    const isLonger = this.#state.journal.seq !== this.#committed.journal.seq;
    try {
      if (isLonger) this.#tables.head.write(this.#state);
      for (const task of this.#heads.changed) this.#tables.tasks.setCounts(task);
      this.#connection.refuseForeignFile();
      this.#connection.commit();
    } catch (error) {
      const failure = storageFailure(error);
      this.#leave(failure);
      throw failure ?? error;
    }
    if (isLonger) this.#connection.note(this.#state.journal);
    this.#committed = copyHead(this.#state);
    this.#heads.commit();
  }

  abandon(because: StorageFailure | null = null): void {
    this.#leave(because);
    if (this.#mustReopen) this.#reopen();
  }

  #leave(because: StorageFailure | null): void {
    this.#mustReopen ||= because?.reopen ?? false;
    this.#connection.rollBack();
    this.#state = copyHead(this.#committed);
    this.#heads.undoTo(0);
    this.#undoings++;
    this.#appended = [];
  }

  #reopen(): void {
    this.#connection.reopen();
    this.#heads = loadHeads(this.#connection.tables);
    this.#mustReopen = false;
    this.#subjects = this.#readSubjects();
    this.#state = this.#tables.head.read();
    this.#committed = copyHead(this.#state);
  }

  close(): void {
    this.#connection.close();
  }

  failureIn(error: unknown): StorageFailure | null {
    return this.#connection.failureIn(error);
  }

  check(): StorageFailure | null {
    return this.#unsealed(this.#connection).check();
  }

  get isBackingUp(): boolean {
    return this.#connection.isBackingUp;
  }

  startBackup(path: string): Decision<Backup, "INVALID_STATE"> {
    return this.#unsealed(this.#connection).startBackup(path);
  }

  get isHeldStill(): boolean {
    return this.#connection.isHeldStill;
  }

  holdStill(): StillFile {
    return this.#unsealed(this.#connection).holdStill();
  }
}
