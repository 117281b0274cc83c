import type { Chance } from "../chance.ts";
import type { Line } from "./categories.ts";
import type { Valid } from "./corpus.ts";

const depthMax = 32;
const refusedShape = ["INVALID_REQUEST"];

/** Nested up to the allowed depth, a little deeper, or very much; closed or not. */
export function deep(chance: Chance, valid: Valid): Line {
  const depth = chance.happens(0.002) ? 100_000 : 1 + chance.below(chance.happens(0.5) ? 2 * depthMax : 400);
  const [open, close] = chance.happens(0.5) ? ["[", "]"] : ['{"a":', "}"];
  const closes = chance.happens(0.8);
  const nested = `${open.repeat(depth)}1${closes ? close.repeat(depth) : ""}`;
  const { id, method } = valid;
  // The request's own braces are a level.
  const tooDeep = depth + 1 > depthMax;
  const line = `{"id":${id},"params":{"context":0},"method":"${method}","more":${nested}}`;
  if (tooDeep) return text(line, refusedShape);
  return closes ? text(line, null) : text(line, ["PARSE_ERROR"]);
}

const others = [null, true, -1, 1.5, "", "text", [], {}, [[]], { a: 1 }, 1e308, [null], "9007199254740993"];

/** A valid request in which something is of another type than it should be, or missing, or one too many. */
export function wrongTypes(chance: Chance, valid: Valid): Line {
  if (chance.happens(0.02)) return text(JSON.stringify(chance.of(others)), refusedShape);
  const request = structuredClone(valid) as unknown as Record<string, unknown>;
  const places = placesIn(request);
  for (let changes = 1 + chance.below(3); changes > 0; changes--) {
    const { holder, key } = chance.of(places);
    if (chance.happens(0.2)) Reflect.deleteProperty(holder, key);
    else holder[key] = chance.of(others);
    if (chance.happens(0.1)) holder[`${key}_`] = chance.of(others);
  }
  return text(JSON.stringify(request), null);
}

interface PlaceOf {
  holder: Record<string, unknown>;
  key: string;
}

function placesIn(value: unknown): PlaceOf[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesIn(holder[key])]);
}

/** An object somewhere in the request names a key twice, openly or escaped, or one that changes what objects are. */
export function twice(chance: Chance, valid: Valid): Line {
  const line = JSON.stringify(valid);
  const opens = Array.from(line.matchAll(/\{"(\w+)":/g));
  const { index, 1: key = "id" } = chance.of(opens);
  const second = chance.happens(0.3) ? "__proto__" : key;
  const value = chance.of(["1", "null", '{"polluted":true}', "[]", '"x"']);
  const inserted = `{${spelled(second, chance)}:${value},`;
  return text(`${line.slice(0, index)}${inserted}${line.slice(index + 1)}`, refusedShape);
}

function spelled(key: string, chance: Chance): string {
  if (chance.happens(0.5)) return `"${key}"`;
  const at = chance.below(key.length);
  const escaped = `\\u${key.charCodeAt(at).toString(16).padStart(4, "0")}`;
  return `"${key.slice(0, at)}${escaped}${key.slice(at + 1)}"`;
}

const bits = [
  "\u202e",
  "\u0301",
  "\ufeff",
  "\u2028",
  "\u200d",
  "\ufffe",
  "\ud7ff",
  "é",
  "e\u0301",
  "ß",
  "İ",
  "ﷺ",
  "👩‍👩‍👧",
  "\u{10ffff}",
  "\u{1f600}",
];
const halves = ["\\ud800", "\\udfff", "\\uDBFF\\u0041", "\\udc00\\ud800"];
/** An overlong slash, half a character, a surrogate, and beyond the last code point. */
const brokenUtf8 = [[0xc0, 0xaf], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff], [0x80]];

/** Text that programs stumble over, in place of a string of the request: whole, escaped, or broken. */
export function unicode(chance: Chance, valid: Valid): Line {
  const line = JSON.stringify(valid);
  const strings = Array.from(line.matchAll(/:"[^"\\]*"/g));
  const { index, 0: found } = chance.of(strings);
  const put = (inside: Uint8Array | string, right: Line["right"]): Line => ({
    bytes: Buffer.concat([
      Buffer.from(`${line.slice(0, index)}:"`),
      Buffer.from(inside),
      Buffer.from(`"${line.slice(index + found.length)}`),
    ]),
    right,
  });
  const wish = chance.below(10);
  if (wish < 2) return put(chance.of(halves), ["PARSE_ERROR"]);
  if (wish < 4) return put(Uint8Array.from(chance.of(brokenUtf8)), ["PARSE_ERROR"]);
  const inside = Array.from({ length: 1 + chance.below(20) }, () => chance.of(bits)).join("");
  return put(wish < 7 ? inside : inEscapes(inside), null);
}

function inEscapes(plain: string): string {
  return Array.from(
    { length: plain.length },
    (_, at) => `\\u${plain.charCodeAt(at).toString(16).padStart(4, "0")}`,
  ).join("");
}

const allowed = [
  "1e999",
  "-1e999",
  "1e-999",
  "-0",
  "1.0",
  "1E5",
  "9007199254740993",
  "18446744073709551616",
  "0.1e-7",
  "-1",
  "3155760001",
  `1${"0".repeat(400)}`,
];
const forbidden = ["+1", ".5", "1.", "0x10", "NaN", "-Infinity", "01", "1e", "--1", "1_000", "٣"];

/** A number, of which many are none, in place of a value of the request. */
export function numbers(chance: Chance, valid: Valid): Line {
  const line = JSON.stringify(valid);
  const values = Array.from(line.matchAll(/:(?:"[^"\\]*"|\d+)/g));
  const { index, 0: found } = chance.of(values);
  const isAllowed = chance.happens(0.6);
  const number = chance.of(isAllowed ? allowed : forbidden);
  const changed = `${line.slice(0, index)}:${number}${line.slice(index + found.length)}`;
  return text(changed, isAllowed ? null : ["PARSE_ERROR"]);
}

const text = (line: string, right: Line["right"]): Line => ({ bytes: Buffer.from(line), right });
