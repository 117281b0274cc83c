import type { Chance } from "../chance.ts";
import type { Valid } from "./corpus.ts";
import { bytes, cuts, mutated } from "./damage.ts";
import { deep, numbers, twice, unicode, wrongTypes } from "./shapes.ts";
import { framing } from "./framing.ts";

/** One hostile line, without its newline. */
export interface Line {
  bytes: Uint8Array;
  /** The kinds of error that are right, `result` for none; null where any answer but a bug's is. */
  right: readonly string[] | null;
  /** It is blank, and so is skipped without an answer. */
  blank?: boolean;
  /** It is longer than a line may be: its answer is the connection's last. */
  closes?: boolean;
}

export interface Category {
  name: string;
  /** The lines of one batch, as many as wanted; the batch's number is for those who go through something in order. */
  lines(chance: Chance, corpus: readonly Valid[], count: number, batch: number): Line[];
  /** Each line is sent in two pieces, the second once the line before is answered. */
  inPieces?: boolean;
}

const each =
  (line: (chance: Chance, valid: Valid) => Line): Category["lines"] =>
  (chance, corpus, count) =>
    Array.from({ length: count }, () => line(chance, chance.of(corpus)));

/** The ten ways in which a line is not what it should be; the last are as they should be and come in pieces. */
export const categories: readonly Category[] = [
  { name: "random bytes", lines: each(bytes) },
  { name: "truncated", lines: (_, corpus, count, batch) => cuts(corpus, count, batch) },
  { name: "mutated", lines: each(mutated) },
  { name: "deep", lines: each(deep) },
  { name: "wrong types", lines: each(wrongTypes) },
  { name: "duplicate and __proto__ keys", lines: each(twice) },
  { name: "Unicode", lines: each(unicode) },
  { name: "NUL, BOM and CRLF", lines: each(framing) },
  { name: "numbers", lines: each(numbers) },
  { name: "valid, cut at every byte", lines: each(whole), inPieces: true },
];

function whole(_: Chance, valid: Valid): Line {
  return { bytes: Buffer.from(JSON.stringify(valid)), right: null };
}
