import { advise, type BundleAdvice, bySubmission, type Standing } from "./bundle-advice.ts";
import { contradictionOf, readAssumptions } from "./bundle-assumptions.ts";
import { type BundlePair, PairFindings, pathsListed, type Side } from "./bundle-pair.ts";
import { type At, PathIndex, type Touch, touchesOf } from "./bundle-paths.ts";
import type { PatchBundle } from "./bundle.ts";
import type { FileChange } from "./file-change.ts";

/** Where bundles are to be merged. */
export interface Target {
  revision: string;
  /** The paths that changed between a base and the target, by base; a base that is not in it is one nobody asked about. */
  changedSince: ReadonlyMap<string, readonly string[]>;
}

export interface Comparison {
  /** Every two bundles, by submission. */
  pairs: BundlePair[];
  /** By submission. */
  bundles: BundleAdvice[];
  mergeOrder: string[];
}

/** Steps between two pauses: comparisons of a path, or of a span of lines. Some hundred microseconds. */
const sliceSteps = 500;

/**
 * Compares bundles, each with each, and says what to do with them. A function of its arguments alone, whatever order the
 * bundles are in. It yields after each small piece of work, so that a caller may do something else in between.
 */
export function* compareBundles(bundles: Iterable<PatchBundle>, target: Target | null): Generator<void, Comparison> {
  const pace = new Pace();
  const sides: Side[] = [];
  for (const bundle of Array.from(bundles).toSorted(bySubmission)) {
    const touches = touchesOf(bundle).toSorted((one, other) => (one.path < other.path ? -1 : 1));
    sides.push({ bundle, touches });
    if (pace.spent(touches.length)) yield;
  }
  const pairs = yield* comparePairs(sides, pace);
  const standings = yield* standingsOf(sides, pairs, target, pace);
  return { pairs, ...advise(standings) };
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

function* meetAll(
  met: readonly At<{ side: number; touch: Touch }>[],
  touch: Touch,
  findings: readonly PairFindings[],
  pace: Pace,
) {
  for (const { item } of met) {
    if (pace.spent(findings[item.side]?.meet(item.touch, touch) ?? 0)) yield;
  }
}

function* standingsOf(
  sides: readonly Side[],
  pairs: readonly BundlePair[],
  target: Target | null,
  pace: Pace,
): Generator<void, Standing[]> {
  const meeting = new Map<string, BundlePair[]>(sides.map(({ bundle }) => [bundle.bundleId, []]));
  for (const pair of pairs) {
    if (pair.relation === "disjoint") continue;
    meeting.get(pair.a)?.push(pair);
    meeting.get(pair.b)?.push(pair);
    if (pace.spent(1)) yield;
  }
  const changed = new Map<string, PathIndex<null>>();
  const assumed = sides.map(({ bundle }) => readAssumptions(bundle.assumptions));
  const standings: Standing[] = [];
  for (const [i, side] of sides.entries()) {
    const { bundle, touches } = side;
    const contradictions: { bundleId: string; mine: string; theirs: string }[] = [];
    for (const [j, other] of sides.entries()) {
      const [mine, theirs] = [assumed[i], assumed[j]];
      if (i === j || other.bundle.scope !== bundle.scope || mine === undefined || theirs === undefined) continue;
      const found = contradictionOf(mine, theirs);
      if (found !== null) contradictions.push({ bundleId: other.bundle.bundleId, ...found });
      if (pace.spent(1 + mine.size)) yield;
    }
    const stale = target === null ? null : bundle.baseRevision !== target.revision;
    const changedSince = stale === true && target !== null ? yield* changedAmong(side, target, changed, pace) : [];
    const size = bundle.changes === null ? Infinity : bundle.changes.reduce((sum, change) => sum + sizeOf(change), 0);
    standings.push({ bundle, size, stale, changedSince, pairs: meeting.get(bundle.bundleId) ?? [], contradictions });
    if (pace.spent(touches.length)) yield;
  }
  return standings;
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
