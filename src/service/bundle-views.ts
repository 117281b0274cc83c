import type { BundleRecord } from "../core/bundle.ts";
import type { BundlePair, Meeting } from "../core/bundle-pair.ts";
import type { BundleView, PatchBundleView } from "../protocol/methods/bundles.ts";
import type { Result } from "../protocol/methods.ts";
import type { BundleContent } from "./bundle-contents.ts";
import { iso } from "./views.ts";

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
            decided_at: iso(decision.atMs),
            seq: decision.seq,
          },
  };
}

/** A bundle with all it carries. */
export function patchBundleView(bundle: BundleRecord, content: BundleContent): PatchBundleView {
  const { touched_paths, diff, diff_exact, assumptions, verification, intent } = content;
  return { ...bundleView(bundle), touched_paths, diff, diff_exact, assumptions, verification, intent };
}

/** Two bundles, as they stand to each other. */
export function pairView(pair: BundlePair): Result<"ComparePatchBundles">["pairs"][number] {
  return {
    a: pair.a,
    b: pair.b,
    relation: pair.relation,
    certain: pair.certain,
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
