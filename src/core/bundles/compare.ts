import { advise, type BundleAdvice, bySubmission, type BundleFindings, verificationOf } from "./advice.ts";
import { type Assumptions, contradictionOf, readAssumptions } from "./assumptions.ts";
import { type BundlePair, PairFindings, pathsListed, type Side } from "./pair.ts";
import { type At, PathIndex, type Touch, touchesOf } from "./path-index.ts";
import type { PatchBundle } from "./bundle.ts";
import type { FileChange } from "./file-change.ts";
import { present } from "../../protocol/present.ts";

/** Where bundles are to be merged. */
export interface Target {
  revision: string;
  /** The paths that changed between a base and the target, by base; a base that is not in it is one nobody asked about. */
  changedSince: ReadonlyMap<string, readonly string[]>;
  /** By base, the bundles of `Decided` that were merged between it and the target. */
  acceptedSince: ReadonlyMap<string, readonly string[]>;
}

/** Bundles that are decided, and that others are compared with: what the target has, and what must not get in. */
export interface Decided {
  accepted: readonly PatchBundle[];
  /** With the journal seq of that decision. */
  rejected: readonly { bundle: PatchBundle; decidedSeq: number }[];
}

const noneDecided: Decided = { accepted: [], rejected: [] };

export interface Comparison {
  /**
   * Every two bundles, by submission; then those of a bundle and a decided one where one contains the other, or where
   * they meet and the bundle's base has not that other one, but the target has.
   */
  pairs: BundlePair[];
  /** By submission. */
  bundles: BundleAdvice[];
  mergeOrder: string[];
}

/** Steps between two pauses: comparisons of a path, or of a span of lines. Some hundred microseconds. */
const sliceSteps = 500;

/**
 * Compares bundles, each with each and with those that are decided, and says what to do with them. A function of its
 * arguments alone, whatever order the bundles are in. It yields after each small piece of work, so that a caller may do
 * something else in between.
 */
export function* compareBundles(
  bundles: Iterable<PatchBundle>,
  target: Target | null,
  decided: Decided = noneDecided,
): Generator<void, Comparison> {
  const pace = new Pace();
  const sides = yield* sidesOf(bundles, pace);
  const others = [...decided.accepted, ...decided.rejected.map(({ bundle }) => bundle)];
  const pairs = yield* comparePairs(sides, pace);
  const meeting = yield* compareWith(sides, yield* sidesOf(others, pace), target, pace);
  const findings = yield* findingsOf(sides, [...pairs, ...meeting], { target, decided }, pace);
  return { pairs: [...pairs, ...meeting], ...advise(findings) };
}

function* sidesOf(bundles: Iterable<PatchBundle>, pace: Pace): Generator<void, Side[]> {
  const sides: Side[] = [];
  for (const bundle of Array.from(bundles).toSorted(bySubmission)) {
    const touches = touchesOf(bundle).toSorted((one, other) => (one.path < other.path ? -1 : 1));
    sides.push({ bundle, touches });
    if (pace.spent(touches.length)) yield;
  }
  return sides;
}

/** Counts steps, and says when it is time to pause. */
class Pace {
  #steps = 0;

