import { type Decision, isRefusal, refuse, type Unusable } from "../decision.ts";
import { parseFileDiff } from "./diff-file.ts";
import type { FileChange } from "./file-change.ts";
import { limits } from "../../protocol/limits.ts";
import { checkRepositoryPath } from "../paths/repository-path.ts";

const { diffBytesMax, diffLinesMax, diffFilesMax } = limits;

/**
 * Reads a diff as `git diff` prints it, with its usual prefixes `a/` and `b/`, and strictly: what git would not print is
 * refused, and what no bundle may do: a combined diff, an unsafe path, a symbolic link, a submodule.
 *
 * `exact` says that it was printed with `--histogram --no-indent-heuristic` and no option that ignores white space. That is
 * how git's merge (merge-ort) compares, so that the lines that meet in a merge are known. Of any other diff they are
 * guessed with caution: the same change can be told in several ways, and the file itself is not here.
 */
export function parseDiff(text: string, { exact }: { exact: boolean }): Decision<FileChange[], Unusable> {
  const bytes = text.length > diffBytesMax ? text.length : new TextEncoder().encode(text).length;
  if (bytes > diffBytesMax) return tooMuch("bytes", diffBytesMax, bytes);
  const lines = text.split("\n").length - 1;
  if (lines > diffLinesMax) return tooMuch("lines", diffLinesMax, lines);
  if (text === "") return malformed(null, "it is empty");
  if (/(?:^|\n)diff --(?:cc|combined) /.test(text))
    return malformed(null, "it is a combined diff, as of a merge; print it against the base revision only");
  // No line of a hunk, nor of binary data, begins with this: whatever does begins a file.
  const [before, ...sections] = `\n${text}${text.endsWith("\n") ? "" : "\n"}`.split("\ndiff --git ");
  if (before !== "") return malformed(null, 'it must begin with "diff --git", as git prints it');
  if (sections.length > diffFilesMax) return tooMuch("files", diffFilesMax, sections.length);

  const changes: FileChange[] = [];
  for (const [i, section] of sections.entries()) {
    const change = parseFileDiff(i === sections.length - 1 ? section : `${section}\n`, exact);
    if ("fault" in change) return malformed(change.path, change.fault);
    for (const path of [change.oldPath ?? change.path, change.path]) {
      const checked = checkRepositoryPath(path);
      if (isRefusal(checked)) return checked;
    }
    changes.push(change);
  }
  const twice = statedTwice(changes);
  return twice === null ? changes : malformed(twice, "the diff mentions it twice");
}

/**
 * The paths a patch touches, in order: those whose file is another afterwards, or gone. What a copy was made from is not
 * among them.
 */
export function touchedPaths(changes: readonly FileChange[]): string[] {
  const paths = changes.flatMap(({ kind, path, oldPath }) =>
    kind === "renamed" && oldPath !== null ? [oldPath, path] : [path],
  );
  return [...new Set(paths)].toSorted();
}

/** Git names each new file once, and each old one that goes. */
function statedTwice(changes: readonly FileChange[]): string | null {
  const gone = new Set<string>();
  const there = new Set<string>();
  for (const { kind, path, oldPath } of changes) {
    const goes = kind === "deleted" ? path : kind === "renamed" ? oldPath : null;
    if (goes !== null && gone.has(goes)) return goes;
    if (goes !== null) gone.add(goes);
    if (kind === "deleted") continue;
    if (there.has(path)) return path;
    there.add(path);
  }
  return null;
}

function malformed(path: string | null, why: string) {
  if (path === null) return refuse("INVALID_PARAMS", `the diff cannot be used: ${why}`);
  return refuse("INVALID_PARAMS", `the diff cannot be used: at ${JSON.stringify(path)}, ${why}`, { path });
}

function tooMuch(what: "bytes" | "lines" | "files", max: number, got: number) {
  const advice = what === "files" ? "split it into several bundles" : "submit it by its head revision";
  const message = `the diff cannot be used: it has ${got} ${what} and the limit is ${max}; ${advice}`;
  return refuse("LIMIT_EXCEEDED", message, { limit: `diff_${what}_max`, max, got });
}
