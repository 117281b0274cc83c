import { type CharacterSet, complementOf, contains, rangesOf, unionOf } from "./character-set.ts";

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

/**
 * Full case folding, a character at a time: upper case, then lower, until nothing changes. `ß`, `ẞ` and `SS` are one, as
 * are `ﬁ` and `FI`, the sigmas, `K` and the Kelvin sign: APFS takes them for one name, NTFS tells some apart. `İ` is `i`
 * with a dot above. Dotless `ı` is `i`, which no file system says: in doubt a name too many is locked, not one too few.
 * Upper and lower case are those of the runtime's Unicode, in no language in particular.
 */
export const ignoreCase: Fold = {
  text: (text) => (ascii.test(text) ? text.toLowerCase() : Array.from(text, foldOne).join("")),
  oneOf: (set, negated) => (negated && set.length === 0 ? (anyOne ??= foldSet(set, negated)) : foldSet(set, negated)),
};

const ascii = /^[\0-\x7f]*$/;
const once = (character: string) => character.toUpperCase().toLowerCase();
/** Twice: `ẞ` becomes `ß` first, and that `ss`. */
const foldOne = (character: string) => once(once(character));

/** What `?` stands for, which many patterns have many of. */
let anyOne: Folded | undefined;

function foldSet(set: CharacterSet, negated: boolean): Folded {
  const ranges: (readonly [number, number])[] = rangesOf(set);
  const images = new Set<string>();
  for (const { from, to, single } of changing()) {
    if (!contains(set, from)) continue;
    if (single === null) images.add(to);
    else ranges.push(point(single));
  }
  // Every character that folds into the set belongs to it, so that all that is left out folds into what is left out.
  const folded = unionOf(ranges);
  const several: string[] = [];
  for (const { from, to, single } of changing()) {
    const inside = single === null ? images.has(to) : contains(folded, single);
    if (inside) ranges.push(point(from));
    if (single === null && inside !== negated) several.push(to);
  }
  const closed = unionOf(ranges);
  return { set: negated ? complementOf(closed) : closed, several: byRest(several) };
}

function byRest(texts: readonly string[]): Folded["several"] {
  const firsts = Map.groupBy(texts, (text) => text.replace(/^./u, ""));
  return Array.from(firsts, ([rest, all]) => ({ first: unionOf(all.map((text) => point(pointOf(text)))), rest }));
}

const point = (codePoint: number) => [codePoint, codePoint] as const;
const pointOf = (text: string) => text.codePointAt(0) ?? 0;

/** A character that folding changes; `single` where it becomes one character. */
interface Change {
  from: number;
  to: string;
  single: number | null;
}

/** Beyond the second plane nothing has case. */
const casedMax = 0x1ffff;
let changes: readonly Change[] | undefined;

/** Some 1,500 characters. Made when first asked for: only `?` and `[…]` where case is ignored need them. */
function changing(): readonly Change[] {
  if (changes !== undefined) return changes;
  const found: Change[] = [];
  for (let from = 0; from <= casedMax; from++) {
    const character = String.fromCodePoint(from);
    const to = foldOne(character);
    if (to !== character) found.push({ from, to, single: /^.$/u.test(to) ? pointOf(to) : null });
  }
  changes = found;
  return found;
}
