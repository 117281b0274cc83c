import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Disproved } from "../proof.ts";
import type { Mutant } from "./table.ts";

const root = dirname(dirname(dirname(import.meta.dir)));

/** What the tests and proofs need; node_modules is shared. */
const parts = [
  "src",
  "scripts",
  "test",
  "package.json",
  "bun.lock",
  "bunfig.toml",
  "tsconfig.json",
  "LICENSE",
  "README.md",
];

/** A copy of the tree, with a bug planted in it. */
export function plant({ edits }: Pick<Mutant, "edits">, directory: string): void {
  for (const part of parts) cpSync(join(root, part), join(directory, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  for (const edit of edits) {
    const path = join(directory, edit.file);
    writeFileSync(path, edited(readFileSync(path, "utf8"), edit));
  }
}

/** A file's text with the bug in it. */
export function edited(text: string, { file, find, put }: Mutant["edits"][number]): string {
  const [before, after, ...more] = text.split(find);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Disproved(`a mutant is out of date: ${JSON.stringify(find)} stands not exactly once in ${file}`);
  return before + put + after;
}
