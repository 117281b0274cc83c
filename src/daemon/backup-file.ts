import { closeSync, openSync, readSync, statSync } from "node:fs";
import type { JournalHead } from "../core/journal/journal.ts";
import type { BackupReport } from "../protocol/offline.ts";
import { verifyStore } from "../service/verification/verify.ts";
import { pageFaults } from "../store/files/page-faults.ts";
import { openBackup } from "../store/sqlite-store.ts";
import { StorageFailure } from "../store/store.ts";

/** A file that cannot be checked or restored; the message tells a person what stands in the way and what to do. */
export class NoBackup extends Error {}

/** A backup that is not as its journal says, or whose pages are damaged. */
export class DamagedBackup extends Error {}

/**
 * Verifies a copy of a database as the daemon verifies its own, and leaves it as it is. `database` is the one that is
 * in use here, which is no copy.
 * @throws {NoBackup | DamagedBackup} where it cannot even be opened
 */
export function verifyBackup(file: string, database: string, kept: JournalHead | null): BackupReport {
  refuseUnusable(file, database);
  const faults = pageFaults(file);
  const store = opened(file, faults);
  try {
    if (store.reads.pruning.isUnderWay() && store.reads.pruning.current()?.stage !== "pages") {
      throw new NoBackup(
        `${file} was copied while old rows were leaving, so half of them are there; start a daemon on it, and verify it there`,
      );
    }
    return { file, ...verifyStore(store, faults, Date.now(), kept) };
  } finally {
    store.close();
  }
}

/** What is no database that somebody has put aside. @throws {NoBackup} */
export function refuseUnusable(file: string, database: string): void {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) throw new NoBackup(`there is no file ${file}; name a backup`);
  if (!stat.isFile()) throw new NoBackup(`${file} is not a regular file; name a backup`);
  if (!isDatabase(file)) throw new NoBackup(`${file} is not a database; \`agentd backup FILE\` makes one`);
  const own = statSync(database, { throwIfNoEntry: false });
  if (own?.ino === stat.ino && own.dev === stat.dev) {
    throw new NoBackup(
      `${file} is the database this home uses, not a copy of it; \`agentd verify\` without a file checks it, and \`agentd backup FILE\` copies it`,
    );
  }
  if ((statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    throw new NoBackup(
      `${file} has a log beside it, ${file}-wal: a daemon has it open, or ended before it folded the log in; start a daemon on it and make a backup with \`agentd backup FILE\``,
    );
  }
}

const signature = "SQLite format 3\0";

export function isDatabase(file: string): boolean {
  const fd = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(signature.length);
    readSync(fd, bytes, 0, bytes.length, 0);
    return bytes.toString("latin1") === signature;
  } finally {
    closeSync(fd);
  }
}

function opened(file: string, faults: readonly string[]) {
  try {
    return openBackup(file);
  } catch (error) {
    if (faults[0] !== undefined) throw new DamagedBackup(`${file} is damaged: ${faults[0]}; look for another backup`);
    if (error instanceof StorageFailure) throw new NoBackup(error.message);
    throw error;
  }
}
