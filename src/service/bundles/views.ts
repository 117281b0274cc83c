import type { BundleRecord } from "../../core/bundles/bundle.ts";
import type { BundlePair, Meeting } from "../../core/bundles/pair.ts";
import type { BundleView, PatchBundleView } from "../../protocol/methods/bundles.ts";
import type { Result } from "../../protocol/methods.ts";
import type { BundleContent, Run } from "./contents.ts";
import { iso } from "../views.ts";

const decisions = { ACCEPTED: "accepted", REJECTED: "rejected", SUPERSEDED: "superseded" } as const;

/** A bundle in a list. */
export function bundleView(bundle: BundleRecord): BundleView {
  const { status, decision } = bundle;
  return {
    bundle_id: bundle.bundleId,
    status,
    provider: bundle.provider,
    owner: bundle.owner,
    scope: bundle.scope,
    base_revision: bundle.baseRevision,
    head_revision: bundle.headRevision,
    path_count: bundle.pathCount,
    diff_summary: bundle.diffSummary,
    confidence: bundle.confidence,
    verified: bundle.verified,
    task_id: bundle.taskId,
    node_id: bundle.nodeId,
    supersedes: bundle.supersedes,
    submitted_at: iso(bundle.submittedAtMs),
    seq: bundle.submittedSeq,
    decision:
      decision === null || status === "SUBMITTED"
        ? null
        : {
            decision: decisions[status],
            reason: decision.reason,
            decided_by: decision.decided_by,
            merged_revision: decision.merged_revision,
            alternatives: decision.alternatives,
            verification: runsOf(decision.verification ?? []),
            decided_at: iso(decision.atMs),
            seq: decision.seq,
          },
  };
}

/** A bundle with all it carries. */
export function patchBundleView(bundle: BundleRecord, content: BundleContent): PatchBundleView {
  const { touched_paths, diff, diff_exact, merge_drivers = null, contains = [], assumptions, intent } = content;
  const carried = { touched_paths, diff, diff_exact, merge_drivers, contains, assumptions, intent };
  return { ...bundleView(bundle), ...carried, verification: runsOf(content.verification) };
}

/** Runs as they are shown; what older versions have recorded does not say whether one took too long. */
const runsOf = (runs: readonly Run[]) => runs.map((run) => ({ ...run, timed_out: run.timed_out ?? false }));

/** Two bundles, as they stand to each other. */
export function pairView(pair: BundlePair): Result<"ComparePatchBundles">["pairs"][number] {
  return {
    a: pair.a,
    b: pair.b,
    relation: pair.relation,
    certain: pair.certain,
    container: pair.container,
    same_base: pair.sameBase,
    paths: [...new Set(pair.paths.map(({ path }) => path))],
    path_count: pair.pathCount,
    ranges: pair.paths.map(meetingView),
  };
}

function meetingView({ path, otherPath, relation, reason, a, b }: Meeting) {
  // What reaches to the end of a file has no number of lines.
  const lines = (ranges: Meeting["a"]) =>
    ranges.map(({ start, lines: count }) => ({ start, lines: Number.isFinite(count) ? count : null }));
  return { path, other_path: otherPath, relation, reason, a: lines(a), b: lines(b) };
}
