import type { Result } from "./methods.ts";

/* The results of commands that need no daemon: the command line shows what the daemon's code did. */

/** What is found in a backup, with no daemon: what VerifyJournal tells, and of which file. */
export type BackupReport = Result<"VerifyJournal"> & { file: string };

/** What became of `agentd restore`. */
export interface Restored {
  /** The backup, which is as it was. */
  file: string;
  database: string;
  /** Journal rows the backup holds. */
  rows: number;
  /** The backup's last row. */
  from_seq: number;
  /** The row with which it goes on: every later fencing token is above it, every earlier one below. */
  seq: number;
  /** The last row of the database it takes the place of, where that is known. */
  lost_seq: number | null;
  /** What it takes the place of, under the name it has now; null where there was nothing. */
  replaced: string | null;
}
