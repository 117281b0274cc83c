import { describe, expect, test } from "bun:test";
import { isRefusal } from "../../src/core/decision.ts";
import { parseDiff } from "../../src/core/bundles/diff.ts";
import type { FileChange } from "../../src/core/bundles/file-change.ts";
import { relateFiles } from "../../src/core/bundles/file-relation.ts";

/** A file `x` of 40 lines `l1` to `l40`, changed: `-9` takes line 9 out, `=9` puts another in its place, `+9 a` puts `a` before it. */
function changed(...edits: string[]): FileChange {
  const sorted = edits.map((edit) => ({
    how: edit.charAt(0),
    line: Number.parseInt(edit.slice(1), 10),
    text: edit.split(" ")[1],
  }));
  let growth = 0;
  const hunks = sorted.map(({ how, line, text = "new" }) => {
    const removed = how === "+" ? [] : [`-l${line}`];
    const added = how === "-" ? [] : [`+${text}`];
    const start = (at: number, count: number) => `${count === 0 ? at - 1 : at},${count}`;
    const header = `@@ -${start(line, removed.length)} +${start(line + growth, added.length)} @@`;
    growth += added.length - removed.length;
    return [header, ...removed, ...added].join("\n");
  });
  return only(`diff --git a/x b/x\nindex 1234567..89abcde 100644\n--- a/x\n+++ b/x\n${hunks.join("\n")}\n`);
}

function only(diff: string, exact = true): FileChange {
  const changes = parseDiff(diff, { exact });
  if (isRefusal(changes)) throw new Error(changes.message);
  const [change] = changes;
  if (change === undefined) throw new Error("the diff changes nothing");
  return change;
}

const head = "diff --git a/x b/x\n";
const empty = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
const none = "0".repeat(40);
const id = (digit: string) => digit.repeat(40);
const chmod = only(`${head}old mode 100644\nnew mode 100755\n`);
const deleted = only(
  `${head}deleted file mode 100644\nindex 1234567..0000000\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-l1\n`,
);
const added = (text: string, mode = "100644") =>
  only(`${head}new file mode ${mode}\nindex 0000000..1234567\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+${text}\n`);
const addedEmpty = only(`${head}new file mode 100644\nindex ${none}..${empty}\n`);
const renamed = (to: string) => only(`diff --git a/x b/${to}\nsimilarity index 100%\nrename from x\nrename to ${to}\n`);
const copied = only("diff --git a/w b/x\nsimilarity index 100%\ncopy from w\ncopy to x\n");
const binary = (from: string, to: string) =>
  only(`${head}index ${from}..${to} 100644\nBinary files a/x and b/x differ\n`);

describe("two changes of one file", () => {
  test.each<[string, FileChange, FileChange, string]>([
    ["apart", changed("=5"), changed("=20"), "compatible"],
    ["with one line between", changed("=5"), changed("=7"), "compatible"],
    ["beside each other", changed("=5"), changed("=6"), "overlapping"],
    ["of the same line", changed("=5 a"), changed("=5 b"), "overlapping"],
    ["of the same line, done alike, and others apart", changed("=5 a", "=9 b"), changed("=5 a", "=20 c"), "compatible"],
    [
      "of the same line, done alike, and others beside",
      changed("=5 a", "=7 b"),
      changed("=5 a", "=6 c"),
      "overlapping",
    ],
    ["the same", changed("=5 a", "=9 b"), changed("=5 a", "=9 b"), "identical"],
    ["one part of the other", changed("=5 a"), changed("=5 a", "=9 b"), "compatible"],
    ["a line put in above a changed one", changed("+5 a"), changed("=5 b"), "overlapping"],
    ["a line put in below a changed one", changed("+6 a"), changed("=5 b"), "overlapping"],
    ["a line put in one line off", changed("+7 a"), changed("=5 b"), "compatible"],
    ["lines put in at one place", changed("+5 a"), changed("+5 b"), "overlapping"],
    ["lines put in at neighbouring places", changed("+5 a"), changed("+6 b"), "compatible"],
    ["a line taken out beside one put in", changed("-5"), changed("+6 a"), "overlapping"],
    ["a mode and lines", chmod, changed("=5"), "compatible"],
    ["a mode, the same", chmod, chmod, "identical"],
    ["a mode and a binary change", chmod, binary(id("1"), id("2")), "compatible"],
    ["a deletion and lines", deleted, changed("=5"), "overlapping"],
    ["a deletion and a mode", deleted, chmod, "overlapping"],
    ["a deletion, twice", deleted, deleted, "identical"],
    ["a rename and lines", renamed("y"), changed("=5"), "overlapping"],
    ["a rename and a mode", renamed("y"), chmod, "overlapping"],
    ["a rename and a deletion", renamed("y"), deleted, "overlapping"],
    ["a rename, twice", renamed("y"), renamed("y"), "identical"],
    ["renames to different names", renamed("y"), renamed("z"), "overlapping"],
    ["a new file, twice", added("1"), added("1"), "identical"],
    ["new files with different lines", added("1"), added("2"), "overlapping"],
    ["new files with different modes", added("1"), added("1", "100755"), "overlapping"],
    ["new files, one without newline at its end", added("1"), added("1\n\\ No newline at end of file"), "overlapping"],
    ["an empty new file, twice", addedEmpty, addedEmpty, "identical"],
    ["a new file and a copy", added("1"), copied, "overlapping"],
    ["binary changes", binary(id("1"), id("2")), binary(id("1"), id("3")), "overlapping"],
    ["binary changes to the same object", binary(id("1"), id("2")), binary(id("1"), id("2")), "identical"],
    [
      "binary changes to objects of the same short name",
      binary("1111111", "2222222"),
      binary("1111111", "2222222"),
      "overlapping",
    ],
    ["a binary change and lines", binary(id("1"), id("2")), changed("=5"), "overlapping"],
  ])("%s", (_, a, b, relation) => {
    expect([relateFiles(a, b).relation, relateFiles(b, a).relation]).toEqual([relation, relation] as never);
    expect(relateFiles(a, b).reason === null).toBe(relation !== "overlapping");
  });

  test("the lines that meet are told, and only those", () => {
    const { a, b } = relateFiles(changed("=2", "=10", "+30 a"), changed("=11", "=20", "-29"));
    expect({ a, b }).toEqual({
      a: [
        { start: 10, lines: 1 },
        { start: 30, lines: 0 },
      ],
      b: [
        { start: 11, lines: 1 },
        { start: 29, lines: 1 },
      ],
    });
  });
});

