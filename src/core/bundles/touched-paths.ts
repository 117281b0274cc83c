import { type Decision, isRefusal, refuse, type Unusable } from "../decision.ts";
import { touchedPaths } from "./diff.ts";
import type { FileChange } from "./file-change.ts";
import { limits } from "../../protocol/limits.ts";
import { checkRepositoryPath } from "../paths/repository-path.ts";

/**
 * Checks the paths a bundle says it touches, against its changes where these are known: in order, without repetition.
 * Unusable are none, an unsafe path, and one the changes have and it does not say, or the other way round.
 */
export function checkTouchedPaths(
  stated: readonly string[],
  changes: readonly FileChange[] | null,
): Decision<string[], Unusable> {
  const pathsMax = limits.bundlePathsMax;
  if (stated.length > pathsMax) {
    const message = `the bundle touches ${stated.length} paths and the limit is ${pathsMax}; split it into several`;
    return refuse("LIMIT_EXCEEDED", message, { limit: "touched_paths_max", max: pathsMax, got: stated.length });
  }
  if (stated.length === 0) return refuse("INVALID_PARAMS", "the bundle touches no path, so there is nothing to merge");
  for (const path of stated) {
    const checked = checkRepositoryPath(path);
    if (isRefusal(checked)) return checked;
  }
  const paths = [...new Set(stated)].toSorted();
  const directories = directoryCount(paths);
  if (directories > limits.bundleDirectoriesMax) {
    const max = limits.bundleDirectoriesMax;
    const message = `the paths of the bundle lie in ${directories} directories and the limit is ${max}; split it into several`;
    return refuse("LIMIT_EXCEEDED", message, { limit: "bundle_directories_max", max, got: directories });
  }
  if (changes === null) return paths;
  const changed = touchedPaths(changes);
  const said = new Set(paths);
  const unsaid = changed.find((path) => !said.has(path));
  if (unsaid !== undefined) return disagreeing(unsaid, "the diff changes it, but touched_paths does not list it");
  const touched = new Set(changed);
  const unchanged = paths.find((path) => !touched.has(path));
  if (unchanged !== undefined) return disagreeing(unchanged, "touched_paths lists it, but the diff does not change it");
  return paths;
}

/** How many directories there are above sorted paths: of each, those that the one before it does not share. */
function directoryCount(paths: readonly string[]): number {
  let count = 0;
  let above: string[] = [];
  for (const path of paths) {
    const names = path.split("/").slice(0, -1);
    const shared = names.findIndex((name, depth) => name !== above[depth]);
    count += shared === -1 ? 0 : names.length - shared;
    above = names;
  }
  return count;
}

function disagreeing(path: string, why: string) {
  return refuse("INVALID_PARAMS", `path ${JSON.stringify(path)} cannot be used: ${why}; name what the diff names`, {
    path,
  });
}
