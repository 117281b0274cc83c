import type { LockMode } from "../../protocol/types.ts";
import { pathsMeet } from "../paths/path-pattern.ts";
import type { WorkBudget } from "../work-budget.ts";
import type { Alternative, ResourceKey } from "./resource-key.ts";

/**
 * Whether two keys of one scope stand for something in common, and what it cost to find out. Exact, but where case is
 * ignored for two names of many wildcards (`searchStepsMax`): then true.
 */
export function overlaps(a: ResourceKey, b: ResourceKey, budget: WorkBudget): boolean {
  budget.spend(keySteps);
  if (a.normal === b.normal) return true;
  if (a.kind === "opaque" || b.kind === "opaque") return false;
  const isDecided = a.kind !== "glob" && b.kind !== "glob";
  for (const one of a.alternatives) {
    budget.spend(alternativeSteps * b.alternatives.length);
    for (const other of b.alternatives)
      if (meet(one, other) && (isDecided || pathsMeet(one.pattern(), other.pattern(), budget))) return true;
  }
  return false;
}

/** What it costs to compare two keys, and two of their alternatives, beside their patterns; in steps. */
const keySteps = 10;
const alternativeSteps = 5;

/** Whether two may hold what overlaps. */
export function compatible(a: LockMode, b: LockMode): boolean {
  return a === "shared" && b === "shared";
}

/** What every path under a directory begins with. */
export function prefixUnder(directory: string): string {
  return directory === "" || directory === "/" ? directory : `${directory}/`;
}

function meet(a: Alternative, b: Alternative): boolean {
  const reaches = (from: Alternative, to: Alternative) => from.deep && to.path.startsWith(prefixUnder(from.path));
  if (!a.ending.endsWith(b.ending) && !b.ending.endsWith(a.ending)) return false;
  return a.path === b.path || reaches(a, b) || reaches(b, a);
}
