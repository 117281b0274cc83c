/* How what is locked is written, by people and on the wire. */

/** What a key's paths may be. */
const pathKinds = ["file", "dir", "glob"] as const;
export type PathKind = (typeof pathKinds)[number];

/** A word for what is locked, and the directory it is read from. */
export interface PlacedWord {
  written: string;
  cwd: string;
}

/** What a word stands for, as the daemon knows it. */
export interface ResolvedKey {
  /** `file:`, `dir:` and `glob:` from the top of a work tree, or absolute; `name:` as written. */
  resource_key: string;
  /** The repository's; null is the global scope. */
  scope: string | null;
  /** The top of the work tree it was found in. */
  top: string | null;
  /** Why a lock on it would keep nobody out; null when it would. */
  guardsNothing: string | null;
}

/** That, or why it stands for nothing; `late` where that was not found out in time. */
export type Placement = ResolvedKey | { fault: string; late: boolean };

/** What words stand for, each by `nameOfWord`. */
export type Placements = ReadonlyMap<string, Placement>;

export const nameOfWord = ({ written, cwd }: PlacedWord) => `${cwd}\0${written}`;

/** A word for what is locked: a name, a path of a kind, or a path alone, whose kind the file system tells. */
export type KeyWord = { kind: "name" } | { kind: PathKind | "path"; path: string };

/** What a word is, or why it stands for nothing. */
export function readKeyWord(written: string): KeyWord | { fault: string } {
  if (written === "") return { fault: "it is empty" };
  if (written.includes("\0")) return { fault: "it holds a NUL character, which no path can; leave it out" };
  // A colon behind a slash is one in a path.
  const colon = /^[^/:]*:/.exec(written)?.[0].length ?? 0;
  if (colon === 0) return { kind: "path", path: written };
  const kind = written.slice(0, colon - 1);
  const rest = written.slice(colon);
  if (kind === "name" || isPathKind(kind)) {
    if (rest === "") return { fault: `nothing follows ${written}` };
    return kind === "name" ? { kind } : { kind, path: rest };
  }
  return { fault: meantBy(written, kind.trim().toLowerCase(), rest) };
}

/** Why a key without a path's kind, and that is no marked name, would guard nothing; null where it is one of the two. */
export function unmarkedFault(written: string): string | null {
  const word = readKeyWord(written);
  if ("fault" in word) return word.fault;
  if (word.kind !== "path") return null;
  return `it names neither a path nor a name; write file:${written} for the path, name:${written} for a name`;
}

function meantBy(written: string, kind: string, rest: string): string {
  if (kind === "name" || isPathKind(kind)) return `its kind is written in lower case: ${kind}:${rest.trimStart()}`;
  return `it begins with none of file:, dir:, glob: and name:; write name:${written} for a name, file:${written} for a file`;
}

function isPathKind(kind: string): kind is PathKind {
  return (pathKinds as readonly string[]).includes(kind);
}

/** A pattern under a directory, whose own name is meant as it is. */
export function globUnder(directory: string, pattern: string): string {
  const literal = directory.replaceAll(/[*?[\]{}\\]/g, "\\$&");
  return literal === "" ? pattern : `${literal === "/" ? "" : literal}/${pattern}`;
}

/** The same key by absolute path, from the top of its scope's work tree; null where it is of no path. */
export function absoluteKey(key: string, top: string): string | null {
  const [, kind, path = ""] = /^(file|dir|glob):(.+)$/s.exec(key) ?? [];
  if (kind === undefined || path.startsWith("/")) return null;
  return kind === "glob" ? `glob:${globUnder(top, path)}` : `${kind}:${top === "/" ? "" : top}/${path}`;
}

/** What was written stands for nothing that could be locked; the message says why, and what may have been meant. */
export class Unresolvable extends Error {}
