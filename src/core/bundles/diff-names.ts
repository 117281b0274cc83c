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
  return decoder.decode(unescaped(written.slice(1, -1)));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

// No control character, quote or backslash stands for itself.
const plain = /^[ !#-[\]-~\u0080-\uffff]+$/;
const quoted = /^"(?:[ !#-[\]-~\u0080-\uffff]|\\(?:[abfnrtv"\\]|[0-3][0-7]{2}))+"$/;
const escapes: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };

/** The bytes of a text whose escapes are one each. */
function unescaped(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [part, octal, escape] of text.matchAll(parts)) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else if (escape !== undefined) bytes.push(escapes[escape] ?? escape.charCodeAt(0));
    else for (const byte of encoder.encode(part)) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

const parts = /\\([0-7]{3})|\\(.)|[^\\]+/g;

function withPrefix(prefix: string, written: string): string {
  return written.startsWith('"') ? `"${prefix}${written.slice(1)}` : prefix + written;
}

function withoutPrefix(prefix: string, written: string): string | null {
  if (written.startsWith(`"${prefix}`)) return `"${written.slice(1 + prefix.length)}`;
  return written.startsWith(prefix) ? written.slice(prefix.length) : null;
}