describe("lines of a diff that is not exact are", () => {
  const shown = (at: number, ...lines: string[]) => {
    const count = (but: string) => lines.filter((line) => !line.startsWith(but)).length;
    const hunk = `@@ -${count("+") === 0 ? at - 1 : at},${count("+")} +${at},${count("-")} @@\n${lines.join("\n")}\n`;
    return only(`${head}index 1234567..89abcde 100644\n--- a/x\n+++ b/x\n${hunk}`, false);
  };
  const plain = (at: number) => shown(at - 3, " p", " q", " r", "-s", "+t", " u", " v", " w");
  test.each<[string, FileChange, FileChange, string]>([
    ["likely apart where nothing slides", plain(10), plain(20), "compatible"],
    ["likely apart with a line between", plain(10), plain(12), "compatible"],
    ["not apart beside each other", plain(10), plain(11), "overlapping"],
    [
      "not apart between two edits of a hunk",
      shown(7, " p", " q", " r", "-s", " u", " v", " w", "-s", " u", " v", " w"),
      plain(12),
      "overlapping",
    ],
    [
      "not apart where one slides to the other",
      shown(7, " p", " q", " r", "+a", "+b", " a", " b", " c"),
      plain(12),
      "overlapping",
    ],
    [
      "apart where one slides less far",
      shown(7, " p", " q", " r", "+a", "+b", " a", " b", " c"),
      plain(13),
      "compatible",
    ],
    [
      "not apart where one slides up to the other",
      shown(7, " p", " a", " b", "+a", "+b", " c", " d", " e"),
      plain(7),
      "overlapping",
    ],
    [
      "not apart where one may slide out of sight",
      shown(7, " p", " q", " r", "+}", " }", " }", " }"),
      plain(30),
      "overlapping",
    ],
    ["not apart where lines next to others are not shown", shown(7, "+a"), plain(30), "overlapping"],
    ["the same where they are", plain(10), plain(10), "identical"],
  ])("%s", (_, a, b, relation) => {
    const found = relateFiles(a, b);
    expect([found.relation, relateFiles(b, a).relation]).toEqual([relation, relation] as never);
    expect(found.certain).toBe(relation !== "compatible");
  });

  test("not apart before a place from which one slides up out of sight", () => {
    const hunks = "@@ -7,7 +7,7 @@\n p\n q\n r\n-s\n+t\n u\n v\n w\n@@ -27,6 +27,7 @@\n }\n }\n }\n+}\n u\n v\n w\n";
    const sliding = only(`${head}index 1234567..89abcde 100644\n--- a/x\n+++ b/x\n${hunks}`, false);
    expect(relateFiles(sliding, plain(5)).relation).toBe("overlapping");
  });

  test("not apart between two places of which lines move from one to the other", () => {
    const moving = (word: string) =>
      only(
        `${head}index 1234567..89abcde 100644\n--- a/x\n+++ b/x\n@@ -4,7 +4,6 @@\n p\n q\n r\n-moved\n u\n v\n w\n@@ -27,6 +26,7 @@\n p\n q\n r\n+${word}\n u\n v\n w\n`,
        false,
      );
    expect(relateFiles(moving("moved"), plain(18)).relation).toBe("overlapping");
    expect(relateFiles(moving("other"), plain(18)).relation).toBe("compatible");
  });
});
