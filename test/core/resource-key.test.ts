import { describe, expect, test } from "bun:test";
import { isRefusal } from "../../src/core/decision.ts";
import { searchStepsMax } from "../../src/core/paths/automaton.ts";
import { compatible, overlaps } from "../../src/core/locks/overlap.ts";
import { type KeyRules, parseResourceKey, readResourceKey } from "../../src/core/locks/resource-key.ts";
import { WorkBudget } from "../../src/core/work-budget.ts";
import type { LockMode } from "../../src/protocol/types.ts";

const ample = () => new WorkBudget(Infinity);

/** The one global scope of the original, and a repository's. */
const global: KeyRules = { ignoreCase: false, scope: "global" };
const repository: KeyRules = { ignoreCase: false, scope: "named" };
const caseless: KeyRules = { ignoreCase: true, scope: "global" };

function parsed(written: string, rules: KeyRules = global) {
  const key = parseResourceKey(written, rules);
  if (isRefusal(key)) throw new Error(key.message);
  return key;
}

describe("a key is read", () => {
  test.each([
    ["as it is", "file:src/lib.rs", "file:src/lib.rs"],
    ["without a leading ./", "file:./src/lib.rs", "file:src/lib.rs"],
    ["without . between", "dir:src/./a", "dir:src/a"],
    ["without doubled slashes", "file:src//a///b", "file:src/a/b"],
    ["without trailing slashes", "dir:src//", "dir:src"],
    ["with the scope's root as .", "dir:././", "dir:."],
    ["with its accents composed", "file:cafe\u0301", "file:caf\u00e9"],
    ["with an absolute path", "file:///etc/./hosts", "file:/etc/hosts"],
    ["with the root of absolute paths", "dir://", "dir:/"],
    ["with a name that only begins with dots", "file:..a/...", "file:..a/..."],
    ["with wildcards that are none in a file's name", "file:app/[id]/*.ts", "file:app/[id]/*.ts"],
    ["with spaces, quotes and newlines", "file: a\n'b'", "file: a\n'b'"],
    ["as a glob", "glob:./src//**/*.{ts,js}/", "glob:src/**/*.{ts,js}"],
    ["as opaque, of another kind", "artifact:./a//b", "artifact:./a//b"],
    ["as opaque, without a kind", "the build", "the build"],
    ["as opaque, with a kind in other letters", "File:./a", "File:./a"],
  ])("%s", (_, written, normal) => {
    expect(parsed(written)).toMatchObject({ written, normal });
  });
});

