import { type Decision, refuse, type Unusable } from "../decision.ts";
import { limits } from "../../protocol/limits.ts";

/**
 * Checks a path from a repository's root, as a patch names it: one that every platform's git would put inside the work
 * tree, and not into `.git`.
 */
export function checkRepositoryPath(path: string): Decision<string, Unusable> {
  const { pathCharsMax, pathDepthMax } = limits;
  if (path.length > pathCharsMax) {
    const shown = JSON.stringify(`${path.slice(0, 80)}…`);
    const message = `path ${shown} cannot be used: it has ${path.length} characters and the limit is ${pathCharsMax}`;
    return refuse("LIMIT_EXCEEDED", message, { limit: "path_chars_max", max: pathCharsMax, got: path.length });
  }
  const depth = path.split("/").length;
  if (depth > pathDepthMax) {
    const message = `path ${JSON.stringify(`${path.slice(0, 80)}…`)} cannot be used: it has ${depth} segments and the limit is ${pathDepthMax}`;
    return refuse("LIMIT_EXCEEDED", message, { limit: "path_depth_max", max: pathDepthMax, got: depth });
  }
  const fault = faultOf(path);
  if (fault === null) return path;
  const message = `path ${JSON.stringify(path)} cannot be used: ${fault}`;
  return refuse("INVALID_PARAMS", message, { path });
}

function faultOf(path: string): string | null {
  if (path === "") return "it is empty";
  if (path.includes("\0")) return "it contains a NUL character, which a path cannot have";
  if (!path.isWellFormed() || path.includes("\ufffd")) return "it is not readable as UTF-8; rename the file";
  if (/^[/\\]|^[a-z]:[/\\]/i.test(path)) return "it is absolute; name it from the root of the repository";
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") return "it is not in its shortest form; leave out empty segments and `.`";
  }
  // To git on Windows a backslash parts directories, too.
  for (const segment of path.split(/[/\\]/)) {
    if (segment === "..") return "`..` may lead out of the repository; name the path from its root";
    if (isDotGit(segment)) return "git keeps its own files there, in this or another spelling of `.git`";
  }
  return null;
}

/**
 * Whether some file system takes a name for `.git`: without regard to case, with code points HFS+ ignores, with NTFS's
 * short name, its streams (`.git::$INDEX_ALLOCATION`) or the dots and spaces it drops at the end. After git's
 * `is_hfs_dotgit` and `is_ntfs_dotgit`, the two together.
 */
function isDotGit(name: string): boolean {
  const seen = name
    .replaceAll(ignoredByHfs, "")
    .replace(/:.*$/s, "")
    .replace(/[. ]+$/, "");
  return /^(?:\.git|git~\d+)$/i.test(seen);
}

const ignoredByHfs = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;
