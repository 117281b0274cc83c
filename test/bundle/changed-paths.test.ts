import { expect, test } from "bun:test";
import { meeting } from "../../src/cli/bundle/comparison.ts";
import { PathIndex } from "../../src/core/bundles/path-index.ts";

/** What the daemon compares of paths that changed with those that a bundle touches. */
function comparedByDaemon(changed: readonly string[], touched: readonly string[]): string[] {
  const index = new PathIndex<null>();
  for (const path of touched) index.add(path, null);
  return changed.filter((path) => index.meeting(path).length > 0);
}

/** Every character that has another case or composition, beside one that it may be taken for. */
function spellings(): [string, string][] {
  const pairs: [string, string][] = [];
  for (let point = 0; point <= 0x1ffff; point++) {
    const character = String.fromCodePoint(point);
    const others = [
      character.toUpperCase(),
      character.toLowerCase(),
      character.normalize("NFC"),
      character.normalize("NFD"),
    ];
    for (const other of new Set([...others, character.toLowerCase().toUpperCase()]))
      if (other !== character) pairs.push([character, other]);
  }
  return pairs;
}

test("no path that changed is left out which the daemon would take for one of the bundle's, however it is spelt", () => {
  const missed = spellings().flatMap(([one, other]) => {
    const [changed, touched] = [[`src/${one}.txt`], [`src/${other}.txt`]];
    return comparedByDaemon(changed, touched).length > meeting(changed, touched).length ? [`${one} ${other}`] : [];
  });
  expect(missed).toEqual([]);
});

test.each([
  ["a directory above what is touched", ["SRC"], ["src/a.txt"]],
  ["a file below what is touched", ["src/Straße/a.txt"], ["src/STRASSE"]],
  ["another spelling", ["STRAẞE.txt"], ["straße.txt"]],
])("%s meets it", (_what, changed, touched) => {
  expect(meeting(changed, touched)).toEqual(changed);
  expect(meeting(["src2", "srcs/a.txt"], touched)).toEqual([]);
});
