import { foldCase, foldCharacter } from "../../protocol/path-spelling.ts";
import { type CharacterSet, codePointOf, complementOf, rangesOf, unionOf } from "./character-set.ts";

/** How letters are compared: as they are, or without regard to case. */
export interface Fold {
  /** The form in which texts are compared; one character may become several. */
  text(text: string): string;
  /** One character of a set, or one that is not in it, in that form. */
  oneOf(set: CharacterSet, negated: boolean): Folded;
}

/** Single characters, and those that became several: any of `first`, then `rest`. */
export interface Folded {
  set: CharacterSet;
  several: readonly { first: CharacterSet; rest: string }[];
}

export const exactCase: Fold = {
  text: (text) => text,
  oneOf: (set, negated) => ({ set: negated ? complementOf(set) : set, several: [] }),
};

export const ignoreCase: Fold = {
  text: foldCase,
  oneOf: (set, negated) => (negated && set.length === 0 ? (anyOne ??= foldSet(set, negated)) : foldSet(set, negated)),
};

/** What `?` stands for, which many patterns have many of. */
let anyOne: Folded | undefined;

function foldSet(set: CharacterSet, negated: boolean): Folded {
  const { byFrom, bySingle, several } = changes();
  const ranges: (readonly [number, number])[] = rangesOf(set);
  const images = new Set<string>();
  for (const { to, single } of within(set, byFrom, ({ from }) => from)) {
    if (single === null) images.add(to);
    else ranges.push(point(single));
  }
  // Every character that folds into the set belongs to it, so that all that is left out folds into what is left out.
  const folded = unionOf(ranges);
  for (const { from } of within(folded, bySingle, ({ single }) => single)) ranges.push(point(from));
  for (const { from, to } of images.size === 0 ? [] : several) if (images.has(to)) ranges.push(point(from));
  const closed = unionOf(ranges);
  return { set: negated ? complementOf(closed) : closed, several: severalOf(images, negated) };
}

/** What becomes several characters and is asked for: of some, or where `negated` of all others. */
function severalOf(images: ReadonlySet<string>, negated: boolean): Folded["several"] {
  if (images.size === 0) return negated ? (allSeveral ??= byRest(changes().several)) : [];
  return byRest(changes().several.filter(({ to }) => images.has(to) !== negated));
}

/** What most classes that leave something out stand for besides. */
let allSeveral: Folded["several"] | undefined;

/** Changes of which a number, by which they are sorted, lies in a set. */
function* within<C extends Change>(set: CharacterSet, sorted: readonly C[], numberOf: (change: C) => number) {
  for (const [from, to] of rangesOf(set)) {
    let low = 0;
    for (let high = sorted.length; low < high;) {
      const middle = (low + high) >> 1;
      const change = sorted[middle];
      if (change !== undefined && numberOf(change) < from) low = middle + 1;
      else high = middle;
    }
    for (let change = sorted[low]; change !== undefined && numberOf(change) <= to; change = sorted[++low]) yield change;
  }
}

function byRest(changed: readonly Change[]): Folded["several"] {
  const groups = Map.groupBy(changed, ({ rest }) => rest);
  return Array.from(groups, ([rest, all]) => ({ first: unionOf(all.map(({ to }) => point(codePointOf(to)))), rest }));
}

const point = (codePoint: number) => [codePoint, codePoint] as const;

/** A character that folding changes; `single` where it becomes one character, else what follows the first. */
interface Change {
  from: number;
  to: string;
  single: number | null;
  rest: string;
}

interface SingleChange extends Change {
  single: number;
}

interface Changes {
  byFrom: readonly Change[];
  /** Those that become one character, by that. */
  bySingle: readonly SingleChange[];
  several: readonly Change[];
}

/** Beyond the second plane nothing has case. */
const casedMax = 0x1ffff;
let known: Changes | undefined;

/** Some 1,500 characters. Made when first asked for: only `?` and `[…]` where case is ignored need them. */
function changes(): Changes {
  if (known !== undefined) return known;
  const byFrom: Change[] = [];
  for (let from = 0; from <= casedMax; from++) {
    const character = String.fromCodePoint(from);
    const to = foldCharacter(character);
    const rest = to.replace(/^./u, "");
    if (to !== character) byFrom.push({ from, to, single: rest === "" ? codePointOf(to) : null, rest });
  }
  const singles = byFrom.filter((change): change is SingleChange => change.single !== null);
  const bySingle = singles.toSorted((a, b) => a.single - b.single);
  known = { byFrom, bySingle, several: byFrom.filter(({ single }) => single === null) };
  return known;
}
