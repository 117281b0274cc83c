import { prefixUnder } from "./overlap.ts";
import type { ResourceKey } from "./resource-key.ts";

/** Terms under which locks may be found: each of `exact`, and those in the ranges, `from <= term AND term < to`. */
export interface SearchTerms {
  exact: readonly string[];
  ranges: readonly { from: string; to: string }[];
}

/**
 * Under which terms a held lock stands. Paths begin with `/`, opaque keys with `=`. Whether a lock that is
 * found does overlap is for `overlaps` to say; one that is not found does not.
 */
export function indexTerms(key: ResourceKey): string[] {
  if (key.kind === "opaque") return [opaqueTerm(key.normal)];
  return [...new Set(key.alternatives.map(({ path }) => pathTerm(path)))];
}

/** Where to look for the locks a wish overlaps with: on the way from the root to its paths, and under those. */
export function searchTerms(key: ResourceKey): SearchTerms {
  if (key.kind === "opaque") return { exact: [opaqueTerm(key.normal)], ranges: [] };
  const exact = new Set<string>();
  const ranges = new Map<string, { from: string; to: string }>();
  for (const { path, deep } of key.alternatives) {
    for (const at of [path, ...directoriesOver(path)]) exact.add(pathTerm(at));
    if (deep) ranges.set(path, rangeUnder(path));
  }
  return { exact: [...exact], ranges: [...ranges.values()] };
}

const opaqueTerm = (key: string) => `=${key}`;
const pathTerm = (path: string) => `/${path}`;

/** The scope's root, the root of absolute paths where it is one, and every directory between. */
function directoriesOver(path: string): string[] {
  const directories = [""];
  if (path.startsWith("/")) directories.push("/");
  for (let slash = path.indexOf("/", 1); slash !== -1; slash = path.indexOf("/", slash + 1))
    directories.push(path.slice(0, slash));
  return directories;
}

/** `0` comes right after `/`, in UTF-8 as in UTF-16. */
function rangeUnder(directory: string): { from: string; to: string } {
  const from = pathTerm(prefixUnder(directory));
  return { from, to: `${from.slice(0, -1)}0` };
}
