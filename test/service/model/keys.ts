import { type Params, text } from "./views.ts";

/*
 * What the keys of the stories stand for, written out by hand: every key lists its paths among a few. Nothing here knows
 * how a key is read.
 */

const everything = ["a", "A", "a/b", "a/c", "a/c/b", "b", "ä"];

/** Each key, the spelling all its equals share, and the paths it stands for where case counts. */
const keys: Record<string, { same: string; paths: string[] }> = {
  "file:a": { same: "file:a", paths: ["a"] },
  "file:./a/": { same: "file:a", paths: ["a"] },
  "file:A": { same: "file:A", paths: ["A"] },
  "file:a/b": { same: "file:a/b", paths: ["a/b"] },
  "file:b": { same: "file:b", paths: ["b"] },
  "file:ä": { same: "file:ä", paths: ["ä"] },
  "file:a\u0308": { same: "file:ä", paths: ["ä"] },
  "dir:a": { same: "dir:a", paths: ["a", "a/b", "a/c", "a/c/b"] },
  "dir:.": { same: "dir:.", paths: everything },
  "glob:a/*": { same: "glob:a/*", paths: ["a/b", "a/c"] },
  "glob:**/b": { same: "glob:**/b", paths: ["a/b", "a/c/b", "b"] },
  "name:git": { same: "name:git", paths: ["=name:git"] },
};

export const everyKey = Object.keys(keys);

/** The scopes of the stories; in the last one case does not count. */
export const everyScope = [null, null, null, "s", "ignoring case"];

/** A key as the model compares it. */
export interface ModelKey {
  /** As it was written. */
  key: string;
  scope: string | null;
  mode: string;
  /** One spelling for equals. */
  same: string;
  paths: ReadonlySet<string>;
}

export function modelKey({ resource_key, scope = null, mode = "exclusive" }: Params): ModelKey {
  const key = text(resource_key);
  const known = keys[key] ?? { same: key, paths: [`=${key}`] };
  const fold = (its: string) => (scope === "ignoring case" && !key.startsWith("name:") ? its.toLowerCase() : its);
  const paths = new Set(known.paths.map(fold));
  return { key, scope: scope as string | null, mode: text(mode), same: fold(known.same), paths };
}

/** Keys asked for together: of equal ones the first, in the stronger mode. */
export function distinct(asked: readonly ModelKey[]): ModelKey[] {
  const kept: ModelKey[] = [];
  for (const one of asked) {
    const index = kept.findIndex((other) => isSame(one, other));
    const first = kept[index];
    if (first === undefined) kept.push(one);
    else kept[index] = { ...first, mode: stronger(first.mode, one.mode) };
  }
  return kept;
}

export const isSame = (a: ModelKey, b: ModelKey) => a.scope === b.scope && a.same === b.same;
export const stronger = (a: string, b: string) => (a === "exclusive" ? a : b);

export function collide(a: ModelKey, b: ModelKey): boolean {
  if (a.scope !== b.scope || (a.mode === "shared" && b.mode === "shared")) return false;
  return [...a.paths].some((path) => b.paths.has(path));
}

/** What the journal says of a key: only what is not the default. */
export const keyPayload = ({ key, scope }: ModelKey) => ({ resource_key: key, ...(scope !== null && { scope }) });

export const lockPayload = (key: ModelKey) => ({
  ...keyPayload(key),
  ...(key.mode === "shared" && { mode: "shared" }),
  ...(key.scope === "ignoring case" && { ignore_case: true }),
});
