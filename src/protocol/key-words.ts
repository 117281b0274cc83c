/* How what is locked is written, by people and on the wire. */

/** What a key's paths may be. */
export const pathKinds = ["file", "dir", "glob"] as const;
export type PathKind = (typeof pathKinds)[number];

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
