import type { Json } from "../../protocol/json.ts";

/** A document that can be read, but not as what it says: two readers could understand it differently. */
export class DocumentRefused extends Error {}

/**
 * Reads YAML as JSON.
 * @throws {DocumentRefused} for a key twice in one mapping, and for what `plainJson` refuses.
 * @throws {SyntaxError} for what is no YAML.
 */
export function parseYaml(text: string): Json {
  const value = plainJson(Bun.YAML.parse(text));
  refuseTwins(text);
  return value;
}

/**
 * What a reader of YAML or TOML made, as JSON that says the same.
 * @throws {DocumentRefused} for an alias that holds itself, and for numbers JSON has no words for or that lose digits.
 */
export function plainJson(value: unknown): Json {
  refuseUnsayable(value, new Set(), new Set());
  return value as Json;
}

function refuseUnsayable(value: unknown, around: Set<object>, known: Set<object>): void {
  if (typeof value === "number") refuseNumber(value);
  if (typeof value !== "object" || value === null || known.has(value)) return;
  if (around.has(value)) {
    throw new DocumentRefused("an alias stands inside what it stands for, so it has no end; write it out");
  }
  around.add(value);
  for (const item of Object.values(value)) refuseUnsayable(item, around, known);
  around.delete(value);
  known.add(value);
}

/** From here on JavaScript writes a number with an exponent, as a person who means one of that size does. */
const exponentFrom = 1e21;

function refuseNumber(value: number): void {
  if (!Number.isFinite(value)) {
    throw new DocumentRefused(`it has the number ${value}, which JSON does not know; write it as text, in quotes`);
  }
  if (!Number.isInteger(value) || Number.isSafeInteger(value) || Math.abs(value) >= exponentFrom) return;
  throw new DocumentRefused(
    `it has a number of more digits than are kept, about ${value}; write it as text, in quotes`,
  );
}

/**
 * Refuses a key that stands twice in one mapping: the reader keeps the last and says nothing. So each key is marked with
 * where it stands, which makes all of them different, and where two of one mapping are the same without their marks,
 * they are one key.
 */
function refuseTwins(text: string): void {
  const mark = unusedCharacter(text);
  const { marked, lines } = markKeys(text, mark);
  const marks = new RegExp(`${mark}(\\d+)${mark}`, "g");
  let value: unknown;
  try {
    value = Bun.YAML.parse(marked);
  } catch {
    throw new DocumentRefused("its keys cannot be told apart; put those in quotes that hold a colon or a quote");
  }
  for (const mapping of mappingsIn(value)) {
    const seen = new Map<string, string>();
    for (const key of Object.keys(mapping)) {
      const plain = key.replaceAll(marks, "");
      const twin = seen.get(plain);
      if (twin !== undefined) throw new DocumentRefused(twice(plain, [twin, key], marks, lines));
      seen.set(plain, key);
    }
  }
}

function twice(key: string, twins: readonly string[], marks: RegExp, lines: readonly number[]): string {
  const at = twins
    .map((twin) => lines[Number([...twin.matchAll(marks)].at(-1)?.[1])])
    .filter((line) => line !== undefined);
  const where = at.length === 0 ? "" : `, in line ${at.join(" and again in line ")}`;
  return `the key ${JSON.stringify(key)} stands twice in one mapping${where}; only one of them would count`;
}

/** A character for private use that the text does not hold. */
function unusedCharacter(text: string): string {
  for (let code = 0xe000; code < 0xf8ff; code++) {
    const character = String.fromCharCode(code);
    if (!text.includes(character)) return character;
  }
  throw new DocumentRefused("it holds every character there is for private use");
}

/** The text with a mark in each key, and the line of each mark. What only looks like a key may be marked as well. */
function markKeys(text: string, mark: string): { marked: string; lines: number[] } {
  const lines: number[] = [];
  const marked = text.split("\n").map((line, index) => {
    let copied = 0;
    let markedLine = "";
    for (const end of keyEnds(line)) {
      markedLine += `${line.slice(copied, end)}${mark}${lines.length}${mark}`;
      copied = end;
      lines.push(index + 1);
    }
    return markedLine + line.slice(copied);
  });
  return { marked: marked.join("\n"), lines };
}

/** A key that does not stand before its colon, but behind a question mark. */
const explicitKey = /^\s*(?:-\s+)*\?\s+[^\s#'"[{|>&*!?][^#:]*$/;
/** The longest key YAML takes before a colon. */
const keyCharsMax = 1024;

/** Where the keys of a line end. */
function keyEnds(line: string): number[] {
  if (explicitKey.test(line)) return [line.trimEnd().length];
  const ends: number[] = [];
  for (let colon = line.indexOf(":"); colon !== -1; colon = line.indexOf(":", colon + 1)) {
    const start = Math.max(0, colon - keyCharsMax);
    const end = keyEnd(line.slice(start, colon), line[colon + 1]);
    if (end !== null) ends.push(start + end);
  }
  return ends;
}

/** Where in a line, before a colon, a key ends; null where what stands there is no key that could be marked. */
function keyEnd(before: string, next: string | undefined): number | null {
  const line = before.trimEnd();
  const last = line.at(-1);
  const isQuoted = last === '"' || last === "'";
  if (last === undefined || (next !== undefined && !/[\s,[\]{}"']/.test(next) && !isQuoted)) return null;
  // A quote within quotes is no end, nor is the one that opens them.
  if (last === '"' && line.at(-2) === "\\") return null;
  if (last === "'" && (line.length - line.replace(/'+$/, "").length) % 2 === 0) return null;
  if (isQuoted) return /(?:^|[\s[{,:])["']$/.test(line) ? null : line.length - 1;
  // An alias, an anchor or a tag alone, a mapping as a key, and no key at all.
  if (/[\]}]$/.test(line) || /(?:^|[\s[{,])(?:[*&!]\S*|[-?])$/.test(line)) return null;
  return line.length;
}

function* mappingsIn(value: unknown, seen = new Set<object>()): Generator<object> {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (!Array.isArray(value)) yield value;
  for (const item of Object.values(value)) yield* mappingsIn(item, seen);
}
