import type { Contradiction } from "./assumptions.ts";
import type { BundlePair } from "./pair.ts";
import type { Confidence, PatchBundle } from "./bundle.ts";
import { present } from "../../protocol/present.ts";

/** What to do with a bundle, in the order in which the first that applies is recommended. */
export type Recommendation = "reject" | "rebase" | "verify" | "choose" | "merge";

/** What is known of a bundle beside the others. */
export interface BundleFindings {
  bundle: PatchBundle;
  /** Lines it changes; Infinity where they are not known. */
  size: number;
  /** Whether its base is another revision than the target; null without a target. */
  stale: boolean | null;
  /** Its paths that changed between its base and the target; null where that is not known. */
  changedSince: readonly string[] | null;
  /** Its pairs that are not disjoint, and those it contradicts. */
  pairs: readonly BundlePair[];
  contradictions: readonly (Contradiction & { bundleId: string })[];
  /** Bundles the target has, and the bundle's base has not. */
  acceptedIds: readonly string[];
  /** Bundles that were rejected, or whose verification failed, and that it does not answer. */
  rejectedIds: readonly string[];
}

/** A bundle that is in another; one that was rejected, or will be for its verification, stops the other. */
export interface Contained {
  bundleId: string;
  rejected: boolean;
}

export interface BundleAdvice extends Pick<BundleFindings, "stale" | "changedSince" | "contradictions"> {
  bundleId: string;
  verification: VerificationResult;
  /** The bundles that are in it. */
  contains: readonly Contained[];
  /** The bundles it overlaps with, or may, that are of higher confidence. */
  lessConfidentThan: readonly string[];
  recommendation: Recommendation;
  /** In words, most important first. */
  reasons: readonly string[];
}

export type VerificationResult = "passed" | "failed" | "missing";

/** A run that took too long is no verdict. */
export function verificationOf({ verification }: Pick<PatchBundle, "verification">): VerificationResult {
  const ended = verification.filter(({ timedOut }) => !timedOut);
  if (ended.some(({ exitCode }) => exitCode !== 0)) return "failed";
  return ended.length === 0 || ended.length < verification.length ? "missing" : "passed";
}

/** Ids that one message names. */
const namedMax = 5;

/**
 * Advice for each bundle, in the order given, and the order to merge them in: those that need no rebase first, then higher
 * confidence, then verified, then smaller, then submitted earlier. Rejected ones are not in it. Of those that are to be
 * chosen from, all are in it: the first goes in, and the others are set aside when they conflict with it. What a bundle
 * contains comes before it: that is judged first.
 */
export function advise(findings: readonly BundleFindings[]): { bundles: BundleAdvice[]; mergeOrder: string[] } {
  const ranked = findings.toSorted(byRank);
  const kept = new Map<string, BundleFindings>();
  const doubleOf = new Map<string, string>();
  for (const one of ranked) {
    const { bundleId } = one.bundle;
    const double = partnersOf(one, "identical").find((id) => kept.has(id));
    if (double !== undefined) doubleOf.set(bundleId, double);
    else if (verificationOf(one.bundle) !== "failed") kept.set(bundleId, one);
  }
  const bundles = findings.map((one) => adviceOf(one, kept, doubleOf.get(one.bundle.bundleId) ?? null));
  const rebased = new Set(bundles.flatMap((one) => (one.recommendation === "rebase" ? [one.bundleId] : [])));
  const order = Array.from(kept.keys());
  const ready = [...order.filter((id) => !rebased.has(id)), ...order.filter((id) => rebased.has(id))];
  return { bundles, mergeOrder: containedFirst(ready, bundles) };
}

function containedFirst(ids: readonly string[], bundles: readonly BundleAdvice[]): string[] {
  const contains = new Map(bundles.map((one) => [one.bundleId, one.contains]));
  const ordered = new Set<string>();
  const wanted = new Set(ids);
  const put = (id: string) => {
    if (!wanted.delete(id)) return;
    for (const { bundleId } of present(contains.get(id), "what a bundle contains")) put(bundleId);
    ordered.add(id);
  };
  for (const id of ids) put(id);
  return [...ordered];
}

