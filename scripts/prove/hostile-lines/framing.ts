import type { Chance } from "../chance.ts";
import type { Line } from "./categories.ts";
import type { Valid } from "./corpus.ts";

const notJson = ["PARSE_ERROR"];
const byteOrderMark = "\ufeff";

/** What surrounds a valid request, or a byte inside that only looks harmless: NUL, byte order marks, carriage returns. */
export function framing(chance: Chance, valid: Valid): Line {
  const line = JSON.stringify(valid);
  const inside = 1 + chance.below(line.length - 2);
  const put = (what: string) => Buffer.from(`${line.slice(0, inside)}${what}${line.slice(inside)}`);
  const afterBrace = Buffer.from(line.replace("{", "{\r"));
  switch (chance.below(9)) {
    case 0:
      return { bytes: put("\0"), right: notJson };
    case 1:
      return { bytes: Buffer.from(`${line}\0`), right: notJson };
    case 2:
      return { bytes: Buffer.from(line.replace(/:"(?=[^"])/, ':"\\u0000')), right: null };
    case 3:
      return { bytes: Buffer.from(`${byteOrderMark}${line}`), right: notJson };
    case 4:
      return { bytes: Buffer.from(`${line}${byteOrderMark}`), right: notJson };
    case 5:
      return { bytes: Buffer.from(`${line}\r`), right: null };
    case 6:
      // A carriage return is white space to JSON, and what ends a line to nobody.
      return { bytes: afterBrace, right: null };
    case 7:
      return { bytes: Buffer.from(chance.of(["\r", "", " \t", "\r\r", "  \r"])), right: null, blank: true };
    default:
      return {
        bytes: Buffer.from(chance.of(["\0", "\0\0\0", byteOrderMark, `\r${byteOrderMark}`, "\u0085", "\u2028"])),
        right: notJson,
      };
  }
}
