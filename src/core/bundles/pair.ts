import type { PatchBundle } from "./bundle.ts";
import { relatePaths, type Touch } from "./path-index.ts";
import type { FileChange } from "./file-change.ts";
import { containsChange } from "./file-contains.ts";
import { type LineRange, relateFiles } from "./file-relation.ts";

/**
 * How two bundles stand to each other.
 *
 * - `disjoint`: they have no path in common.
 * - `compatible`: they have, and git merges what they do there.
 * - `identical`: they do the same, or have the same head.
 * - `overlapping`: git does not merge them, or nobody should without looking.
 * - `unknown`: they have a path in common, from different bases or with lines that are not known.
 *
 * What is `disjoint` or `compatible` and `certain`, git merges in either order to the same tree: with
 * `git -c merge.directoryRenames=false merge-tree`, with rename detection or without, and with the attributes that came with
 * the bundles. That is so of two: once several are merged, git compares with all they did, and may see the next one otherwise.
 */
export type BundleRelation = "disjoint" | "compatible" | "overlapping" | "identical" | "unknown";

export interface BundlePair {
  /** The one submitted first. */
  a: string;
  b: string;
  relation: BundleRelation;
  /** False where they are compatible by diffs that are not exact (see `parseDiff`), or merge otherwise in another order. */
  certain: boolean;
  /** The one of them that has all the other does in it; null where neither has, and where they do the same. */
  container: string | null;
  sameBase: boolean;
  /** How many paths they have in common. */
  pathCount: number;
  /** Those where they stand in each other's way first; `pathsListed` at most. */
  paths: readonly Meeting[];
}

/** A path that two bundles have in common, as `a` names it. */
export interface Meeting {
  path: string;
  /** As `b` names it, where that is another: in another case, or one is a directory of the other. */
  otherPath: string | null;
  relation: Exclude<BundleRelation, "disjoint">;
  /** In words, where they stand in each other's way. */
  reason: string | null;
  /** The old lines of each that meet, the first `rangesListed`. */
  a: readonly LineRange[];
  b: readonly LineRange[];
}

/** Paths that are listed for one of so many pairs: all that anybody reads, as long as they are not too many altogether. */
export function pathsListed(pairs: number): number {
  return Math.max(2, Math.min(100, Math.floor(50_000 / pairs)));
}

/** Ranges of lines that are listed for one path. */
const rangesListed = 20;

/** A bundle, and what it touches. */
export interface Side {
  bundle: PatchBundle;
  touches: readonly Touch[];
}

