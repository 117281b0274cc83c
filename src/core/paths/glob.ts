import type { Fold, Folded } from "./case-fold.ts";
import { codePointOf, inNames, unionOf } from "./character-set.ts";
import { limits } from "../../protocol/limits.ts";
import { type Decision, isRefusal, type Refusal, type Unusable } from "../decision.ts";
import { present } from "../../protocol/present.ts";

/** A part of a segment: itself, one character of some, or any run of characters, `**` also across `/`. */
export type Token = { kind: "literal"; text: string } | ({ kind: "oneOf" } & Folded) | { kind: "*" } | { kind: "**" };
export type Segment = readonly Token[];

/**
 * A pattern without braces. A segment that is `**` alone stands for any number of segments, at the end for at least one;
 * there is no other `**` in it.
 */
export interface FlatGlob {
  absolute: boolean;
  segments: readonly Segment[];
}

/** How a fault becomes a refusal; whoever calls knows the key that has it. */
export interface Faults {
  malformed(why: string): Refusal<"INVALID_PARAMS">;
  exceeding(limit: "globCharsMax" | "globWildcardsMax", got: number): Refusal<"LIMIT_EXCEEDED">;
}

/** Why `..` is refused. */
export const climbs = 'it holds "..", and where that leads is for links to say; write the path without it';

/**
 * The alternatives of a glob, its braces expanded as shells do.
 *
 * The grammar is that of glob(7), with the `**` of gitignore(5) and rsync(1). `*` is any run of characters and `?` any one,
 * but `/`; `[a-c]` is one of these, `[!a-c]` or `[^a-c]` one of the others, never `/`. `**` is any run with `/`; as a
 * segment of its own it is any number of segments, none as well where others follow. `{a,b}` nests, and `\` takes the next
 * character as it is. A dot at the start of a name is a character like others. What other programs read in several ways
 * is refused: `{a}`, `{1..9}`, `[[:alpha:]]`.
 */
export function parseGlob(pattern: string, fold: Fold, faults: Faults): Decision<FlatGlob[], Unusable> {
  const characters = Array.from(pattern);
  if (characters.length > limits.globCharsMax) return faults.exceeding("globCharsMax", characters.length);
  const parts = parseParts({ characters, at: 0 }, fold, faults, false);
  if (isRefusal(parts)) return parts;
  const { expanded } = extentOf(parts);
  if (expanded > limits.globCharsMax) return faults.exceeding("globCharsMax", expanded);
  const glued = expand(parts).map(toPattern);
  // Each has a wildcard at least.
  const alternatives = glued.reduce((sum, one) => sum + alternativesOf(one), 0);
  if (alternatives > glued.length + limits.globWildcardsMax) return faults.exceeding("globWildcardsMax", alternatives);
  const patterns = glued.flatMap(unglued);
  const tokens = patterns.flatMap(({ segments }) => segments.flat());
  const wildcards = tokens.filter(({ kind }) => kind !== "literal").length;
  if (wildcards > limits.globWildcardsMax) return faults.exceeding("globWildcardsMax", wildcards);
  if (patterns.some(leadsOut)) return faults.malformed(climbs);
  const named = patterns.filter(({ segments }) => segments.length > 0);
  return named.length > 0 ? named : faults.malformed("it matches no path; to match everything write glob:**");
}

type Part = Token | { kind: "/" } | { kind: "{}"; alternatives: Part[][] };

interface Cursor {
  readonly characters: readonly string[];
  at: number;
}

/** Up to the end, or inside braces up to the `,` or `}` that ends the alternative. */
function parseParts(cursor: Cursor, fold: Fold, faults: Faults, inBraces: boolean): Decision<Part[], "INVALID_PARAMS"> {
  const parts: Part[] = [];
  for (;;) {
    const character = cursor.characters[cursor.at];
    if (character === undefined) return inBraces ? faults.malformed(`a "{" has no "}"; a brace itself is \\{`) : parts;
    if (inBraces && (character === "," || character === "}")) return parts;
    cursor.at++;
    const part = parsePart(character, cursor, fold, faults);
    if (isRefusal(part)) return part;
    parts.push(part);
  }
}

