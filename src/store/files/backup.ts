import type { Database } from "bun:sqlite";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { type Decision, refuse } from "../../core/decision.ts";
import { errorCode } from "./database.ts";
import { moveDurably } from "./files.ts";
import { holdStill, type StillFile } from "./still-file.ts";
import { type Backup, StorageFailure } from "../store.ts";

/** What one step copies and syncs: a few milliseconds, after which other clients get their turn. */
const stepBytes = 4 << 20;

/**
 * Copies the database file step by step while writing goes on. The log is folded in first and kept from being folded
 * again until the copy is done: until then no write touches the file, and it stays the state of that one moment.
 *
 * `source` is a descriptor of the file that outlives the copy: closing one would drop SQLite's locks on the file.
 */
export function startBackup(db: Database, source: number, path: string): Decision<Backup, "INVALID_STATE"> {
  if (existsSync(path)) return refuse("INVALID_STATE", `${path} exists already; name a new file`, { path });
  if (!isWritable(dirname(path))) {
    const why = `nothing can be written to ${dirname(path)}; name a file in a directory that can be written`;
    return refuse("INVALID_STATE", why, { path });
  }
  const unfinished = `${path}.unfinished`;
  const target = attempt(() => createAnew(unfinished));
  const still = held(db, target, unfinished);
  const bytes = fstatSync(source).size;
  const buffer = new Uint8Array(stepBytes);
  let copied = 0;
  let active = true;

  /** Ends the copy; what it wrote stays only under its final name. */
  const finish = (name: string | null) => {
    active = false;
    closeSync(target);
    still.release();
    if (name === null) rmSync(unfinished, { force: true });
    else moveDurably(unfinished, name);
  };

  return {
    bytes,
    get active() {
      return active;
    },
    step: () =>
      attempt(() => {
        if (!active) throw new Error("it was given up when the database had to be reopened");
        const length = readSync(source, buffer, 0, Math.min(stepBytes, bytes - copied), copied);
        copied += writeSync(target, buffer, 0, length);
        fdatasyncSync(target);
        if (copied < bytes) return false;
        if (existsSync(path)) throw new Error(`${path} exists by now`);
        finish(path);
        return true;
      }),
    cancel() {
      if (active) finish(null);
    },
  };
}

/** Holds the database's file still, or leaves nothing. */
function held(db: Database, target: number, unfinished: string): StillFile {
  try {
    return holdStill(db);
  } catch (error) {
    closeSync(target);
    rmSync(unfinished, { force: true });
    throw error;
  }
}

/** Whether files can be made in this directory; not in what is none, or is not there. */
function isWritable(directory: string): boolean {
  try {
    accessSync(`${directory}/.`, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Makes the file itself: what stands there, a link to somewhere else perhaps, is not written through. */
function createAnew(path: string): number {
  rmSync(path, { force: true });
  return openSync(path, "wx", 0o600);
}

/** The copy's own troubles say nothing about the database: it is served as before. */
function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const kind = errorCode(error) === "ENOSPC" ? "STORAGE_FULL" : "STORAGE_FAILED";
    const why = error instanceof Error ? error.message : String(error);
    throw new StorageFailure(kind, `the copy cannot be written: ${why}`, { reopen: false });
  }
}
