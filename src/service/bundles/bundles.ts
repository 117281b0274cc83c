import { verificationOf } from "../../core/bundles/advice.ts";
import { type BundleRecord, decideBundle, submitBundle, type Verdict } from "../../core/bundles/bundle.ts";
import { type Decision, isRefusal, type Refusal, refuse, type Unusable } from "../../core/decision.ts";
import { parseDiff } from "../../core/bundles/diff.ts";
import type { FileChange } from "../../core/bundles/file-change.ts";
import { ofTask, underLease } from "../../core/lease/lease.ts";
import { checkTouchedPaths } from "../../core/bundles/touched-paths.ts";
import { limits } from "../../protocol/limits.ts";
import type { Params } from "../../protocol/methods.ts";
import { verificationsOf } from "./contents.ts";
import { noteLockedPaths, overlapsOf } from "./overlaps.ts";
import { bundleView, patchBundleView } from "./views.ts";
import type { Context, Handlers } from "../handler.ts";
import { withReason } from "../nodes/nodes.ts";
import { readPage } from "../journal/pages.ts";
import { noTask } from "../tasks/tasks.ts";

type Submission = Params<"SubmitPatchBundle">;

export const bundleHandlers = {
  SubmitPatchBundle(params, context) {
    const { apply, reads } = context;
    const read = acceptable(params, context);
    if (isRefusal(read)) return read;
    const { changes, paths } = read;

    const bundle = recordOf(params, paths.length, context);
    const content = {
      touched_paths: paths,
      diff: params.diff ?? null,
      diff_exact: params.diff_exact,
      merge_drivers: params.merge_drivers ?? null,
      contains: params.contains,
      assumptions: params.assumptions,
      verification: params.verification.map((run) => ({ ...run })),
      intent: params.intent ?? null,
      lease_id: params.lease_id ?? null,
    };
    const meeting = reads.bundles.meeting(bundle.scope, paths, limits.bundleOverlapsMax);
    apply({ kind: "submitBundle", bundle, paths, entry: submitBundle(bundle, content) });
    if (changes !== null) context.bundles.remember(bundle.bundleId, changes, bundle.diffChars);
    if (bundle.supersedes !== null) supersede(bundle.supersedes, bundle, context);
    noteLockedPaths(bundle, paths, context);
    const others = meeting.filter(({ bundleId }) => bundleId !== bundle.supersedes);
    return { bundle_id: bundle.bundleId, seq: reads.head.seq, overlaps: overlapsOf(bundle.bundleId, others, context) };
  },

  CheckPatchBundle(params, context) {
    const read = acceptable(params, context);
    return isRefusal(read) ? read : { ok: true as const, path_count: read.paths.length };
  },

  DecidePatchBundle({ bundle_id: bundleId, decision, alternatives, verification, ...params }, context) {
    const { reads } = context;
    const unknown = alternatives.find((id) => reads.bundles.find(id) === null);
    if (unknown !== undefined) return noBundle(unknown);
    const status = verdicts[decision];
    const { reason, decided_by: decidedBy, merged_revision: mergedRevision = null } = params;
    const runs = verification.map((run) => ({ ...run }));
    return decide(
      bundleId,
      { verdict: status, reason, decidedBy, mergedRevision, alternatives, verification: runs },
      context,
    );
  },

  ListPatchBundles({ status, scope, task_id: taskId, owner, limit, before = null }, context) {
    const beforePlace = before === null ? null : context.reads.bundles.placeOf(before);
    if (before !== null && beforePlace === null) return noBundle(before);
    return readPage(
      {
        beforePlace,
        limit,
        read: (place, bounds, { reads }) =>
          reads.bundles.list(place, bounds).map((bundle) => ({ ...bundle, id: bundle.bundleId })),
        view(bundle) {
          if ((status ?? bundle.status) !== bundle.status || (scope ?? bundle.scope) !== bundle.scope) return null;
          if ((taskId ?? bundle.taskId) !== bundle.taskId || (owner ?? bundle.owner) !== bundle.owner) return null;
          return bundleView(bundle);
        },
      },
      ({ entries, nextBefore }) => ({ bundles: entries, next_before: nextBefore }),
      context,
    );
  },

  GetPatchBundle({ bundle_id: bundleId }, { reads, bundles }) {
    const bundle = reads.bundles.find(bundleId);
    const content = bundles.read(bundleId, reads);
    if (bundle === null || content === null) return noBundle(bundleId);
    return { bundle: patchBundleView(bundle, content) };
  },
} satisfies Partial<Handlers>;

const verdicts = { accepted: "ACCEPTED", rejected: "REJECTED", superseded: "SUPERSEDED" } as const;

