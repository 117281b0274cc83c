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
export function plant({ name, edits }: Pick<Mutant, "name" | "edits">, directory: string): void {
  for (const part of parts) cpSync(join(root, part), join(directory, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  for (const { file, find, put } of edits) {
    const path = join(directory, file);
    const [before, after, ...more] = readFileSync(path, "utf8").split(find);
    if (before === undefined || after === undefined || more.length > 0)
      throw new Disproved(`the mutant "${name}" is out of date: what it changes stands not exactly once in ${file}`);
    writeFileSync(path, before + put + after);
  }
}
