/*
 * Names as git writes them in a diff: as they are, or in quotes with C's escapes, the same way in every line of a file.
 * See `quote.c` of git; `core.quotePath` decides whether characters beyond ASCII are escaped, byte by byte.
 */

/** The two names of `diff --git a/NAME b/NAME`, as written but without prefixes; null where they are none or differ. */
export function sameNames(names: string): string | null {
  // Both are of one length, so that a name with spaces, or with ` b/` in it, is no riddle.
  const half = (names.length - 1) / 2;
  const written = withoutPrefix("a/", names.slice(0, half));
  return written !== null && bothNames(written, written) === names ? written : null;
}

/** What follows `diff --git` for two names as written. */
export function bothNames(from: string, to: string): string {
  return `${withPrefix("a/", from)} ${withPrefix("b/", to)}`;
}

/** What follows `---` or `+++` for a name as written: git ends one that has a space with a tab. */
export function fileName(prefix: "a/" | "b/", written: string): string {
  return withPrefix(prefix, written) + (written.includes(" ") ? "\t" : "");
}

/** The name itself, with U+FFFD where it is not UTF-8; null where git would not write one so. */
export function readName(written: string): string | null {
  if (!written.startsWith('"')) return plain.test(written) ? written : null;
  if (!quoted.test(written)) return null;
  return decoder.decode(unescaped(encoder.encode(written.slice(1, -1))));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

// No control character, quote or backslash stands for itself.
const plain = /^[ !#-[\]-~\u0080-\uffff]+$/;
const quoted = /^"(?:[ !#-[\]-~\u0080-\uffff]|\\(?:[abfnrtv"\\]|[0-3][0-7]{2}))+"$/;
const escapes: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };

/** Works in place: what an escape stands for is shorter than it. */
function unescaped(bytes: Uint8Array): Uint8Array {
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte !== backslash) {
      bytes[length++] = byte;
      continue;
    }
    const digit = (place: number) => (bytes[at + place] ?? zero) - zero;
    const octal = digit(1) >= 0 && digit(1) <= 3;
    bytes[length++] = octal
      ? digit(1) * 64 + digit(2) * 8 + digit(3)
      : (escapes[String.fromCharCode(bytes[at + 1] ?? 0)] ?? bytes[at + 1] ?? 0);
    at += octal ? 3 : 1;
  }
  return bytes.subarray(0, length);
}

const backslash = 0x5c;
const zero = 0x30;

function withPrefix(prefix: string, written: string): string {
  return written.startsWith('"') ? `"${prefix}${written.slice(1)}` : prefix + written;
}

function withoutPrefix(prefix: string, written: string): string | null {
  if (written.startsWith(`"${prefix}`)) return `"${written.slice(1 + prefix.length)}`;
  return written.startsWith(prefix) ? written.slice(prefix.length) : null;
}
