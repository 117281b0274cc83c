/** Any value `JSON.parse` can give. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Why a text was not taken as JSON: `syntax` (it is none), `shape` (it is, but one we refuse to interpret). */
export class JsonRefused extends Error {
  readonly reason: "syntax" | "shape";

  constructor(reason: "syntax" | "shape", message: string) {
    super(message);
    this.reason = reason;
  }
}

// TypeScript's library does not know these yet (ECMAScript proposal "JSON.parse source text access").
declare global {
  interface JSON {
    rawJSON(text: string): Json;
    isRawJSON(value: unknown): value is { readonly rawJSON: string };
    parse(text: string, reviver: (key: string, value: Json, context: { source?: string }) => Json): Json;
  }
}

const QUOTE = 34;
const BACKSLASH = 92;
/** Of a key that is refused, as it was written. */
const keyCharsTold = 60;

/**
 * Parses JSON so that what was sent is what is kept: a number whose digits JavaScript would change (`1.0`,
 * `12345678901234567890`, `1e400`) survives `JSON.stringify` to the letter. Refuses what two readers could understand
 * differently: duplicate keys, `__proto__`, half a surrogate pair; and nesting deeper than `depthMax`, before any
 * memory is spent on it.
 *
 * @throws {JsonRefused}
 */
export function parseJson(text: string, depthMax: number): Json {
  const outline = scan(text, depthMax);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw new JsonRefused("syntax", `not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (countMembers(value) !== outline.members)
    throw new JsonRefused("shape", `an object names the same key twice: ${twinKey(text)}`);
  if (/\\u[dD][89a-fA-F]/.test(text) && holdsHalfAPair(value)) {
    throw new JsonRefused("syntax", "a string holds half of a surrogate pair");
  }
  return outline.delicateNumbers ? parseExactly(text) : value;
}

/** Parses JSON that `parseJson` let in before, as the store does: the same exactness without the checks. */
export function parseStored(text: string): Json {
  return /\d[.eE]|\d{16}|-0/.test(text) ? parseExactly(text) : (JSON.parse(text) as Json);
}

function parseExactly(text: string): Json {
  return JSON.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source ? JSON.rawJSON(source) : value,
  );
}

/**
 * One pass over the text outside its strings: counts members (colons), watches the depth, and notes numbers that
 * JavaScript may not keep to the letter. Only ever compared with what `JSON.parse` makes of the same text, so a text
 * that is no JSON at all may give any outline.
 */
function scan(text: string, depthMax: number): { members: number; delicateNumbers: boolean } {
  let depth = 0;
  let members = 0;
  let delicateNumbers = false;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char >= 48 && char <= 57) {
      if (++digits > 15 || (digits === 1 && char === 48 && text.charCodeAt(i - 1) === 45)) delicateNumbers = true;
      continue;
    }
    if (digits > 0 && (char === 46 || char === 101 || char === 69)) delicateNumbers = true;
    digits = 0;
    if (char === QUOTE) i = endOfString(text, i);
    else if (char === 58) members++;
    else if (char === 123 || char === 91) {
      if (++depth > depthMax) throw new JsonRefused("shape", `nested deeper than ${depthMax} levels`);
    } else if (char === 125 || char === 93) depth--;
  }
  return { members, delicateNumbers };
}

/** The first key that stands twice in one object of a text that is JSON. */
function twinKey(text: string): string {
  const around: (Set<string> | null)[] = [];
  const beforeColon = /\s*:/y;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === 123 || char === 91) around.push(char === 123 ? new Set() : null);
    else if (char === 125 || char === 93) around.pop();
    else if (char === QUOTE) {
      const end = endOfString(text, i);
      const keys = around.at(-1);
      beforeColon.lastIndex = end + 1;
      if (keys && beforeColon.test(text)) {
        const key = text.slice(i, end + 1);
        const plain = JSON.parse(key) as string;
        if (keys.has(plain)) return key.length > keyCharsTold ? `${key.slice(0, keyCharsTold)}…` : key;
        keys.add(plain);
      }
      i = end;
    }
  }
  return "it cannot be said which";
}

/** The index of the quote that closes the string opened at `start`, or the text's end. */
function endOfString(text: string, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

function countMembers(value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) members += countMembers(item);
    return members;
  }
  for (const key in value) {
    if (key === "__proto__") throw new JsonRefused("shape", "an object has the key __proto__");
    members += 1 + countMembers(value[key] ?? null);
  }
  return members;
}

function holdsHalfAPair(value: Json): boolean {
  if (typeof value === "string") return !value.isWellFormed();
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsHalfAPair);
  return Object.entries(value).some(([key, item]) => !key.isWellFormed() || holdsHalfAPair(item));
}
