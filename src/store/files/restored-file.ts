import { existsSync, renameSync, statSync } from "node:fs";
import type { databaseFiles } from "../../protocol/home.ts";
import { moveDurably } from "./files.ts";

/** Where a backup waits, whole and verified, to take the place of a database. */
export const restoredName = (database: string): string => `${database}.restored`;

/**
 * Puts what waits there in the database's place, and keeps what was there under a name of its own, which is returned; null
 * where nothing was, undefined where nothing waits. What a crash left half done is finished by the next call.
 */
export function putInPlace(database: string): string | null | undefined {
  const restored = restoredName(database);
  const waiting = statSync(restored, { throwIfNoEntry: false });
  if (waiting === undefined) return undefined;
  const aside = nameAside(database, waiting.mtime);
  // The log belongs to what is replaced, and goes first: beside another file it would be folded into that.
  for (const part of ["-wal", "-journal", ""] satisfies (keyof typeof databaseFiles)[]) {
    if (existsSync(`${database}${part}`)) renameSync(`${database}${part}`, `${aside}${part}`);
  }
  moveDurably(restored, database);
  return existsSync(aside) ? aside : null;
}

/** A name that nothing has, and the same one before a crash in the middle and after it. */
function nameAside(database: string, moment: Date): string {
  const first = `${database}.replaced-${moment.toISOString().replaceAll(/[-:]/g, "")}`;
  let name = first;
  // Where both are there, the name is an earlier one's: this one's would have moved what was in the database's place.
  for (let n = 2; existsSync(name) && existsSync(database); n++) name = `${first}.${n}`;
  return name;
}
