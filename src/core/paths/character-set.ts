import { present } from "../../protocol/present.ts";

/** Code points as ascending, disjoint ranges, both ends included: `[from, to, from, to, …]`. */
export type CharacterSet = readonly number[];

/** That of a text's first character. */
export const codePointOf = (text: string): number => present(text.codePointAt(0), "a character's code point");

const last = 0x10ffff;
const nul = 0;
const dot = 46;
const slash = 47;

/** What a file's name may hold: neither NUL nor `/`. */
export const nameCharacter: CharacterSet = [1, slash - 1, slash + 1, last];

/** The union of ranges in any order, which may overlap. */
export function unionOf(ranges: readonly (readonly [from: number, to: number])[]): CharacterSet {
  const union: number[] = [];
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const end = union.at(-1);
    if (end === undefined || from > end + 1) union.push(from, to);
    else union[union.length - 1] = Math.max(end, to);
  }
  return union;
}

/** What names may hold that is not in the set. */
export function complementOf(set: CharacterSet): CharacterSet {
  const complement: number[] = [];
  let from = nul;
  for (const [start, end] of rangesOf(unionOf([...rangesOf(set), [nul, nul], [slash, slash]]))) {
    if (start > from) complement.push(from, start - 1);
    from = end + 1;
  }
  if (from <= last) complement.push(from, last);
  return complement;
}

/** A set without what no name holds. */
export function inNames(set: CharacterSet): CharacterSet {
  return complementOf(complementOf(set));
}

export function contains(set: CharacterSet, codePoint: number): boolean {
  for (let i = 0; i < set.length; i += 2)
    if ((set[i] ?? nul) <= codePoint && codePoint <= (set[i + 1] ?? nul)) return true;
  return false;
}

export function rangesOf(set: CharacterSet): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  for (let i = 0; i < set.length; i += 2) ranges.push([set[i] ?? nul, set[i + 1] ?? nul]);
  return ranges;
}

/** What two sets of names' characters have in common, told apart as far as names depend on it: a sum of these. */
export const Common = { dot: 1, other: 2 } as const;

/** Which of `Common` two sets share; 0 for nothing. */
export function common(a: CharacterSet, b: CharacterSet): number {
  let found = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const endOfA = a[i + 1] ?? nul;
    const endOfB = b[j + 1] ?? nul;
    const from = Math.max(a[i] ?? nul, b[j] ?? nul);
    const to = Math.min(endOfA, endOfB);
    if (from <= to) {
      if (from <= dot && dot <= to) found |= Common.dot;
      if (from < dot || to > dot) found |= Common.other;
    }
    if (endOfA < endOfB) i += 2;
    else j += 2;
  }
  return found;
}