/** What a submission changes, if it can be taken. */
function acceptable(params: Submission, context: Context) {
  const read = readSubmission(params);
  if (isRefusal(read)) return read;
  const unknown = params.contains.find((id) => context.reads.bundles.find(id) === null);
  if (unknown !== undefined) return noBundle(unknown);
  return refusedPurpose(params, context) ?? refusedSupersession(params, context) ?? read;
}

/** The changes of a submission, where it has a diff, and the paths it touches. */
function readSubmission(params: Submission): Decision<{ changes: FileChange[] | null; paths: string[] }, Unusable> {
  const { diff = null, head_revision: head = null, diff_exact: exact } = params;
  if (diff === null && head === null) {
    return refuse("INVALID_PARAMS", "params: expected a diff or a head_revision, got neither");
  }
  const changes = diff === null ? null : parseDiff(diff, { exact });
  if (isRefusal(changes)) return changes;
  const paths = checkTouchedPaths(params.touched_paths, changes);
  return isRefusal(paths) ? paths : { changes, paths };
}

/** A bundle for a node is one of its task; under a lease only its worker's. */
function refusedPurpose(params: Submission, context: Context) {
  const { reads, nowMs } = context;
  const { task_id: taskId = null, node_id: nodeId = null, lease_id: leaseId = null } = params;
  if (taskId === null) {
    const orphan = nodeId !== null || leaseId !== null;
    return orphan
      ? refuse("INVALID_PARAMS", "params.task_id: expected uuid beside node_id and lease_id, got nothing")
      : null;
  }
  if (reads.tasks.find(taskId) === null) return noTask(taskId);
  if (nodeId === null) {
    return leaseId === null
      ? null
      : refuse("INVALID_PARAMS", "params.node_id: expected uuid beside lease_id, got nothing");
  }
  const node = reads.nodes.head(nodeId);
  const claim = { taskId, nodeId };
  if (leaseId === null) {
    const found = ofTask(node, claim);
    return isRefusal(found) ? found : null;
  }
  const held = underLease(node, { ...claim, leaseId }, { verb: "given a patch bundle", to: "RUNNING" }, nowMs);
  return isRefusal(held) ? withReason(held, { nodeId, leaseId }, context) : null;
}

/** Who takes the place of a bundle is its author. */
function refusedSupersession({ supersedes = null, owner, provider, scope }: Submission, { reads }: Context) {
  if (supersedes === null) return null;
  const before = reads.bundles.find(supersedes);
  if (before === null) return noBundle(supersedes);
  const facts = { bundle_id: supersedes, status: before.status, to: "SUPERSEDED" };
  if (before.status !== "SUBMITTED") {
    const message = `bundle ${supersedes} cannot become SUPERSEDED: it is ${before.status}; submit without supersedes`;
    return refuse("INVALID_STATE", message, facts);
  }
  if (before.owner === owner && before.provider === provider && before.scope === scope) return null;
  const message = `bundle ${supersedes} cannot become SUPERSEDED: it is of ${JSON.stringify(before.owner)} (${before.provider}) in ${before.scope}, and only its own author's next takes its place; submit without supersedes`;
  return refuse("INVALID_STATE", message, facts);
}

function recordOf(params: Submission, pathCount: number, { newId, nowMs }: Context): BundleRecord {
  const verification = verificationsOf(params.verification);
  return {
    bundleId: newId(),
    submittedSeq: 0,
    status: "SUBMITTED",
    provider: params.provider,
    owner: params.owner,
    scope: params.scope,
    baseRevision: params.base_revision,
    headRevision: params.head_revision ?? null,
    pathCount,
    diffChars: params.diff?.length ?? 0,
    diffSummary: params.diff_summary,
    confidence: params.confidence,
    verified: verificationOf({ verification }),
    taskId: params.task_id ?? null,
    nodeId: params.node_id ?? null,
    supersedes: params.supersedes ?? null,
    submittedAtMs: nowMs,
    decision: null,
  };
}

function supersede(bundleId: string, { bundleId: by, owner: decidedBy }: BundleRecord, context: Context): void {
  const about = { reason: `its author submitted ${by} in its place`, decidedBy, mergedRevision: null };
  const decided = decide(bundleId, { verdict: "SUPERSEDED", ...about, alternatives: [by], verification: [] }, context);
  if (isRefusal(decided)) throw new Error(decided.message);
}

function decide(bundleId: string, verdict: Verdict, { apply, reads, nowMs }: Context) {
  const decided = decideBundle(reads.bundles.find(bundleId), bundleId, verdict, nowMs);
  if (isRefusal(decided)) return decided;
  const { status, entry } = decided;
  return { ok: true as const, status, seq: apply({ kind: "decideBundle", bundleId, status, entry }) };
}

export function noBundle(bundleId: string): Refusal<"NOT_FOUND"> {
  const message = `there is no bundle ${bundleId}; ListPatchBundles lists the bundles`;
  return refuse("NOT_FOUND", message, { bundle_id: bundleId });
}