describe("a key is refused", () => {
  test.each<[string, string, string]>([
    ["with NUL", "tool:a\0b", "NUL character"],
    ["whose kind is in other letters, and so would guard nothing", "File:src/a", "file:src/a"],
    ["that is a path without a kind", "src/a", "write file:src/a for the path"],
    ["that is a name without a mark", "tool:git", "write name:tool:git for a name"],
    ["that climbs out", "file:../a", 'it holds ".."'],
    ["that climbs", "dir:a/../b", 'it holds ".."'],
    ["that climbs in a brace", "glob:{src,../lib}/*", 'it holds ".."'],
    ["with an absolute file", "file:/etc/hosts", "name it from that root"],
    ["with an absolute directory", "dir:/", "name it from that root"],
    ["with an absolute alternative", "glob:{a,/b}/*", "name it from that root"],
    ["that names no file", "file:", "write file:PATH"],
    ["that names no directory", "dir:", "write dir:."],
    ["whose file is the root", "file:./", "write dir:."],
    ["that matches nothing", "glob:", "write glob:**"],
    ["that matches nothing but the root", "glob:{,./}", "write glob:**"],
    ["with an open bracket", "glob:a[bc", 'a "[" has no "]"'],
    ["with an empty bracket", "glob:a[]", 'a "[" has no "]"'],
    ["with an open brace", "glob:{a,b", 'a "{" has no "}"'],
    ["with a closed brace", "glob:a}", 'a "}" has no "{"'],
    ["with a backslash at the end", "glob:a\\", 'a "\\" has nothing to escape'],
    ["with an escaped slash", "glob:a\\/b", 'a "\\" has nothing to escape'],
    ["with a slash in brackets", "glob:a[/]b", '"/" in [ ] can never match'],
    ["with a range that runs backwards", "glob:[z-a]", "is backwards"],
    ["with a named class", "glob:[[:alpha:]]", "write the range"],
    ["with a brace that is no choice", "glob:a{b}", "braces without a comma"],
    ["with a range in braces", "glob:{1..9}", "braces without a comma"],
  ])("%s", (_, written, why) => {
    const message = expect.stringContaining(why) as unknown;
    expect(parseResourceKey(written, repository)).toMatchObject({
      refused: "INVALID_PARAMS",
      message,
      facts: { resource_key: written },
    });
  });

  test.each([
    ["with a path longer than Linux takes", `file:${"a".repeat(4_097)}`, "path_chars_max", 4_096, 4_097],
    ["with a long pattern", `glob:${"?".repeat(1_025)}`, "glob_chars_max", 1_024, 1_025],
    ["with a very long pattern", `glob:${"a".repeat(10_000)}`, "glob_chars_max", 1_024, 10_000],
    ["whose name is deep", `file:${"a/".repeat(64)}b`, "path_depth_max", 64, 65],
    ["whose pattern is deep", `glob:${"a/".repeat(64)}*`, "path_depth_max", 64, 65],
    ["with many wildcards", `glob:${"?".repeat(257)}`, "glob_wildcards_max", 256, 257],
    ["whose braces give it many wildcards", `glob:${"{a,b}".repeat(6)}?????`, "glob_wildcards_max", 256, 320],
    ["whose runs across directories give it many wildcards", `glob:${"a**".repeat(9)}`, "glob_wildcards_max", 256, 512],
    ["that is opaque and long", "a".repeat(4_097), "key_chars_max", 4_096, 4_097],
    ["whose braces make it long", `glob:${"{a,b}".repeat(10)}`, "glob_chars_max", 1_024, 11_264],
  ])("%s", (_, written, limit, max, got) => {
    expect(parseResourceKey(written, repository)).toMatchObject({
      refused: "LIMIT_EXCEEDED",
      facts: { limit, max, got },
    });
  });
});

describe("the original's clients keep their keys", () => {
  test.each([
    "file:../a",
    "file:",
    "glob:[",
    "dir:a/..",
    `file:${"a".repeat(5_000)}`,
    `file:${"a/".repeat(200)}a`,
    "x".repeat(9_000),
  ])("%.20s is opaque", (written) => {
    expect(readResourceKey(written, global)).toEqual({ kind: "opaque", written, normal: written });
  });

  test("a key with a meaning has it", () => {
    expect(overlaps(readResourceKey("file:/src/a", global), readResourceKey("dir:/src", global), ample())).toBe(true);
  });
});

type Pair = [what: string, a: string, b: string];

const together: Pair[] = [
  ["a file and itself", "file:a", "file:./a"],
  ["a directory and its file", "dir:src", "file:src/lib.rs"],
  ["a directory and a file deep in it", "dir:src", "file:src/a/b/c"],
  ["a directory and a directory in it", "dir:src", "dir:src/a"],
  ["a path as file and as directory", "dir:src", "file:src"],
  ["the scope and a file", "dir:.", "file:a"],
  ["the scope and an absolute path", "dir:.", "file:/a"],
  ["the scope and a glob", "dir:.", "glob:*"],
  ["the root of absolute paths and one", "dir:/", "file:/a/b"],
  ["everything and a directory", "glob:**", "dir:a/b"],
  ["everything and an absolute path", "glob:**", "file:/a"],
  ["* and a name", "glob:src/*.ts", "file:src/a.ts"],
  ["* and no character", "glob:a*", "file:a"],
  ["* and a dot file", "glob:*", "file:.env"],
  ["? and a character of two UTF-16 units", "glob:?", "file:𝒳"],
  ["a class and its member", "glob:[a-cx]", "file:b"],
  ["a class and its last hyphen", "glob:[a-]", "file:-"],
  ["a class and its first bracket", "glob:[]a]", "file:]"],
  ["a class and an escaped bracket", "glob:[\\]]", "file:]"],
  ["a class left out and another character", "glob:[!a-c]", "file:d"],
  ["a class left out as regular expressions do", "glob:[^a]", "file:b"],
  ["braces and their second choice", "glob:src/{a,b}/*", "file:src/b/c"],
  ["braces in braces", "glob:{a,{b,c}d}", "file:cd"],
  ["braces and their empty choice", "glob:a{,.bak}", "file:a"],
  ["braces with a / and the path", "glob:a{/b,}/c", "file:a/b/c"],
  ["** and no directory", "glob:src/**/*.ts", "file:src/a.ts"],
  ["** and some directories", "glob:src/**/*.ts", "file:src/a/b/c.ts"],
  ["** at the start and no directory", "glob:**/a", "file:a"],
  ["** twice and no directory", "glob:a/**/**/b", "file:a/b"],
  ["** within a name and a /", "glob:src/**.ts", "file:src/a/b.ts"],
  ["two * that braces part, being **, and a /", "glob:a*{,x}*b", "file:a/b"],
  ["an escaped * and a *", "glob:a\\*", "file:a*"],
  ["a pattern and its directory above", "glob:src/**/*.ts", "dir:src"],
  ["a pattern and a directory inside", "glob:src/**/*.ts", "dir:src/a/b"],
  ["a pattern that matches the directory itself", "glob:s*", "dir:src"],
  ["two patterns with a path in common", "glob:src/*.ts", "glob:**/a*"],
  ["two patterns whose runs interlock", "glob:*ab", "glob:a*b"],
  ["two patterns with a choice in common", "glob:{a,b}/*", "glob:{c,b}/x"],
  ["two equal patterns, though nothing fits them", "glob:[.]", "glob:[.]"],
  ["free text and itself", "the build", "the build"],
];