function parsePart(character: string, cursor: Cursor, fold: Fold, faults: Faults): Decision<Part, "INVALID_PARAMS"> {
  switch (character) {
    case "/":
      return { kind: "/" };
    case "*":
      return { kind: take(cursor, "*") ? "**" : "*" };
    case "?":
      return { kind: "oneOf", ...fold.oneOf([], true) };
    case "[":
      return parseClass(cursor, fold, faults);
    case "{":
      return parseBraces(cursor, fold, faults);
    case "}":
      return faults.malformed(`a "}" has no "{"; a brace itself is \\}`);
    case "\\": {
      const escaped = cursor.characters[cursor.at++];
      if (escaped !== undefined && escaped !== "/") return { kind: "literal", text: fold.text(escaped) };
      return faults.malformed(`a "\\" has nothing to escape; a backslash itself is \\\\`);
    }
    default:
      return { kind: "literal", text: fold.text(character) };
  }
}

/** Whether these characters come next, any number of times; they are passed over. */
function take(cursor: Cursor, wanted: string): boolean {
  const start = cursor.at;
  while (cursor.characters[cursor.at] === wanted) cursor.at++;
  return cursor.at > start;
}

function parseBraces(cursor: Cursor, fold: Fold, faults: Faults): Decision<Part, "INVALID_PARAMS"> {
  const alternatives: Part[][] = [];
  do {
    const alternative = parseParts(cursor, fold, faults, true);
    if (isRefusal(alternative)) return alternative;
    alternatives.push(alternative);
  } while (cursor.characters[cursor.at++] === ",");
  if (alternatives.length > 1) return { kind: "{}", alternatives };
  return faults.malformed(
    "braces without a comma mean different things elsewhere; write {a,b}, or a brace itself as \\{",
  );
}

function parseClass(cursor: Cursor, fold: Fold, faults: Faults): Decision<Part, "INVALID_PARAMS"> {
  const next = () => cursor.characters[cursor.at];
  const negated = next() === "!" || next() === "^";
  if (negated) cursor.at++;
  const ranges: [number, number][] = [];
  for (let first = true; first || next() !== "]"; first = false) {
    const from = classMember(cursor, faults);
    if (isRefusal(from)) return from;
    const isRange = next() === "-" && cursor.characters[cursor.at + 1] !== "]";
    if (isRange) cursor.at++;
    const to = isRange ? classMember(cursor, faults) : from;
    if (isRefusal(to)) return to;
    if (to < from) return faults.malformed("a range in [ ] is backwards; give the lower end first");
    ranges.push([from, to]);
  }
  cursor.at++;
  return { kind: "oneOf", ...fold.oneOf(inNames(unionOf(ranges)), negated) };
}

function classMember(cursor: Cursor, faults: Faults): Decision<number, "INVALID_PARAMS"> {
  const { characters } = cursor;
  if (characters[cursor.at] === "[" && /^[:.=]$/.test(characters[cursor.at + 1] ?? ""))
    return faults.malformed("named classes such as [:alpha:] are not known; write the range, such as [a-z]");
  if (characters[cursor.at] === "\\") cursor.at++;
  const character = characters[cursor.at++];
  if (character === undefined) return faults.malformed(`a "[" has no "]"; a bracket itself is \\[`);
  if (character === "/") return faults.malformed(`"/" in [ ] can never match; write {a,/} for a choice with it`);
  return codePointOf(character);
}

/** How many alternatives expansion gives, and how many parts they have together, one more for each. */
function extentOf(parts: readonly Part[]): { count: number; expanded: number } {
  let count = 1;
  let length = 0;
  for (const part of parts) {
    if (part.kind !== "{}") {
      length += count;
      continue;
    }
    const extents = part.alternatives.map(extentOf);
    const choices = extents.reduce((sum, extent) => sum + extent.count, 0);
    const inside = extents.reduce((sum, extent) => sum + extent.expanded - extent.count, 0);
    length = length * choices + count * inside;
    count *= choices;
  }
  return { count, expanded: length + count };
}

type Flat = Token | { kind: "/" };

