import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Disproved } from "../proof.ts";

const root = dirname(dirname(dirname(import.meta.dir)));
const full = "PRAGMA synchronous = FULL";

/**
 * A copy of the sources in which one word differs: commits are not synced, folding the log in still is. It gives the
 * command that runs it.
 *
 * That is the mistake somebody might make, and the hardest one to find: the database is never damaged, only its newest
 * commits are missing. A disk that ignored every sync would prove less, as it loses everything.
 */
export function carelessCopy(directory: string): string[] {
  mkdirSync(directory);
  cpSync(join(root, "src"), join(directory, "src"), { recursive: true });
  cpSync(join(root, "package.json"), join(directory, "package.json"));
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  const path = join(directory, "src", "store", "files", "database.ts");
  const source = readFileSync(path, "utf8");
  if (!source.includes(full)) throw new Disproved(`src/store/files/database.ts does not say ${full} any more`);
  writeFileSync(path, source.replace(full, "PRAGMA synchronous = NORMAL"));
  return [process.execPath, join(directory, "src", "main.ts")];
}