const apart: Pair[] = [
  ["two files", "file:a", "file:b"],
  ["a file and what begins like it", "dir:src", "file:src2/a"],
  ["a file and what would be under it", "file:a", "file:a/b"],
  ["two directories side by side", "dir:src/a", "dir:src/b"],
  ["a directory and a file beside it", "dir:src/a", "file:src/b"],
  ["a relative path and an absolute one", "dir:etc", "file:/etc/hosts"],
  ["absolute paths and a relative one", "dir:/", "file:etc"],
  ["letters in another case", "file:a", "file:A"],
  ["* and a /", "glob:src/*", "file:src/a/b"],
  ["? and a /", "glob:a?b", "file:a/b"],
  ["a class left out and a /", "glob:a[!x]b", "file:a/b"],
  ["a class whose range spans / and a /", "glob:a[+-9]b", "file:a/b"],
  ["a class left out and its member", "glob:[!a-c]", "file:b"],
  ["** at the end and the directory itself", "glob:src/**", "file:src"],
  ["** and half a name", "glob:**/b", "file:ab"],
  ["an escaped * and another name", "glob:a\\*", "file:ab"],
  ["a pattern and a directory beside it", "glob:src/**/*.ts", "dir:test"],
  ["a pattern and a directory too deep for it", "glob:src/*", "dir:src/a/b"],
  ["two patterns with different endings", "glob:**/*.ts", "glob:src/**/*.rs"],
  ["two patterns that differ in the middle", "glob:a/*b*/c", "glob:a/[!b]/c"],
  ["two patterns that only . fits", "glob:?", "glob:[.]"],
  ["two patterns that only .. fits", "glob:a/??", "glob:a/[.][.]"],
  ["a path and an opaque key of the same text", "file:a", "a"],
  ["opaque keys that differ in spelling", "tool:a", "tool:./a"],
];

describe("overlapping", () => {
  test.each(together)("%s", (_, a, b) => {
    expect([overlaps(parsed(a), parsed(b), ample()), overlaps(parsed(b), parsed(a), ample())]).toEqual([true, true]);
  });
});

describe("apart", () => {
  test.each(apart)("%s", (_, a, b) => {
    expect([overlaps(parsed(a), parsed(b), ample()), overlaps(parsed(b), parsed(a), ample())]).toEqual([false, false]);
  });
});

