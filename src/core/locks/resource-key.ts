import { exactCase, type Fold, ignoreCase } from "../paths/case-fold.ts";
import { unmarkedFault } from "../../protocol/key-words.ts";
import { limits } from "../../protocol/limits.ts";
import { normalisedPath } from "../../protocol/path-spelling.ts";
import { snakeCase } from "../../protocol/method.ts";
import { type Decision, isRefusal, refuse, type Unusable } from "../decision.ts";
import { bytesOf, climbs, endingOf, type Faults, type FlatGlob, literalOf, parseGlob } from "../paths/glob.ts";
import { literalPattern, type PathPattern, pathPattern } from "../paths/path-pattern.ts";
import { present } from "../../protocol/present.ts";

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
  /** A path is one; a glob has one for each that its braces allow. */
  alternatives: readonly Alternative[];
}

/** Where paths of a key lie, which is enough to tell most keys apart. */
export interface Alternative {
  /** `""` is the scope's root, `"/"` that of absolute paths. */
  path: string;
  /** Whether also what is under that path. */
  deep: boolean;
  /** What all of its paths end with. */
  ending: string;
  /** What it takes in memory, with its pattern. */
  bytes: number;
  /** Exactly these paths; made when first asked for. */
  pattern(): PathPattern;
}

/** How the keys of one scope are read; keys that were read differently cannot be compared. */
export interface KeyRules {
  /** For case-insensitive file systems; opaque keys are compared as written all the same. */
  ignoreCase: boolean;
  /**
   * The global scope takes any text, as the original did, and absolute paths as they are: beside relative paths, and like
   * these part of `dir:.`. In a `named` scope a key is a path from its root or a `name:`, as anything else would guard
   * nothing; where its root lies only the client knows, and each worktree has another.
   */
  scope: "global" | "named";
}

/**
 * Reads a key. Paths are normalised: no `.`, no doubled or trailing `/`, Unicode NFC. Unusable are NUL, `..`, no path, a
 * malformed glob, and in a named scope an absolute path and a name that is not marked.
 */
export function parseResourceKey(written: string, rules: KeyRules): Decision<ResourceKey, Unusable> {
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
      return nameKey(written, rules);
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

/** The most bytes a key takes in memory. */
export function keyBytes(key: ResourceKey): number {
  const alternatives = key.kind === "opaque" ? [] : key.alternatives;
  return (
    300 + 4 * (key.written.length + key.normal.length) + alternatives.reduce((sum, { bytes }) => sum + 200 + bytes, 0)
  );
}

function nameKey(written: string, rules: KeyRules): Decision<ResourceKey, Unusable> {
  if (written.length > limits.keyCharsMax) return exceeding(written, "keyCharsMax", written.length);
  const fault = rules.scope === "named" ? unmarkedFault(written) : null;
  return fault === null ? opaqueKey(written) : malformed(written, fault);
}

function opaqueKey(written: string): ResourceKey {
  return { kind: "opaque", written, normal: written };
}

function pathKey(kind: "file" | "dir", written: string, text: string, rules: KeyRules) {
  if (text.length > limits.pathCharsMax) return exceeding(written, "pathCharsMax", text.length);
  if (text === "") return malformed(written, `it has no path; write ${kind === "dir" ? "dir:." : "file:PATH"}`);
  const { absolute, segments } = normalisedPath(text);
  if (segments.includes("..")) return malformed(written, climbs);
  if (absolute && rules.scope === "named") return malformed(written, relativeWanted);
  if (kind === "file" && segments.length === 0)
    return malformed(written, `it names a directory; write dir:${absolute ? "/" : "."}`);

  if (segments.length > limits.pathDepthMax) return exceeding(written, "pathDepthMax", segments.length);
  const names = segments.map((name) => foldOf(rules).text(name));
  const path = joined(absolute, names);
  const deep = kind === "dir";
  const pattern = lazily(() => literalPattern(absolute, names, deep));
  const bytes = 300 + 500 * names.length + 20 * path.length;
  const alternative = { path, deep, ending: deep ? "" : path, bytes, pattern };
  return { kind, written, normal: `${kind}:${path === "" ? "." : path}`, alternatives: [alternative] };
}

function globKey(written: string, text: string, rules: KeyRules): Decision<ResourceKey, Unusable> {
  const faults: Faults = {
    malformed: (why) => malformed(written, why),
    exceeding: (limit, got) => exceeding(written, limit, got),
  };
  if (text.length > 2 * limits.globCharsMax) return exceeding(written, "globCharsMax", text.length);
  const { absolute, segments } = normalisedPath(text);
  if (segments.length > limits.pathDepthMax) return exceeding(written, "pathDepthMax", segments.length);
  const pattern = joined(absolute, segments);
  const patterns = parseGlob(pattern, foldOf(rules), faults);
  if (isRefusal(patterns)) return patterns;
  if (rules.scope === "named" && patterns.some((one) => one.absolute)) return malformed(written, relativeWanted);
  return { kind: "glob", written, normal: `glob:${pattern}`, alternatives: patterns.map(alternativeOf) };
}

const joined = (absolute: boolean, segments: readonly string[]) => (absolute ? "/" : "") + segments.join("/");

const foldOf = (rules: KeyRules): Fold => (rules.ignoreCase ? ignoreCase : exactCase);

/** The directory before the first wildcard with all under it; without a wildcard, the one path. */
function alternativeOf(pattern: FlatGlob): Alternative {
  const names = pattern.segments.map(literalOf);
  const wild = names.indexOf(null);
  const literal = wild === -1 ? names : names.slice(0, wild);
  const path = joined(
    pattern.absolute,
    literal.map((name) => present(name, "the name before a wildcard")),
  );
  const ending = wild === -1 ? path : endingOf(present(pattern.segments.at(-1), "the segment of a wildcard"));
  return { path, deep: wild !== -1, ending, bytes: bytesOf(pattern), pattern: lazily(() => pathPattern(pattern)) };
}

function lazily(make: () => PathPattern): () => PathPattern {
  let made: PathPattern | undefined;
  return () => (made ??= make());
}

const relativeWanted =
  "its path is absolute, but a key in a scope is relative to the scope's root; name it from that root";

function malformed(written: string, why: string) {
  const message = `resource key ${JSON.stringify(written)} cannot be used: ${why}`;
  return refuse("INVALID_PARAMS", message, { resource_key: written });
}

/** What a key has too much of, and what to lock instead. */
const counted = {
  keyCharsMax: "characters",
  pathCharsMax: "characters; lock a directory above",
  pathDepthMax: "directories, one in another; lock a directory above",
  globCharsMax: "characters, braces expanded; lock a directory above",
  globWildcardsMax: "wildcards, braces expanded; lock a directory above",
} as const;

function exceeding(written: string, limit: keyof typeof counted, got: number) {
  const shown = JSON.stringify(`${written.slice(0, 80)}…`);
  const [unit, instead] = counted[limit].split("; ");
  const advice = instead ?? "shorten it";
  const message = `resource key ${shown} cannot be used: it has ${got} ${unit}, and the limit is ${limits[limit]}; ${advice}`;
  return refuse("LIMIT_EXCEEDED", message, { limit: snakeCase(limit), max: limits[limit], got });
}
