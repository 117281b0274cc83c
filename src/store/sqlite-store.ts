import { existsSync } from "node:fs";
import type { Effect } from "../core/effects.ts";
import type { JournalHead } from "../core/journal/journal.ts";
import { settings } from "../protocol/settings.ts";
import { applyToTables } from "./apply.ts";
import { readHeadOf } from "./files/database.ts";
import { HeadNote } from "./files/head-note.ts";
import { latestSchemaVersion } from "./schema.ts";
import type { Store } from "./store.ts";
import { Transactions } from "./transactions.ts";

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

/** The tables, as one listener to what happens. */
class SqliteStore extends Transactions implements Store {
  readonly schemaVersion = latestSchemaVersion;

  apply(effect: Effect): number {
    if (!this.tables.db.inTransaction) throw new Error(`${effect.kind} happens outside of a unit`);
    if ("entry" in effect) this.append(effect.entry, effect.kind === "beginEpoch" ? effect.seq : undefined);
    const { seq } = this.reads.head;
    applyToTables(effect, { tables: this.tables, totals: this.totals, seq });
    return seq;
  }
}