function adviceOf(
  findings: BundleFindings,
  kept: ReadonlyMap<string, BundleFindings>,
  double: string | null,
): BundleAdvice {
  const { bundle, stale, changedSince } = findings;
  const verification = verificationOf(bundle);
  const among = (ids: readonly string[]) => ids.filter((id) => kept.has(id) || findings.acceptedIds.includes(id));
  const overlapping = among(partnersOf(findings, "overlapping"));
  const unknown = among(partnersOf(findings, "unknown"));
  const contradictions = among(findings.contradictions.map(({ bundleId }) => bundleId));
  const contains = containedIn(findings);
  const rejected = contains.flatMap((one) => (one.rejected ? [one.bundleId] : []));
  const lessConfidentThan = [...overlapping, ...unknown].filter((id) => {
    const other = kept.get(id);
    return other !== undefined && levels[other.bundle.confidence] > levels[bundle.confidence];
  });

  const found: [Recommendation, string | null][] = [
    ["reject", verification === "failed" ? `its verification failed: ${failures(bundle)}` : null],
    ["reject", double === null ? null : `it does the same as ${double}, which ranks higher`],
    ["rebase", rebaseReason(stale, changedSince)],
    ["verify", verification === "missing" ? "nobody has verified it" : null],
    ["choose", named(overlapping, "it overlaps with")],
    ["choose", named(unknown, "it touches the same paths, and perhaps the same lines, as")],
    ["choose", named(contradictions, "it assumes the contrary of")],
    ["choose", named(rejected, "it contains what was rejected:")],
    ["choose", named(lessConfidentThan, "its confidence is lower than that of")],
  ];
  const applying = found.filter(([, reason]) => reason !== null);
  const reasons = applying.flatMap(([, reason]) => (reason === null ? [] : [reason]));
  return {
    bundleId: bundle.bundleId,
    stale,
    changedSince,
    verification,
    contradictions: findings.contradictions,
    contains,
    lessConfidentThan,
    recommendation: applying[0]?.[0] ?? "merge",
    reasons: reasons.length > 0 ? reasons : [mergeReason(stale)],
  };
}

function containedIn({ bundle, pairs, rejectedIds }: BundleFindings): Contained[] {
  const inside = pairs.filter(({ container }) => container === bundle.bundleId);
  const ids = inside.map(({ a, b }) => (a === bundle.bundleId ? b : a));
  return ids.map((bundleId) => ({ bundleId, rejected: rejectedIds.includes(bundleId) }));
}

function rebaseReason(stale: boolean | null, changedSince: readonly string[] | null): string | null {
  if (stale !== true) return null;
  if (changedSince === null) return "its base is not the target, and what changed since is not known";
  if (changedSince.length === 0) return null;
  return `its base is not the target, and since then ${named(changedSince, "others changed")}`;
}

function mergeReason(stale: boolean | null): string {
  const base =
    stale === true ? "its base is not the target, but nothing it touches has changed since" : "nothing is in its way";
  return `it is verified, and ${base}`;
}

function failures({ verification }: PatchBundle): string {
  const failed = verification.filter(({ exitCode }) => exitCode !== 0);
  const told = failed.map(({ command, exitCode }) => `${JSON.stringify(command)} ended with ${exitCode}`);
  return present(named(told, ""), "a run that failed");
}

/** A list in words, or null for an empty one. */
function named(things: readonly string[], intro: string): string | null {
  if (things.length === 0) return null;
  const more = things.length > namedMax ? ` and ${things.length - namedMax} more` : "";
  return `${intro} ${things.slice(0, namedMax).join(", ")}${more}`.trim();
}

function partnersOf({ bundle, pairs }: BundleFindings, relation: BundlePair["relation"]): string[] {
  return pairs.filter((pair) => pair.relation === relation).map(({ a, b }) => (a === bundle.bundleId ? b : a));
}

const levels: Readonly<Record<Confidence, number>> = { low: 0, medium: 1, high: 2 };
const results: Readonly<Record<VerificationResult, number>> = { passed: 0, missing: 1, failed: 2 };

function byRank(one: BundleFindings, other: BundleFindings): number {
  const [a, b] = [one.bundle, other.bundle];
  return (
    levels[b.confidence] - levels[a.confidence] ||
    results[verificationOf(a)] - results[verificationOf(b)] ||
    bySize(one.size, other.size) ||
    bySubmission(a, b)
  );
}

const bySize = (one: number, other: number) => (one === other ? 0 : one - other);

/** Ids tell apart what was submitted under one seq. */
export function bySubmission(a: PatchBundle, b: PatchBundle): number {
  return a.submittedSeq - b.submittedSeq || (a.bundleId < b.bundleId ? -1 : Number(a.bundleId > b.bundleId));
}
