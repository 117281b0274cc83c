import type { Files } from "./git.ts";

/** Numbers that look random and are the same for the same seed (mulberry32, by Tommy Ettinger). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  }

  /** One of some things. */
  pick<T>(things: readonly T[]): T {
    const picked = things[this.below(things.length)];
    if (picked === undefined) throw new Error("there is nothing to pick from");
    return picked;
  }
}

type Tree = Map<string, { text: string; executable: boolean }>;
/** Does something to a tree, or nothing where it cannot. */
type Change = (tree: Tree, chance: Chance) => void;

/** Few enough that two changes often want the same one; some are directories of others' names, or differ in case. */
const names = ["new.ts", "lib/new.ts", "lib", "lib/deep/new.ts", "New.ts", "docs/a b.md", "docs", "moved.ts"];

/** What an editor or an agent does to the lines of a file. */
const lineChanges: ((lines: string[], at: number, chance: Chance) => string[])[] = [
  (lines, at, chance) => lines.with(at, `${lines[at]} // ${chance.below(3)}`),
  (lines, at, chance) => lines.toSpliced(at, 1 + chance.below(4), ...freshLines(chance)),
  (lines, at, chance) => lines.toSpliced(at, 0, ...freshLines(chance)),
  (lines, at, chance) => lines.toSpliced(at, 1 + chance.below(5)),
  (lines, at, chance) => lines.toSpliced(at, 0, ...lines.slice(at, at + 1 + chance.below(6))),
  (lines, at, chance) => lines.toSpliced(chance.below(lines.length), 0, ...lines.slice(at, at + 1 + chance.below(8))),
  (lines, at) => lines.toSpliced(at, 0, ""),
  (lines, at, chance) =>
    lines.map((line, i) => (i >= at && i < at + 4 + chance.below(3) && line !== "" ? `  ${line}` : line)),
  (lines, _, chance) => [...freshLines(chance), ...lines],
  (lines, _, chance) => [...lines, ...freshLines(chance)],
  (lines, at, chance) => {
    const moved = lines.slice(at, at + 1 + chance.below(12));
    const rest = lines.toSpliced(at, moved.length);
    return rest.toSpliced(chance.below(rest.length + 1), 0, ...moved);
  },
];

function freshLines(chance: Chance): string[] {
  const kinds = ["", "}", "  return null;", `const x${chance.below(4)} = ${chance.below(4)};`];
  return Array.from({ length: 1 + chance.below(4) }, () => chance.pick(kinds));
}

const editLines: Change = (tree, chance) => {
  const path = chance.pick([...tree.keys()]);
  const file = tree.get(path);
  if (file === undefined) return;
  const ended = file.text.endsWith("\n");
  const lines = (ended ? file.text.slice(0, -1) : file.text).split("\n");
  const text = chance.pick(lineChanges)(lines, chance.below(lines.length), chance).join("\n");
  tree.set(path, { ...file, text: text === "" ? "" : text + (ended ? "\n" : "") });
};

const fileChanges: Change[] = [
  (tree, chance) =>
    put(tree, chance.pick(names), { text: chance.pick(["", "1\n", "1\n2\n3\n"]), executable: chance.below(4) === 0 }),
  (tree, chance) => tree.delete(chance.pick([...tree.keys()])),
  (tree, chance) => rename(tree, chance.pick([...tree.keys()]), chance.pick(names)),
  (tree, chance) => {
    const path = chance.pick([...tree.keys()]);
    rename(tree, path, path.toUpperCase());
  },
  (tree, chance) => {
    const path = chance.pick([...tree.keys()]);
    rename(tree, path, `${path}/inside.ts`);
  },
  (tree, chance) => {
    const file = tree.get(chance.pick([...tree.keys()]));
    if (file !== undefined) put(tree, chance.pick(names), file);
  },
  (tree, chance) => replace(tree, chance, (file) => ({ ...file, executable: !file.executable })),
  (tree, chance) =>
    replace(tree, chance, (file) => ({ ...file, text: file.text.replace(/\n$|$/, (end) => (end === "" ? "\n" : "")) })),
  (tree, chance) => replace(tree, chance, (file) => ({ ...file, text: file.text.replaceAll(/\r?\n/g, "\r\n") })),
];

function replace(
  tree: Tree,
  chance: Chance,
  by: (file: { text: string; executable: boolean }) => { text: string; executable: boolean },
) {
  const path = chance.pick([...tree.keys()]);
  const file = tree.get(path);
  if (file !== undefined) tree.set(path, by(file));
}

function rename(tree: Tree, from: string, to: string): void {
  const file = tree.get(from);
  if (file === undefined || from === to) return;
  tree.delete(from);
  put(tree, to, file);
}

/** A file takes the place of a directory of its name, and of a file where its directory has to be. */
function put(tree: Tree, path: string, file: { text: string; executable: boolean }): void {
  for (const other of tree.keys()) if (other.startsWith(`${path}/`) || path.startsWith(`${other}/`)) tree.delete(other);
  tree.set(path, file);
}

/** A few changes upon a base. `fileChangesOf100` of a hundred are of whole files, the others of lines. */
export function randomlyChanged(base: Files, chance: Chance, fileChangesOf100: number): Files {
  const tree: Tree = new Map(base);
  for (let left = 1 + chance.below(3); left > 0 && tree.size > 0; left--) {
    const change = chance.below(100) < fileChangesOf100 ? chance.pick(fileChanges) : editLines;
    change(tree, chance);
  }
  return tree;
}
