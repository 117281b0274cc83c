import type { Payload } from "../../protocol/transitions.ts";
import { type Decision, refuse } from "../decision.ts";
import type { FileChange } from "./file-change.ts";
import { type EntryOf, entryOf } from "../journal/journal.ts";

/*
 *                 decide
 *    SUBMITTED ------------->  ACCEPTED | REJECTED | SUPERSEDED
 *
 * Once, and for good: who changes their mind submits a bundle anew.
 */
export type BundleStatus = "SUBMITTED" | BundleVerdict;
export type BundleVerdict = "ACCEPTED" | "REJECTED" | "SUPERSEDED";

export type Confidence = "low" | "medium" | "high";

/** One command somebody ran to see whether a bundle works. */
export interface Verification {
  command: string;
  exitCode: number;
  /** It was ended for taking too long, which says nothing of the bundle. */
  timedOut: boolean;
}

/**
 * Which merge drivers attributes name for paths, before and after a bundle: one, or two where it changes that. `text`,
 * `binary` and `union` are git's own; `custom:NAME` is a program of somebody's repository.
 */
export type MergeDrivers = ReadonlyMap<string, readonly string[]>;

/** A bundle, as far as it is compared. Revisions are whole object ids. */
export interface PatchBundle {
  bundleId: string;
  /** The journal seq of its submission. */
  submittedSeq: number;
  provider: string;
  owner: string;
  /** The repository, by the name its users have agreed on: bundles of two scopes have no path in common. */
  scope: string;
  baseRevision: string;
  headRevision: string | null;
  /** Of `changes`, or what its submitter says where only the head revision is known. Without repetition. */
  touchedPaths: readonly string[];
  /** Null where only the head revision is known. */
  changes: readonly FileChange[] | null;
  /** By path, how git merges it where that is not by lines; null where its submitter does not say. */
  mergeDrivers: MergeDrivers | null;
  /** Bundles whose head is in the history of its own. */
  containedIds: readonly string[];
  assumptions: readonly string[];
  confidence: Confidence;
  verification: readonly Verification[];
}

/** What the rules of a decision need to know of a bundle. */
export interface BundleHead {
  bundleId: string;
  status: BundleStatus;
  taskId: string | null;
  nodeId: string | null;
}

/** A bundle as it is listed: without what it carries. */
export interface BundleRecord extends Omit<
  PatchBundle,
  "touchedPaths" | "changes" | "mergeDrivers" | "containedIds" | "assumptions" | "verification"
> {
  status: BundleStatus;
  pathCount: number;
  /** Characters of its diff; 0 where it has none. */
  diffChars: number;
  diffSummary: string;
  /** What its verification came to. */
  verified: "passed" | "failed" | "missing";
  taskId: string | null;
  nodeId: string | null;
  supersedes: string | null;
  submittedAtMs: number;
  /** Null while it is open. */
  decision: BundleDecision | null;
}

/** What was decided, as the journal tells it, and when. */
export interface BundleDecision extends Omit<Payload<"DECIDE_PATCH_BUNDLE">, "bundle_id" | "status"> {
  seq: number;
  atMs: number;
}

/** What a bundle carries beside what its record tells, in the terms of the journal. */
export type CarriedByBundle = Pick<
  Payload<"SUBMIT_PATCH_BUNDLE">,
  | "touched_paths"
  | "diff"
  | "diff_exact"
  | "merge_drivers"
  | "contains"
  | "assumptions"
  | "verification"
  | "intent"
  | "lease_id"
>;

/** The entry that records a submission, with all the bundle carries. */
export function submitBundle(bundle: BundleRecord, carried: CarriedByBundle): EntryOf<"SUBMIT_PATCH_BUNDLE"> {
  const payload: Payload<"SUBMIT_PATCH_BUNDLE"> = {
    bundle_id: bundle.bundleId,
    provider: bundle.provider,
    owner: bundle.owner,
    scope: bundle.scope,
    base_revision: bundle.baseRevision,
    head_revision: bundle.headRevision,
    diff_summary: bundle.diffSummary,
    confidence: bundle.confidence,
    supersedes: bundle.supersedes,
    ...carried,
  };
  return entryOf("SUBMIT_PATCH_BUNDLE", bundle, payload, bundle.submittedAtMs);
}

/** What somebody decided of a bundle, and why. */
export interface Verdict {
  verdict: BundleVerdict;
  reason: string;
  decidedBy: string;
  /** What the bundle became part of; for an accepted one only. */
  mergedRevision: string | null;
  /** The bundles that were not chosen in its favour, or that took its place. */
  alternatives: readonly string[];
  /** What was run to decide, in the terms of the wire. */
  verification: CarriedByBundle["verification"];
}

/**
 * SUBMITTED → ACCEPTED, REJECTED or SUPERSEDED: the status and the entry that records it. Whether the alternatives exist
 * is for the store to say.
 */
export function decideBundle(
  found: BundleHead | null,
  bundleId: string,
  verdict: Verdict,
  nowMs: number,
): Decision<
  { status: BundleVerdict; entry: EntryOf<"DECIDE_PATCH_BUNDLE"> },
  "NOT_FOUND" | "INVALID_STATE" | "INVALID_PARAMS"
> {
  if (found === null) {
    const message = `there is no bundle ${bundleId}; ListPatchBundles lists the bundles`;
    return refuse("NOT_FOUND", message, { bundle_id: bundleId });
  }
  const { verdict: status, mergedRevision, alternatives } = verdict;
  if (found.status !== "SUBMITTED") {
    const message = `bundle ${bundleId} cannot become ${status}: it is ${found.status}, and ${found.status} -> ${status} does not exist; submit a new bundle`;
    return refuse("INVALID_STATE", message, { bundle_id: bundleId, status: found.status, to: status });
  }
  if (mergedRevision !== null && status !== "ACCEPTED")
    return undecidable(bundleId, status, "only an accepted bundle has a merged revision; leave that out");
  if (alternatives.includes(bundleId))
    return undecidable(bundleId, status, "it is named as its own alternative; leave it out");
  const payload: Payload<"DECIDE_PATCH_BUNDLE"> = {
    bundle_id: bundleId,
    status,
    reason: verdict.reason,
    decided_by: verdict.decidedBy,
    merged_revision: mergedRevision,
    alternatives: [...new Set(alternatives)],
    ...(verdict.verification.length === 0 ? {} : { verification: [...verdict.verification] }),
  };
  return { status, entry: entryOf("DECIDE_PATCH_BUNDLE", found, payload, nowMs) };
}

function undecidable(bundleId: string, to: BundleVerdict, why: string) {
  return refuse("INVALID_PARAMS", `bundle ${bundleId} cannot become ${to}: ${why}`, { bundle_id: bundleId, to });
}