function expand(parts: readonly Part[]): Flat[][] {
  let heads: Flat[][] = [[]];
  for (const part of parts) {
    if (part.kind === "{}") {
      const tails = part.alternatives.flatMap(expand);
      heads = heads.flatMap((head) => tails.map((tail) => [...head, ...tail]));
    } else for (const head of heads) head.push(part);
  }
  return heads;
}

/** Without empty segments, `.`, and repetitions of `**`. */
function toPattern(parts: readonly Flat[]): FlatGlob {
  let last: Token[] = [];
  const split = [last];
  for (const part of parts) {
    if (part.kind === "/") split.push((last = []));
    else last.push(part);
  }
  const segments = split
    .map(withoutRuns)
    .filter((segment) => segment.length > 0 && literalOf(segment) !== ".")
    .filter((segment, at, all) => !(isAnyDepth(segment) && isAnyDepth(all[at + 1])));
  return { absolute: parts[0]?.kind === "/", segments };
}

/** Runs in a row are `**`, also where braces kept them apart. */
function withoutRuns(segment: Segment): Segment {
  const kept: Token[] = [];
  for (const token of segment) {
    if (isRun(token) && isRun(kept.at(-1))) kept[kept.length - 1] = { kind: "**" };
    else kept.push(token);
  }
  return kept;
}

/** How many alternatives `unglued` gives. */
const alternativesOf = ({ segments }: FlatGlob) =>
  2 ** segments.reduce((sum, segment) => sum + segment.slice(1).filter(isDeepRun).length, 0);

/** Where `**` is a part of a name: the alternatives in which its run has no `/`, and in which it has some. */
function unglued({ absolute, segments }: FlatGlob): FlatGlob[] {
  const at = segments.findIndex((segment) => !isAnyDepth(segment) && segment.some(isDeepRun));
  const segment = segments[at];
  if (segment === undefined) return [{ absolute, segments }];
  const run = segment.findIndex(isDeepRun);
  const [before, after] = [segment.slice(0, run), segment.slice(run + 1)];
  const above = segments.slice(0, at);
  const below = segments.slice(at + 1);
  const parted = [...(before.length === 0 ? [] : [[...before, anyRun]]), [deepRun], [anyRun, ...after]];
  const whole = before.length === 0 ? [] : [[...above, [...before, anyRun, ...after], ...below]];
  return [...whole, [...above, ...parted, ...below]].flatMap((one) => unglued({ absolute, segments: one }));
}

const anyRun: Token = { kind: "*" };
const deepRun: Token = { kind: "**" };
const isDeepRun = ({ kind }: Token) => kind === "**";

const isRun = (token: Token | undefined) => token?.kind === "*" || token?.kind === "**";

const leadsOut = ({ segments }: FlatGlob) => segments.some((segment) => literalOf(segment) === "..");

/** What a pattern takes in memory, at the most, with all that is made of it when it is compared. */
export function bytesOf({ segments }: FlatGlob): number {
  const bytes = segments.map((segment) => segment.reduce((sum, token) => sum + tokenBytes(token), segmentBytes));
  return bytes.reduce((sum, its) => sum + its, 0);
}

const segmentBytes = 800;
/** A token with its cell and its state of an automaton. */
const tokenBytesMin = 320;

function tokenBytes(token: Token): number {
  if (token.kind === "literal") return tokenBytesMin * Math.max(1, token.text.length);
  if (token.kind !== "oneOf") return tokenBytesMin;
  const rests = token.several.reduce((sum, { first, rest }) => sum + 16 * first.length + 130 * (1 + rest.length), 0);
  return tokenBytesMin + 16 * token.set.length + rests;
}

/** Whether a segment is `**` alone. */
export function isAnyDepth(segment: Segment | undefined): boolean {
  return segment?.length === 1 && segment[0]?.kind === "**";
}

/** The one name a segment matches, where it has no wildcard; else null. */
export function literalOf(segment: Segment): string | null {
  let name = "";
  for (const token of segment) {
    if (token.kind !== "literal") return null;
    name += token.text;
  }
  return name;
}

/** What a segment's names all end with. */
export function endingOf(segment: Segment): string {
  const wildcard = segment.findLastIndex((token) => token.kind !== "literal");
  return present(literalOf(segment.slice(wildcard + 1)), "the name behind the last wildcard");
}