/** What is found out about two bundles, a path at a time. */
export class PairFindings {
  readonly #a: Side;
  readonly #b: Side;
  readonly #listMax: number;
  readonly #sameBase: boolean;
  readonly #listed: Record<Meeting["relation"], Meeting[]> = {
    overlapping: [],
    unknown: [],
    compatible: [],
    identical: [],
  };
  readonly #counts: Record<Meeting["relation"], number> = { overlapping: 0, unknown: 0, compatible: 0, identical: 0 };
  #certain = true;
  /** Paths where a file comes or goes, the same way in both; and those where one goes. */
  #movesAlike = 0;
  #goAlike = 0;
  /** Paths at which all that one does is in what the other does. */
  #aInB = 0;
  #bInA = 0;

  constructor(a: Side, b: Side, listMax: number) {
    this.#a = a;
    this.#b = b;
    this.#listMax = listMax;
    this.#sameBase = a.bundle.baseRevision === b.bundle.baseRevision;
  }

  /** Takes in that a path of `a` meets one of `b`. How much work that was, in spans of lines. */
  meet(one: Touch, other: Touch): number {
    const how = relatePaths(one.path, other.path);
    if (how !== "same") this.#meetElsewhere(one, other, how);
    else if (!this.#sameBase) this.#add("unknown", one.path, null, "they have different bases");
    else if (one.change === null || other.change === null)
      this.#add("unknown", one.path, null, "the lines of one are not known");
    else return this.#meetChanges(one, one.change, other.change);
    return 1;
  }

  #meetChanges(one: Touch, a: FileChange, b: FileChange): number {
    const [aInB, bInA] = [containsChange(b, a), containsChange(a, b)];
    this.#aInB += Number(aInB.contains);
    this.#bInA += Number(bInA.contains);
    // Nothing that is found from here on would be told.
    if (this.#counts.overlapping >= this.#listMax) this.#counts.overlapping++;
    else {
      const found = relateFiles(a, b, this.#driversAt(one.path));
      const alike = found.relation === "identical";
      this.#certain &&= found.certain;
      this.#movesAlike += Number(alike && moves(one));
      this.#goAlike += Number(alike && one.goes);
      this.#add(found.relation, one.path, null, found.reason, found.a, found.b);
    }
    return 1 + a.spans.length + b.spans.length + aInB.work + bInA.work;
  }

  /** Of one that does not say how git merges its paths, the other tells. */
  #driversAt(path: string): string[] {
    const known = [this.#a.bundle.mergeDrivers, this.#b.bundle.mergeDrivers].filter((drivers) => drivers !== null);
    return [...new Set(known.flatMap((drivers) => drivers.get(path) ?? ["text"]))];
  }

  result(): BundlePair {
    const { overlapping, unknown, compatible, identical } = this.#listed;
    const relation = this.#relation();
    return {
      a: this.#a.bundle.bundleId,
      b: this.#b.bundle.bundleId,
      relation,
      certain: this.#certain || relation !== "compatible",
      container: relation === "identical" ? null : this.#container(),
      sameBase: this.#sameBase,
      pathCount: Object.values(this.#counts).reduce((sum, count) => sum + count, 0),
      paths: [...overlapping, ...unknown, ...compatible, ...identical].slice(0, this.#listMax),
    };
  }

  #container(): string | null {
    const [a, b] = [this.#a, this.#b];
    const [aId, bId] = [a.bundle.bundleId, b.bundle.bundleId];
    if (b.bundle.containedIds.includes(aId) || isAll(this.#aInB, a.touches)) return bId;
    return a.bundle.containedIds.includes(bId) || isAll(this.#bInA, b.touches) ? aId : null;
  }

  #relation(): BundleRelation {
    const { overlapping, unknown, compatible, identical } = this.#counts;
    const [a, b] = [this.#a, this.#b];
    if (a.bundle.scope !== b.bundle.scope) return "disjoint";
    if (this.#sameBase && a.bundle.headRevision !== null && a.bundle.headRevision === b.bundle.headRevision)
      return "identical";
    if (overlapping > 0) return "overlapping";
    if (unknown > 0) return "unknown";
    if (identical > 0 && identical === a.touches.length && identical === b.touches.length) return "identical";
    if (this.#goAlike > 0 && this.#mayLookRenamed()) return "overlapping";
    return compatible + identical > 0 ? "compatible" : "disjoint";
  }

  /** Git may take a file that goes in both for one that was renamed to another name in each. */
  #mayLookRenamed(): boolean {
    const sides = [this.#a.touches, this.#b.touches];
    const nothingComes = sides.every((touches) => !touches.some(({ arrives }) => arrives));
    return !nothingComes && !sides.every((touches) => touches.filter(moves).length === this.#movesAlike);
  }

  #meetElsewhere(one: Touch, other: Touch, how: "case" | "directory"): void {
    const spelledAlike = one.path.startsWith(`${other.path}/`) || other.path.startsWith(`${one.path}/`);
    // Where both were there before, they can be told apart where this repository is used.
    if (!spelledAlike && !one.arrives && !other.arrives) return;
    const certain = spelledAlike || (one.change !== null && other.change !== null);
    const reason =
      how === "case"
        ? "their names differ in case only, or in how a character is composed, and some file systems keep one of them"
        : "one has a file where the other has a directory";
    this.#add(certain ? "overlapping" : "unknown", one.path, other.path, reason);
  }

  #add(
    relation: Meeting["relation"],
    path: string,
    otherPath: string | null,
    reason: string | null,
    a = noLines,
    b = noLines,
  ): void {
    this.#counts[relation]++;
    const listed = this.#listed[relation];
    if (listed.length >= this.#listMax) return;
    const ranges = { a: a.slice(0, rangesListed), b: b.slice(0, rangesListed) };
    listed.push({ path, otherPath, relation, reason, ...ranges });
  }
}

const isAll = (met: number, touches: readonly Touch[]) => met > 0 && met >= touches.length;
const noLines: readonly LineRange[] = [];
const moves = ({ arrives, goes }: Touch) => arrives || goes;
