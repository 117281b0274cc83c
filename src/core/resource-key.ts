import { type Automaton, automatonOf, intersect } from "./automaton.ts";
import { exactCase, type Fold, ignoreCase } from "./case-fold.ts";
import type { LockMode } from "../protocol/types.ts";
import { type Decision, isRefusal, refuse } from "./decision.ts";
import { climbs, endingOf, type Faults, globCharsMax, literalOf, parseGlob, type PathPattern } from "./glob.ts";

/**
 * What a lock is on. `file:`, `dir:` and `glob:` keys stand for paths of a scope and overlap as these do; any other text
 * is opaque and overlaps with itself alone.
 */
export type ResourceKey = OpaqueKey | PathKey;

interface OpaqueKey {
  kind: "opaque";
  /** As the client wrote it, for people. */
  written: string;
  /** One spelling for keys that differ in spelling only. */
  normal: string;
}

export interface PathKey {
  kind: "file" | "dir" | "glob";
  written: string;
  normal: string;
  /** A glob has a place for each alternative. */
  places: readonly Place[];
}

/** Where paths of a key lie, which is enough to tell most keys apart. */
export interface Place {
  /** `""` is the scope's root, `"/"` that of absolute paths. */
  path: string;
  /** Whether also what is under that path. */
  deep: boolean;
  /** What all of its paths end with. */
  ending: string;
  /** Exactly these paths; made when first asked for. */
  paths(): Automaton;
}

/** How the keys of one scope are read; keys that were read differently cannot be compared. */
export interface KeyRules {
  /** For case-insensitive file systems; opaque keys are compared as written all the same. */
  ignoreCase: boolean;
  /**
   * Refused in a scope that has a root: only the client knows where that is, and each worktree has another. Kept in the
   * global scope, as they are: beside relative paths, and like these part of `dir:.`.
   */
  absolutePaths: "kept" | "refused";
}

/** Characters of a path, as many as Linux takes (PATH_MAX). */
export const pathCharsMax = 4_096;

/**
 * Reads a key. Paths are normalised: no `.`, no doubled or trailing `/`, Unicode NFC. Refusals: INVALID_PARAMS (NUL, `..`,
 * an absolute path where these are refused, no path, a malformed glob), LIMIT_EXCEEDED (a path or glob that is too long).
 */
export function parseResourceKey(written: string, rules: KeyRules): Decision<ResourceKey> {
  if (written.includes("\0"))
    return malformed(written, "it contains a NUL character, which a path cannot have; leave it out");
  const colon = written.indexOf(":");
  const text = written.slice(colon + 1);
  switch (written.slice(0, Math.max(colon, 0))) {
    case "file":
      return pathKey("file", written, text, rules);
    case "dir":
      return pathKey("dir", written, text, rules);
    case "glob":
      return globKey(written, text, rules);
    default:
      return opaqueKey(written);
  }
}

/**
 * Reads a key as the original's clients may send it, which knew no rules: one that would be refused is opaque, as all keys
 * were to the original.
 */
export function readResourceKey(written: string, rules: KeyRules): ResourceKey {
  const key = parseResourceKey(written, rules);
  return isRefusal(key) ? opaqueKey(written) : key;
}

/** Whether two keys of one scope stand for something in common. Exact, but for globs beyond `pairsMax`: then true. */
export function overlaps(a: ResourceKey, b: ResourceKey): boolean {
  if (a.normal === b.normal) return true;
  if (a.kind === "opaque" || b.kind === "opaque") return false;
  const meeting = a.places.flatMap((one) =>
    b.places.filter((other) => meet(one, other)).map((other) => [one, other] as const),
  );
  if (a.kind !== "glob" && b.kind !== "glob") return meeting.length > 0;
  return intersect(meeting);
}

/** Whether two may hold what overlaps. */
export function compatible(a: LockMode, b: LockMode): boolean {
  return a === "shared" && b === "shared";
}

/** What every path under a directory begins with. */
export function prefixUnder(directory: string): string {
  return directory === "" || directory === "/" ? directory : `${directory}/`;
}

function meet(a: Place, b: Place): boolean {
  const reaches = (from: Place, to: Place) => from.deep && to.path.startsWith(prefixUnder(from.path));
  if (!a.ending.endsWith(b.ending) && !b.ending.endsWith(a.ending)) return false;
  return a.path === b.path || reaches(a, b) || reaches(b, a);
}