describe("where case is ignored", () => {
  test.each<[...Pair, boolean]>([
    ["letters", "file:SRC/Lib.rs", "file:src/lib.rs", true],
    ["accents composed and not", "file:E\u0301", "file:\u00e9", true],
    ["ß and SS", "file:straße", "file:STRASSE", true],
    ["ß and ẞ", "file:ß", "file:ẞ", true],
    ["the sigmas", "file:ΟΔΟΣ", "file:οδος", true],
    ["İ and i with a dot above", "file:\u0130", "file:i\u0307", true],
    ["ı and I", "file:ı", "file:I", true],
    ["ǰ and J with a caron", "file:\u01f0", "file:J\u030c", true],
    ["a directory and a file in it", "dir:SRC", "file:src/a", true],
    ["a pattern and a name", "glob:*.TS", "file:a.ts", true],
    ["a class and a member in another case", "glob:[A-C]", "file:b", true],
    ["a class and what folds into it", "glob:[s]", "file:ſ", true],
    ["a class left out and its member in another case", "glob:[!A-C]", "file:b", false],
    ["a class and all but it in another case", "glob:[B]", "glob:[!b]", false],
    ["? and a letter that folds into three", "glob:a?.ts", "file:aﬃ.ts", true],
    ["? and three letters that are one in another case", "glob:a?.ts", "file:aFFI.ts", true],
    ["? and three letters that are not", "glob:a?.ts", "file:aFFO.ts", false],
    ["opaque keys", "tool:Git", "tool:git", false],
  ])("%s", (_, a, b, expected) => {
    expect(overlaps(parsed(a, caseless), parsed(b, caseless), ample())).toBe(expected);
  });

  test("the folded form is its own folded form, whatever the letter", () => {
    const unstable: string[] = [];
    for (let codePoint = 0; codePoint < 0x20000; codePoint++) {
      const letter = String.fromCodePoint(codePoint);
      if (letter.toUpperCase() === letter && letter.toLowerCase() === letter) continue;
      const { normal } = parsed(`file:${letter}`, caseless);
      if (parsed(normal, caseless).normal !== normal) unstable.push(letter);
    }
    expect(unstable).toEqual([]);
  });
});

describe("what comparing two keys costs", () => {
  /** In steps, as far as `searchStepsMax` and a little more. */
  function cost(a: string, b: string, rules: KeyRules = global): { steps: number; overlap: boolean } {
    let steps = 0;
    const budget = new WorkBudget(0);
    budget.spend = (more) => (steps += more);
    const overlap = overlaps(parsed(a, rules), parsed(b, rules), budget);
    return { steps, overlap };
  }

  test.each([
    ["runs without end that differ in their last letters", `${"*b".repeat(95)}*[y]1[q]`, `${"*b".repeat(95)}*[y]1[r]`],
    ["runs without end that differ in their first letters", `[y]${"*a".repeat(95)}`, `[z]${"*b".repeat(95)}`],
    ["one without runs", `${"*a".repeat(95)}[q]`, `${"a".repeat(190)}r[qr]`],
    ["names at any depth", `${"**/a*b/".repeat(31)}[x]`, `${"**/a*c/".repeat(31)}[y]`],
    ["question marks", `${"?".repeat(250)}[x]`, `${"?".repeat(250)}[y]`],
    ["many alternatives", `[x]{${"a,".repeat(120)}b}/c`, `[y]{${"d,".repeat(120)}e}/f`],
  ])("is bounded: %s", (_, a, b) => {
    const { steps, overlap } = cost(`glob:${a}`, `glob:${b}`);
    expect(overlap).toBe(false);
    expect(steps).toBeLessThan(100_000);
  });

  test.each([
    ["in two directories", "glob:src/**/*.ts", "glob:lib/**/*.ts"],
    ["of two kinds", "glob:**/*.test.ts", "glob:**/*.spec.ts"],
    ["of two names", "glob:src/**/a*.{ts,tsx,js,jsx}", "glob:src/**/b*.{ts,tsx,js,jsx}"],
    ["a file", "glob:src/**/*.ts", "file:src/a/b/c/d/e.js"],
  ])("is little for honest keys: %s", (_, a, b) => {
    const { steps, overlap } = cost(a, b);
    expect(overlap).toBe(false);
    expect(steps).toBeLessThan(1_000);
  });

  test("is bounded where case is ignored, too: what cannot be decided so counts as overlapping", () => {
    const keyOf = (letters: string) => `glob:${`*${letters}?`.repeat(60)}[${letters}]`;
    const { steps, overlap } = cost(keyOf("x"), keyOf("y"), caseless);
    expect(overlap).toBe(true);
    expect(steps).toBeLessThan(4 * searchStepsMax);
  });
});

test.each<[LockMode, LockMode, boolean]>([
  ["shared", "shared", true],
  ["shared", "exclusive", false],
  ["exclusive", "shared", false],
  ["exclusive", "exclusive", false],
])("%s beside %s: %p", (a, b, expected) => {
  expect(compatible(a, b)).toBe(expected);
});
