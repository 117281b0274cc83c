import { chmodSync, copyFileSync, rmSync } from "node:fs";
import type { JournalHead } from "../core/journal/journal.ts";
import type { Restored } from "../protocol/offline.ts";
import { databaseFiles, type Whereabouts } from "../protocol/home.ts";
import { beginEpoch } from "../service/journal/epoch.ts";
import { verifyStore } from "../service/verification/verify.ts";
import { moveDurably } from "../store/files/files.ts";
import { HeadNote } from "../store/files/head-note.ts";
import { pageFaults } from "../store/files/page-faults.ts";
import { putInPlace, restoredName } from "../store/files/restored-file.ts";
import { lastHeadOf, openStore } from "../store/sqlite-store.ts";
import { DamagedBackup, NoBackup, refuseUnusable } from "./backup-file.ts";
import { readConfiguration } from "./configuration.ts";
import { prepareHome } from "./home.ts";
import { claimHome } from "./instance.ts";

/**
 * Puts a backup in the database's place, for a daemon that is down. The backup is verified first; what was there is kept
 * aside; and the journal goes on above every seq that the lost future can have had.
 *
 * @throws {StartRefused} where a daemon runs, or the home cannot be used; {NoBackup | DamagedBackup | StorageFailure}
 */
export async function restore(at: Whereabouts, file: string): Promise<Restored> {
  const { paths, settings } = await readConfiguration(process.env, at);
  process.umask(0o077);
  prepareHome(paths);
  const instance = await claimHome(paths);
  try {
    const { database } = paths;
    // An earlier one may have been interrupted.
    putInPlace(database);
    refuseUnusable(file, database);
    const faults = pageFaults(file);
    if (faults.length > 0) throw new DamagedBackup(`${file} is damaged: ${faults[0]}; nothing was changed`);
    const copy = `${database}.restoring`;
    removeAll(copy);
    try {
      copyFileSync(file, copy);
      // The copy takes the backup's mode with it, which may be read-only, or open to others.
      chmodSync(copy, 0o600);
      const lost = lastHeadOf(database);
      const { head, ...prepared } = prepare(copy, file, lost, settings.nodeTimeoutSecs * 1000);
      moveDurably(copy, restoredName(database));
      const replaced = putInPlace(database) ?? null;
      note(database, head);
      return { file, database, ...prepared, seq: head.seq, lost_seq: lost?.seq ?? null, replaced };
    } finally {
      removeAll(copy);
    }
  } finally {
    instance.release();
  }
}

/** Brings a copy to the newest schema, verifies it, and begins its epoch. */
function prepare(copy: string, file: string, lost: JournalHead | null, leaseTtlMs: number) {
  const store = openStore(copy, Date.now, leaseTtlMs);
  try {
    const nowMs = Date.now();
    const report = verifyStore(store, [], nowMs);
    if (report.first_difference !== null) {
      throw new DamagedBackup(`${file} was altered: ${report.first_difference.message}; nothing was changed`);
    }
    const from = store.reads.head;
    const newest = store.reads.journal.at(from.seq)?.timestampMs ?? 0;
    if (newest > nowMs + dayMs) {
      const [clock, row] = [new Date(nowMs).toISOString(), new Date(newest).toISOString()];
      throw new NoBackup(`the clock says ${clock}, and the newest row of ${file} is of ${row}; set the clock first`);
    }
    beginEpoch(store, lost, "agentd restore", nowMs);
    return { rows: report.rows, from_seq: from.seq, head: store.reads.head };
  } finally {
    store.close();
  }
}

const dayMs = 86_400_000;

/** From now on this is the newest that was here. */
function note(database: string, head: JournalHead): void {
  const its = new HeadNote(database);
  its.write(head);
  its.close();
}

function removeAll(copy: string): void {
  for (const part of Object.keys(databaseFiles)) rmSync(`${copy}${part}`, { force: true });
}
