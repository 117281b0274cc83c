import { directoriesOver, foldedPath } from "../../protocol/path-spelling.ts";
import type { PatchBundle } from "./bundle.ts";
import type { FileChange } from "./file-change.ts";

/** A path that a bundle touches. */
export interface Touch {
  path: string;
  /** Null where the bundle's changes are not known. */
  change: FileChange | null;
  /** No file was there before. */
  arrives: boolean;
  /** No file is there afterwards. */
  goes: boolean;
}

/** What a bundle touches: a rename both of its paths, a copy the new one. */
export function touchesOf({ changes, touchedPaths }: PatchBundle): Touch[] {
  if (changes === null) return touchedPaths.map((path) => ({ path, change: null, arrives: true, goes: true }));
  return changes.flatMap((change) => {
    const { kind, path, oldPath } = change;
    const arrives = kind === "added" || kind === "renamed" || kind === "copied";
    const here: Touch = { path, change, arrives, goes: kind === "deleted" };
    if (kind !== "renamed" || oldPath === null) return [here];
    return [here, { path: oldPath, change, arrives: false, goes: true }];
  });
}

/** How a path stands to another: it is the same, the same but for its spelling, or one is a directory of the other. */
export type PathRelation = "same" | "case" | "directory";

/** A path, and what somebody has there. */
export interface At<Item> {
  path: string;
  item: Item;
}

/**
 * Finds what is at a path, above or below it. Names that differ in case or in the composition of their characters count as
 * one: many file systems keep only one of them.
 */
export class PathIndex<Item> {
  readonly #at = new Map<string, At<Item>[]>();
  readonly #below = new Map<string, At<Item>[]>();

  add(path: string, item: Item): void {
    const name = foldedPath(path);
    push(this.#at, name, { path, item });
    for (const directory of directoriesOver(name)) push(this.#below, directory, { path, item });
  }

  /** Lists of what a path meets; they are not to be changed. */
  meeting(path: string): (readonly At<Item>[])[] {
    const name = foldedPath(path);
    const lists = [this.#at.get(name), this.#below.get(name)];
    for (const directory of directoriesOver(name)) lists.push(this.#at.get(directory));
    return lists.filter((list) => list !== undefined);
  }
}

/** How two paths stand to each other that meet. */
export function relatePaths(one: string, other: string): PathRelation {
  if (one === other) return "same";
  return one.split("/").length === other.split("/").length ? "case" : "directory";
}

function push<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