  spent(steps: number): boolean {
    this.#steps += steps;
    if (this.#steps < sliceSteps) return false;
    this.#steps = 0;
    return true;
  }
}

function* comparePairs(sides: readonly Side[], pace: Pace): Generator<void, BundlePair[]> {
  const listMax = pathsListed((sides.length * (sides.length - 1)) / 2);
  const indexes = new Map<string, PathIndex<{ side: number; touch: Touch }>>();
  const pairs: BundlePair[] = [];
  for (const [b, side] of sides.entries()) {
    const index = indexes.get(side.bundle.scope) ?? new PathIndex();
    indexes.set(side.bundle.scope, index);
    const findings = sides.slice(0, b).map((other) => new PairFindings(other, side, listMax));
    for (const touch of side.touches) {
      for (const met of index.meeting(touch.path)) yield* meetAll(met, touch, findings, pace);
      if (pace.spent(1)) yield;
    }
    for (const touch of side.touches) index.add(touch.path, { side: b, touch });
    for (const found of findings) pairs.push(found.result());
    if (pace.spent(b)) yield;
  }
  return pairs;
}

/** Pairs of one of `sides` and one of `others`, which are decided, as far as they are worth telling. */
function* compareWith(
  sides: readonly Side[],
  others: readonly Side[],
  target: Target | null,
  pace: Pace,
): Generator<void, BundlePair[]> {
  const listMax = pathsListed(Math.max(1, sides.length * others.length));
  const indexes = new Map<string, PathIndex<{ side: number; touch: Touch }>>();
  for (const [i, { bundle, touches }] of others.entries()) {
    const index = indexes.get(bundle.scope) ?? new PathIndex();
    indexes.set(bundle.scope, index);
    for (const touch of touches) index.add(touch.path, { side: i, touch });
    if (pace.spent(touches.length)) yield;
  }
  const pairs: BundlePair[] = [];
  for (const side of sides) {
    const findings = others.map((other) => new PairFindings(other, side, listMax));
    for (const touch of side.touches) {
      for (const met of indexes.get(side.bundle.scope)?.meeting(touch.path) ?? [])
        yield* meetAll(met, touch, findings, pace);
      if (pace.spent(1)) yield;
    }
    const since = new Set(target?.acceptedSince.get(side.bundle.baseRevision));
    for (const found of findings) {
      const pair = found.result();
      const meets = pair.relation !== "disjoint" && (since.has(pair.a) || since.has(pair.b));
      if (meets || pair.container !== null) pairs.push(pair);
    }
    if (pace.spent(others.length)) yield;
  }
  return pairs;
}

function* meetAll(
  met: readonly At<{ side: number; touch: Touch }>[],
  touch: Touch,
  findings: readonly PairFindings[],
  pace: Pace,
) {
  for (const { item } of met) {
    if (pace.spent(present(findings[item.side], "the findings on a side").meet(item.touch, touch))) yield;
  }
}

function* findingsOf(
  sides: readonly Side[],
  pairs: readonly BundlePair[],
  { target, decided }: { target: Target | null; decided: Decided },
  pace: Pace,
): Generator<void, BundleFindings[]> {
  const meeting = new Map<string, BundlePair[]>(sides.map(({ bundle }) => [bundle.bundleId, []]));
  for (const pair of pairs) {
    if (pair.relation === "disjoint" && pair.container === null) continue;
    meeting.get(pair.a)?.push(pair);
    meeting.get(pair.b)?.push(pair);
    if (pace.spent(1)) yield;
  }
  const changed = new Map<string, PathIndex<null>>();
  const open = sides.map(({ bundle }) => bundle);
  const assumed = new Map([...open, ...decided.accepted].map((each) => [each, readAssumptions(each.assumptions)]));
  const failed = open.filter((each) => verificationOf(each) === "failed");
  const rejected = [...decided.rejected, ...failed.map((each) => ({ bundle: each, decidedSeq: each.submittedSeq }))];
  const findings: BundleFindings[] = [];
  for (const side of sides) {
    const { bundle, touches } = side;
    const since = target?.acceptedSince.get(bundle.baseRevision) ?? [];
    const accepted = decided.accepted.filter(({ bundleId }) => since.includes(bundleId));
    const contradictions = yield* contradictionsOf(bundle, [...open, ...accepted], assumed, pace);
    const stale = target === null ? null : bundle.baseRevision !== target.revision;
    const changedSince = stale === true && target !== null ? yield* changedAmong(side, target, changed, pace) : [];
    const size = bundle.changes === null ? Infinity : bundle.changes.reduce((sum, change) => sum + sizeOf(change), 0);
    findings.push({
      bundle,
      size,
      stale,
      changedSince,
      pairs: present(meeting.get(bundle.bundleId), "the pairs of a bundle"),
      contradictions,
      acceptedIds: accepted.map(({ bundleId }) => bundleId),
      rejectedIds: rejected.flatMap((one) => (isAnswer(bundle, one) ? [] : [one.bundle.bundleId])),
    });
    if (pace.spent(touches.length + rejected.length)) yield;
  }
  return findings;
}

function* contradictionsOf(
  bundle: PatchBundle,
  others: readonly PatchBundle[],
  assumed: ReadonlyMap<PatchBundle, Assumptions>,
  pace: Pace,
): Generator<void, BundleFindings["contradictions"]> {
  const contradictions: BundleFindings["contradictions"][number][] = [];
  for (const other of others) {
    const [mine, theirs] = [assumed.get(bundle), assumed.get(other)];
    if (other === bundle || other.scope !== bundle.scope || mine === undefined || theirs === undefined) continue;
    const found = contradictionOf(mine, theirs);
    if (found !== null) contradictions.push({ bundleId: other.bundleId, ...found });
    if (pace.spent(1 + mine.size)) yield;
  }
  return contradictions;
}

/** Whoever was refused may submit the work again, and mend it: that is what rejecting is for. */
function isAnswer(bundle: PatchBundle, { bundle: before, decidedSeq }: Decided["rejected"][number]): boolean {
  return bundle.owner === before.owner && bundle.provider === before.provider && bundle.submittedSeq > decidedSeq;
}

/** The paths of a bundle that changed since its base, or lie above or below one that did; null where that is not known. */
function* changedAmong(
  { bundle, touches }: Side,
  target: Target,
  indexes: Map<string, PathIndex<null>>,
  pace: Pace,
): Generator<void, string[] | null> {
  const paths = target.changedSince.get(bundle.baseRevision);
  if (paths === undefined) return null;
  const index = indexes.get(bundle.baseRevision) ?? new PathIndex();
  if (!indexes.has(bundle.baseRevision)) {
    indexes.set(bundle.baseRevision, index);
    for (const path of paths) {
      index.add(path, null);
      if (pace.spent(1)) yield;
    }
  }
  const met = touches.flatMap(({ path }) => (index.meeting(path).length === 0 ? [] : [path]));
  return met.toSorted();
}

/** Lines taken out and put in; at least one, so that no change is no work. */
function sizeOf({ hunks }: FileChange): number {
  return hunks.reduce((sum, hunk) => {
    const removed = hunk.edits.reduce((lines, edit) => lines + edit.removed, 0);
    return sum + removed + (removed + hunk.newLines - hunk.oldLines);
  }, 1);
}
