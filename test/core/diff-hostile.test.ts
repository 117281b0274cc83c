import { describe, expect, test } from "bun:test";
import { isRefusal } from "../../src/core/decision.ts";
import { parseDiff } from "../../src/core/bundles/diff.ts";
import { limits } from "../../src/protocol/limits.ts";

const { diffBytesMax, diffFilesMax } = limits;

describe("hostile and broken diffs are refused", () => {
  const head = (path: string) => `diff --git a/${path} b/${path}\n`;
  const file = (path: string, hunks: string) =>
    `${head(path)}index 1234567..89abcde 100644\n--- a/${path}\n+++ b/${path}\n${hunks}`;
  const chmod = (path: string) => `${head(path)}old mode 100644\nnew mode 100755\n`;
  const hunk = "@@ -1 +1 @@\n-a\n+b\n";
  const noEnd = "\\ No newline at end of file\n";
  const inX = (hunks: string): [string, "INVALID_PARAMS"] => [file("x", hunks), "INVALID_PARAMS"];
  const cases: [string, string, "INVALID_PARAMS" | "LIMIT_EXCEEDED"][] = [
    ["nothing", "", "INVALID_PARAMS"],
    ["prose", "I changed x.\n", "INVALID_PARAMS"],
    ["prose above", `Here it is:\n${file("x", hunk)}`, "INVALID_PARAMS"],
    ["prose below", `${file("x", hunk)}That is all.\n`, "INVALID_PARAMS"],
    ["binary noise", "\0\x7f\ufffdPK\x03\x04\n".repeat(99), "INVALID_PARAMS"],
    [
      "noise in place of a binary patch",
      `${head("x")}index 1..2 100644\nGIT binary patch\nliteral 3\n\x01\x02\n\n`,
      "INVALID_PARAMS",
    ],
    ["a diff of no git", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", "INVALID_PARAMS"],
    [
      "a combined diff",
      "diff --cc x\nindex 1,2..3\n--- a/x\n+++ b/x\n@@@ -1,1 -1,1 +1,1 @@@\n--a\n++b\n",
      "INVALID_PARAMS",
    ],
    ["a combined diff below", `${file("x", hunk)}diff --combined y\n`, "INVALID_PARAMS"],
    ["an unmerged file", `${file("x", hunk)}* Unmerged path y\n`, "INVALID_PARAMS"],
    ["no prefixes", "diff --git x x\nold mode 100644\nnew mode 100755\n", "INVALID_PARAMS"],
    ["other prefixes", "diff --git i/x w/x\nold mode 100644\nnew mode 100755\n", "INVALID_PARAMS"],
    ["names that differ", "diff --git a/x b/y\nold mode 100644\nnew mode 100755\n", "INVALID_PARAMS"],
    ["other names below", `${head("x")}index 1234..5678 100644\n--- a/y\n+++ b/y\n${hunk}`, "INVALID_PARAMS"],
    ["another new name below", `${head("x")}index 1234..5678 100644\n--- a/x\n+++ b/y\n${hunk}`, "INVALID_PARAMS"],
    [
      "a rename of other files",
      `diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to z\n`,
      "INVALID_PARAMS",
    ],
    ["a name that is not UTF-8", chmod("x").replaceAll(/([ab])\/x/g, '"$1/\\377"'), "INVALID_PARAMS"],
    ["a name whose quote does not end", chmod("x").replaceAll(/([ab])\/x/g, '"$1/x'), "INVALID_PARAMS"],
    ["a name with a strange escape", chmod("x").replaceAll(/([ab])\/x/g, '"$1/\\x41"'), "INVALID_PARAMS"],
    ["CR and LF in its headers", chmod("x").replaceAll("\n", "\r\n"), "INVALID_PARAMS"],
    ["a change of nothing", head("x"), "INVALID_PARAMS"],
    ["a mode that stays", chmod("x").replace("755", "644"), "INVALID_PARAMS"],
    ["a strange mode", chmod("x").replace("755", "777"), "INVALID_PARAMS"],
    ["lines left out", `${head("x")}index 1234567..89abcde 100644\n`, "INVALID_PARAMS"],
    [
      "a new file whose lines are left out",
      `${head("x")}new file mode 100644\nindex 0000000..89abcde\n`,
      "INVALID_PARAMS",
    ],
    [
      "a new file with old lines",
      `${head("x")}new file mode 100644\nindex 0000000..89abcde\n--- /dev/null\n+++ b/x\n${hunk}`,
      "INVALID_PARAMS",
    ],
    [
      "a new file that is a rename",
      "diff --git a/x b/y\nnew file mode 100644\nrename from x\nrename to y\nindex 0000000..e69de29\n",
      "INVALID_PARAMS",
    ],
    ["lines of no object", `${head("x")}--- a/x\n+++ b/x\n${hunk}`, "INVALID_PARAMS"],
    ["fewer lines than counted", ...inX("@@ -1,2 +1,2 @@\n-a\n+b\n")],
    ["more lines than counted", ...inX("@@ -1 +1 @@\n-a\n+b\n+c\n")],
    ["one counted where there is none", ...inX("@@ -1 +1 @@\n-a\n")],
    ["counts beyond reason", ...inX("@@ -1,99999999999999999999 +1,1 @@\n-a\n+b\n")],
    ["a hunk whose header goes on", ...inX("@@ -1 +1 @@garbage\n-a\n+b\n")],
    ["a hunk without numbers", ...inX("@@ @@\n-a\n+b\n")],
    ["a hunk of context only", ...inX("@@ -1 +1 @@\n a\n")],
    ["a line with no mark", ...inX("@@ -1,2 +1,2 @@\n-a\n+b\nc\n")],
    ["hunks that overlap", ...inX(`@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n@@ -3 +3 @@\n-d\n+e\n`)],
    ["hunks out of order", ...inX(`@@ -9 +9 @@\n-a\n+b\n@@ -1 +1 @@\n-a\n+b\n`)],
    ["hunks that do not add up", ...inX(`@@ -1 +1,2 @@\n-a\n+b\n+b\n@@ -9 +9 @@\n-a\n+b\n`)],
    ["lines after the end of the file", ...inX(`@@ -1,2 +1,2 @@\n-a\n${noEnd}-b\n+a\n+b\n`)],
    ["a hunk after the end of the file", ...inX(`@@ -1 +1 @@\n-a\n${noEnd}+b\n@@ -9 +9 @@\n-a\n+b\n`)],
    ["an end of nothing", ...inX(`@@ -1 +1 @@\n${noEnd}-a\n+b\n`)],
    ["an end twice", ...inX(`@@ -1 +1 @@\n-a\n+b\n${noEnd}${noEnd}`)],
    ["another backslash", ...inX("@@ -1 +1 @@\n-a\n+b\n\\ rm\n")],
    ["an empty line below", ...inX(`${hunk}\n`)],
    ["a file twice", chmod("x") + chmod("x"), "INVALID_PARAMS"],
    [
      "a file that goes twice",
      ["y", "z"]
        .map((to) => `diff --git a/x b/${to}\nsimilarity index 100%\nrename from x\nrename to ${to}\n`)
        .join(""),
      "INVALID_PARAMS",
    ],
    [
      "a symbolic link",
      `${head("x")}new file mode 120000\nindex 0000000..89abcde\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+/etc\n${noEnd}`,
      "INVALID_PARAMS",
    ],
    ["a changed symbolic link", file("x", hunk).replace("100644", "120000"), "INVALID_PARAMS"],
    [
      "a submodule",
      file("x", "@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n").replace("100644", "160000"),
      "INVALID_PARAMS",
    ],
    [
      "a rename out of .git",
      "diff --git a/.git/x b/x\nsimilarity index 100%\nrename from .git/x\nrename to x\n",
      "INVALID_PARAMS",
    ],
    ["a path too long", chmod("x/".repeat(2_100)), "LIMIT_EXCEEDED"],
    ["a path too deep", chmod(`${"d/".repeat(200)}x`), "LIMIT_EXCEEDED"],
    ["more lines than are read at once", file("x", `@@ -0,0 +1,20000 @@\n${"+\n".repeat(20_000)}`), "LIMIT_EXCEEDED"],
    ["10,000 paths", Array.from({ length: 10_000 }, (_, i) => `diff --git a/${i} b/${i}\n`).join(""), "LIMIT_EXCEEDED"],
    ["10 MB", file("x", `@@ -0,0 +1,5000000 @@\n${"+\n".repeat(5_000_000)}`), "LIMIT_EXCEEDED"],
    [
      "bytes beyond the limit in fewer characters",
      file("x", `@@ -1,0 +1 @@\n+${"文".repeat(diffBytesMax / 3)}\n`),
      "LIMIT_EXCEEDED",
    ],
  ];
  test.each(cases)("%s", (_, text, kind) => {
    const decision = parseDiff(text, { exact: false });
    expect(isRefusal(decision) ? decision.refused : "read").toEqual(kind);
  });

  test("as many files and bytes as the limits say are read", () => {
    const chmods = Array.from({ length: diffFilesMax }, (_, i) => chmod(`f${i}`)).join("");
    expect(parseDiff(chmods, { exact: false })).toHaveLength(diffFilesMax);
    const start = file("x", "@@ -1,0 +2,1 @@\n+");
    expect(parseDiff(`${start}${"x".repeat(diffBytesMax - start.length - 1)}\n`, { exact: false })).toHaveLength(1);
  });

  test("a refusal names the file and the hunk", () => {
    const decision = parseDiff(file("src/x", `@@ -9 +9 @@\n-a\n+b\n${hunk}`), { exact: false });
    expect(decision).toMatchObject({
      message: 'the diff cannot be used: at "src/x", the hunk "@@ -1 +1 @@" begins before the last one has ended',
      facts: { path: "src/x" },
    });
  });
});
