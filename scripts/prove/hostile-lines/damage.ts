import type { Chance } from "../chance.ts";
import type { Line } from "./categories.ts";
import type { Valid } from "./corpus.ts";

const newline = 10;
const notJson = ["PARSE_ERROR"];
/** A few random bytes may be a number. */
const notRequest = ["PARSE_ERROR", "INVALID_REQUEST"];

const lineBytesMax = 1 << 20;
const longShare = 1 / 4_000;

/** Any bytes at all, and now and then more of them than a line may have. */
export function bytes(chance: Chance): Line {
  if (chance.happens(longShare)) {
    return { bytes: Buffer.alloc(lineBytesMax, 97 + chance.below(26)), right: ["LINE_TOO_LONG"], closes: true };
  }
  const line = Buffer.alloc(1 + chance.below(chance.happens(0.01) ? 5_000 : 200));
  for (let at = 0; at < line.length; at++) line[at] = chance.below(256);
  return { bytes: withoutNewlines(line), right: notRequest };
}

/** Valid requests up to each of their bytes, one after the other. */
export function cuts(corpus: readonly Valid[], count: number, batch: number): Line[] {
  const lines: Line[] = [];
  // Each round through the requests starts where the batch does.
  for (let at = batch; lines.length < count; at++) {
    const valid = corpus[at % corpus.length];
    const whole = Buffer.from(JSON.stringify(valid));
    for (let end = 1; end < whole.length && lines.length < count; end++) {
      lines.push({ bytes: whole.subarray(0, end), right: notJson });
    }
  }
  return lines;
}

/** A valid request with up to eight bytes changed, added, taken out, or moved. */
export function mutated(chance: Chance, valid: Valid): Line {
  let line = Buffer.from(JSON.stringify(valid));
  for (let edits = 1 + chance.below(8); edits > 0; edits--) line = edited(line, chance);
  // What nothing is left of would be a blank line.
  return { bytes: withoutNewlines(line), right: null };
}

function edited(line: Buffer, chance: Chance): Buffer<ArrayBuffer> {
  const at = chance.below(line.length);
  const [before, after] = [line.subarray(0, at), line.subarray(at)];
  const wish = chance.below(5);
  if (wish === 0) return Buffer.concat([before, Uint8Array.of(chance.below(256)), after]);
  if (wish === 1) return Buffer.concat([before, Uint8Array.of(chance.below(256)), after.subarray(1)]);
  if (wish === 2 && line.length > 2) return Buffer.concat([before, after.subarray(1)]);
  const piece = line.subarray(chance.below(line.length)).subarray(0, 1 + chance.below(20));
  if (wish === 3) return Buffer.concat([before, piece, after]);
  return Buffer.concat([before, Buffer.from(chance.of(structure)), after.subarray(1)]);
}

const structure = ["{", "}", "[", "]", ",", ":", '"', "\\", "null", "true", "-", "0", "e9"];

/** One line, and not a blank one. */
function withoutNewlines(line: Buffer): Buffer {
  for (let at = 0; at < line.length; at++) if (line[at] === newline) line[at] = 11;
  const isBlank = line.every((byte) => byte === 32 || byte === 9 || byte === 13);
  return isBlank ? Buffer.from("x") : line;
}
