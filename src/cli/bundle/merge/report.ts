import type { Result } from "../../../protocol/methods.ts";
import type { Compared } from "../comparison.ts";
import type { VerificationRun } from "../verification.ts";

type Lock = Result<"ListResourceLocks">["locks"][number];

/** What a coordinator needs to know of a merge, as programs get it. */
export interface MergeReport {
  dry_run: boolean;
  onto: { name: string; revision: string };
  /** Null where nothing was accepted, or nothing was to be written. */
  branch: string | null;
  /** The target with everything that was accepted. */
  revision: string;
  providers: { provider: string; owners: string[]; bundles: number; accepted: number }[];
  bundles: ReportedBundle[];
  overlaps: { a: string; b: string; relation: string; container: string | null; paths: string[]; path_count: number }[];
  /** What was run with all that was accepted. */
  verification: readonly VerificationRun[];
  locks: Lock[];
  /** Bundles whose authors have to make them anew from where the target is now. */
  rebases: string[];
}

export interface ReportedBundle {
  bundle_id: string;
  owner: string;
  provider: string;
  diff_summary: string;
  outcome: Fate;
  reason: string;
  conflicts: readonly string[];
  against: readonly string[];
  merged_revision: string | null;
  verification: readonly VerificationRun[];
  /** Null where it was recorded, or was not to be; else why the daemon did not. */
  not_recorded: string | null;
}

/** What a merge came to, of which the rest of the report is told. */
interface Came {
  compared: Compared;
  outcomes: readonly Outcome[];
  refused: readonly { bundleId: string; message: string }[];
}

export function reportOf(
  { compared, outcomes, refused }: Came,
  { verification, locks, ...merge }: Omit<MergeReport, "providers" | "bundles" | "overlaps" | "rebases">,
): MergeReport {
  const whole = new Map(compared.bundles.map((bundle) => [bundle.bundle_id, bundle]));
  const bundles = outcomes.flatMap((one): ReportedBundle[] => {
    const bundle = whole.get(one.bundleId);
    if (bundle === undefined) return [];
    const { owner, provider, diff_summary } = bundle;
    const { bundleId: bundle_id, fate, reason, conflicts, against, mergedRevision: merged_revision } = one;
    const not_recorded = refused.find(({ bundleId }) => bundleId === bundle_id)?.message ?? null;
    const about = { bundle_id, owner, provider, diff_summary, outcome: fate, reason, conflicts, against };
    return [{ ...about, merged_revision, verification: one.verification, not_recorded }];
  });
  return {
    ...merge,
    providers: providersOf(bundles),
    bundles,
    overlaps: compared.answer.pairs
      .filter(({ relation, container }) => relation !== "disjoint" || container !== null)
      .map(({ a, b, relation, container, paths, path_count }) => ({ a, b, relation, container, paths, path_count })),
    verification,
    locks,
    rebases: outcomes.filter(({ needsRebase }) => needsRebase).map(({ bundleId }) => bundleId),
  };
}

function providersOf(bundles: readonly ReportedBundle[]): MergeReport["providers"] {
  return [...Map.groupBy(bundles, ({ provider }) => provider)].map(([provider, own]) => ({
    provider,
    owners: [...new Set(own.map(({ owner }) => owner))],
    bundles: own.length,
    accepted: own.filter((one) => one.outcome === "accepted").length,
  }));
}

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
