import type { VerificationRun } from "../verification.ts";

/** What becomes of a bundle in a merge; what is `left` stays open. */
export type Fate = "accepted" | "rejected" | "superseded" | "left";

/** What a merge came to for one bundle, and why. */
export interface Outcome {
  bundleId: string;
  fate: Fate;
  /** In words. */
  reason: string;
  /** Paths that git cannot merge. */
  conflicts: readonly string[];
  /** Bundles that were merged and are in its way. */
  against: readonly string[];
  /** Whether its author has to make it anew from where the target is now. */
  needsRebase: boolean;
  /** Its commit on the branch. */
  mergedRevision: string | null;
  /** What was run with it merged; empty where nothing was. */
  verification: readonly VerificationRun[];
}

export function outcome(bundleId: string, fate: Fate, reason: string, more: Partial<Outcome> = {}): Outcome {
  const plain = { conflicts: [], against: [], needsRebase: false, mergedRevision: null, verification: [] };
  return { bundleId, fate, reason, ...plain, ...more };
}
