/** What a patch does to one file. */
export interface FileChange {
  /** From the root of the repository; of a deleted file, the path it had. */
  path: string;
  /** What it was renamed or copied from; null for all else. */
  oldPath: string | null;
  /** `mode` where nothing but the mode changes. */
  kind: "added" | "deleted" | "modified" | "renamed" | "copied" | "mode";
  /** Git shows no lines of it; `hunks` is empty then. */
  binary: boolean;
  /** Null where there is no such file, and where the diff does not say: a mere rename. */
  oldMode: FileMode | null;
  newMode: FileMode | null;
  /** Whole object ids, where the diff has them (`--full-index`, `--binary`); null otherwise. */
  oldBlob: string | null;
  newBlob: string | null;
  hunks: readonly Hunk[];
  /** In order, none reaching into the next. */
  spans: readonly Span[];
  /** Whether the spans are those a merge will find. */
  exact: boolean;
}

export type FileMode = "100644" | "100755";

/** A run of lines with their context, as the diff shows it. Line numbers begin with 1. */
export interface Hunk {
  /** The first line it shows; where it shows none, the line that comes after it. */
  oldStart: number;
  oldLines: number;
  newStart: number;
  newLines: number;
  edits: readonly Edit[];
}

/** Lines that are replaced, without context. */
export interface Edit {
  /** The first old line that goes; where none does, the one the new lines come before. */
  start: number;
  removed: number;
  /** The new lines with their ends; the last has none where the file ends without newline. */
  added: string;
}

/** Old lines, `from <= line < to`, that a merge takes for changed by these edits. `to` may be Infinity. */
export interface Span {
  from: number;
  to: number;
  edits: readonly Edit[];
}

/** What the changes of a diff of so many characters take in memory, at the most: all of them keep its text. */
export function changesBytes(changes: readonly FileChange[], diffChars: number): number {
  const objects = changes.map(({ hunks, spans }) => {
    const edits = hunks.reduce((sum, hunk) => sum + hunk.edits.length, 0);
    return 1_000 + 200 * hunks.length + 200 * edits + 150 * spans.length;
  });
  return objects.reduce((sum, bytes) => sum + bytes, 2 * diffChars);
}