function opaqueKey(written: string): ResourceKey {
  return { kind: "opaque", written, normal: written };
}

function pathKey(kind: "file" | "dir", written: string, text: string, rules: KeyRules): Decision<ResourceKey> {
  if (text.length > pathCharsMax) return tooLong(written, "path_chars_max", pathCharsMax, text.length);
  if (text === "") return malformed(written, `it has no path; write ${kind === "dir" ? "dir:." : "file:PATH"}`);
  const { absolute, segments } = normalised(text);
  if (segments.includes("..")) return malformed(written, climbs);
  if (absolute && rules.absolutePaths === "refused") return malformed(written, relativeWanted);
  if (kind === "file" && segments.length === 0)
    return malformed(written, `it names a directory; write dir:${absolute ? "/" : "."}`);

  const names = segments.map((name) => foldOf(rules).text(name));
  const path = joined(absolute, names);
  const itself = { absolute, segments: names.map((name) => [{ kind: "literal" as const, text: name }]) };
  const under = { absolute, segments: [...itself.segments, [{ kind: "**" as const }]] };
  const place =
    kind === "file"
      ? { path, deep: false, ending: path, paths: lazily([itself]) }
      : { path, deep: true, ending: "", paths: lazily(names.length === 0 ? [under] : [itself, under]) };
  return { kind, written, normal: `${kind}:${path === "" ? "." : path}`, places: [place] };
}

function globKey(written: string, text: string, rules: KeyRules): Decision<ResourceKey> {
  const faults: Faults = {
    malformed: (why) => malformed(written, why),
    tooLong: (got) => tooLong(written, "glob_chars_max", globCharsMax, got),
  };
  if (text.length > 2 * globCharsMax) return faults.tooLong(text.length);
  const { absolute, segments } = normalised(text);
  const pattern = joined(absolute, segments);
  const patterns = parseGlob(pattern, foldOf(rules), faults);
  if (isRefusal(patterns)) return patterns;
  if (rules.absolutePaths === "refused" && patterns.some((one) => one.absolute))
    return malformed(written, relativeWanted);
  return { kind: "glob", written, normal: `glob:${pattern}`, places: patterns.map(placeOf) };
}

/** Of a glob neither `/` nor `.` as a segment means anything else: no class holds a `/`, and none can be escaped. */
function normalised(text: string): { absolute: boolean; segments: string[] } {
  const segments = text.normalize("NFC").split("/");
  return {
    absolute: segments.length > 1 && segments[0] === "",
    segments: segments.filter((name) => name !== "" && name !== "."),
  };
}

const joined = (absolute: boolean, segments: readonly string[]) => (absolute ? "/" : "") + segments.join("/");

const foldOf = (rules: KeyRules): Fold => (rules.ignoreCase ? ignoreCase : exactCase);

/** The directory before the first wildcard with all under it; without a wildcard, the one path. */
function placeOf(pattern: PathPattern): Place {
  const names = pattern.segments.map(literalOf);
  const wild = names.indexOf(null);
  const literal = wild === -1 ? names : names.slice(0, wild);
  const path = joined(
    pattern.absolute,
    literal.map((name) => name ?? ""),
  );
  const ending = wild === -1 ? path : endingOf(pattern.segments.at(-1) ?? []);
  return { path, deep: wild !== -1, ending, paths: lazily([pattern]) };
}

function lazily(patterns: readonly PathPattern[]): () => Automaton {
  let made: Automaton | undefined;
  return () => (made ??= automatonOf(patterns));
}

const relativeWanted =
  "its path is absolute, but a key in a scope is relative to the scope's root; name it from that root";

function malformed(written: string, why: string) {
  const message = `resource key ${JSON.stringify(written)} cannot be used: ${why}`;
  return refuse("INVALID_PARAMS", message, { resource_key: written });
}

function tooLong(written: string, limit: string, max: number, got: number) {
  const shown = JSON.stringify(`${written.slice(0, 80)}…`);
  const message = `resource key ${shown} cannot be used: it has ${got} characters, braces expanded, and the limit is ${max}; lock a directory above`;
  return refuse("LIMIT_EXCEEDED", message, { limit, max, got });
}
