import type { PatchBundle } from "../../src/core/bundles/bundle.ts";
import { compareBundles, type Comparison, type Target } from "../../src/core/bundles/compare.ts";
import { isRefusal } from "../../src/core/decision.ts";
import { parseDiff, touchedPaths } from "../../src/core/bundles/diff.ts";

/** A bundle that does nothing, but for what a test says. */
export function patchBundle(said: Partial<PatchBundle>): PatchBundle {
  return {
    bundleId: "bundle",
    submittedSeq: 1,
    provider: "codex",
    owner: "ann",
    scope: "repository",
    baseRevision: "base",
    headRevision: null,
    touchedPaths: [],
    changes: [],
    mergeDrivers: null,
    containedIds: [],
    assumptions: [],
    confidence: "medium",
    verification: [],
    ...said,
  };
}

/** The comparison, without a pause. */
export function compared(bundles: Iterable<PatchBundle>, target: Target | null = null): Comparison {
  const work = compareBundles(bundles, target);
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** One change as a test writes it: `edit a 5`, `add a`, `drop a`, `move a b`, `chmod a`. */
function fileDiff(change: string): string {
  const [how = "", path = "", detail = ""] = change.split(" ");
  const head = `diff --git a/${path} b/${path}\n`;
  switch (how) {
    case "edit":
      return `${head}index 1..2 100644\n--- a/${path}\n+++ b/${path}\n@@ -${detail} +${detail} @@\n-x\n+y\n`.replace(
        "1..2",
        "1111..2222",
      );
    case "add":
      return `${head}new file mode 100644\nindex 0000..2222\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+${detail}\n`;
    case "drop":
      return `${head}deleted file mode 100644\nindex 1111..0000\n--- a/${path}\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n`;
    case "move":
      return `diff --git a/${path} b/${detail}\nsimilarity index 100%\nrename from ${path}\nrename to ${detail}\n`;
    default:
      return `${head}old mode 100644\nnew mode 100755\n`;
  }
}

export const passed = [{ command: "npm test", exitCode: 0, timedOut: false }];
export const failed = [{ command: "npm test", exitCode: 1, timedOut: false }];

/** A verified bundle that makes some changes. */
export function doing(bundleId: string, changes: readonly string[], said: Partial<PatchBundle> = {}): PatchBundle {
  const parsed = parseDiff(changes.map(fileDiff).join(""), { exact: true });
  if (isRefusal(parsed)) throw new Error(parsed.message);
  return patchBundle({ bundleId, changes: parsed, touchedPaths: touchedPaths(parsed), verification: passed, ...said });
}

/** A verified bundle of which only the paths are known. */
export const touching = (bundleId: string, paths: string[], said: Partial<PatchBundle> = {}) =>
  patchBundle({ bundleId, changes: null, touchedPaths: paths, verification: passed, ...said });
