import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { isRefusal } from "../../src/core/decision.ts";
import { parseDiff, touchedPaths } from "../../src/core/bundles/diff.ts";
import type { FileChange } from "../../src/core/bundles/file-change.ts";
import { GitRepository } from "./git.ts";
import { Chance, randomlyChanged } from "./random-edits.ts";

const lines = (count: number, word = "line") => Array.from({ length: count }, (_, i) => `${word} ${i}\n`).join("");

/** What a test does to a file: its text or bytes, or the mode bits it gets, or null where it goes. */
type Content = string | Uint8Array | { mode: number } | { link: string } | null;
type Contents = Record<string, Content>;

/** A file in git's own words, as `--raw` and `--numstat` have them. */
interface Told extends Pick<FileChange, "kind" | "path" | "oldPath" | "binary"> {
  added: number;
  removed: number;
}

const repository = new GitRepository();
afterAll(() => repository[Symbol.dispose]());

async function put(contents: Contents): Promise<void> {
  for (const [path, content] of Object.entries(contents)) {
    const file = join(repository.path, path);
    mkdirSync(dirname(file), { recursive: true });
    if (content === null) rmSync(file);
    else if (typeof content === "string" || content instanceof Uint8Array) await Bun.write(file, content);
    else if ("mode" in content) chmodSync(file, content.mode);
    else symlinkSync(content.link, file);
  }
}

/** What `git diff` prints of one change upon another, and what git says it has printed. */
async function diffOf(before: Contents, after: Contents, options: readonly string[]) {
  repository.git(["rm", "-rqf", "--ignore-unmatch", "."]);
  await put(before);
  repository.git(["add", "-A"]);
  repository.git(["commit", "-qm", "before", "--allow-empty"]);
  await put(after);
  repository.git(["add", "-A"]);
  return { text: repository.git(["diff", "--cached", ...options]), told: told(options) };
}

const kinds: Record<string, FileChange["kind"]> = {
  A: "added",
  D: "deleted",
  M: "modified",
  R: "renamed",
  C: "copied",
};

function told(all: readonly string[]): Told[] {
  // The others would have it print the lines as well.
  const options = all.filter((option) => ["-B", "-C", "-M", "--no-renames"].includes(option));
  const raw = repository.git(["diff", "--cached", "--raw", "-z", ...options]).split("\0");
  const counts = repository.git(["diff", "--cached", "--numstat", "-z", ...options]).split("\0");
  const files: Told[] = [];
  for (let inRaw = 0, inCounts = 0; inRaw + 1 < raw.length;) {
    const [oldMode, newMode, oldId, newId, status = ""] = at(raw, inRaw).slice(1).split(" ");
    const [added, removed] = at(counts, inCounts).split("\t");
    const renamed = status.startsWith("R") || status.startsWith("C");
    const kind = oldId === newId && oldMode !== newMode ? "mode" : kinds[status.charAt(0)];
    if (kind === undefined) throw new Error(`git has a status ${status}`);
    const path = at(raw, inRaw + (renamed ? 2 : 1));
    const oldPath = renamed ? at(raw, inRaw + 1) : null;
    const binary = added === "-";
    files.push({
      kind,
      path,
      oldPath,
      binary,
      added: binary ? 0 : Number(added),
      removed: binary ? 0 : Number(removed),
    });
    inRaw += renamed ? 3 : 2;
    inCounts += renamed ? 3 : 1;
  }
  return files;
}

function at(fields: readonly string[], index: number): string {
  const field = fields[index];
  if (field === undefined) throw new Error("git has told less than it has printed");
  return field;
}

function asTold({ kind, path, oldPath, binary, hunks }: FileChange): Told {
  const count = (of: "oldLines" | "newLines") => hunks.reduce((sum, hunk) => sum + hunk[of], 0);
  const removed = hunks.flatMap(({ edits }) => edits).reduce((sum, edit) => sum + edit.removed, 0);
  return { kind, path, oldPath, binary, added: count("newLines") - count("oldLines") + removed, removed };
}

function parsed(text: string, exact = false): FileChange[] {
  const changes = parseDiff(text, { exact });
  if (isRefusal(changes)) throw new Error(changes.message);
  return changes;
}

describe("what git says of its own diff is what is read from it", () => {
  const noise = Uint8Array.from({ length: 300 }, (_, i) => (i * 7) % 256);
  const renamed = lines(20, "r").replace("r 5\n", "R\n");
  const some: [string, Contents, Contents, string[]?][] = [
    ["lines", { a: lines(30) }, { a: lines(30).replace("line 3\n", "LINE\n").replace("line 25\n", "") }],
    ["lines without context", { a: lines(30) }, { a: `0\n${lines(30).replace("line 9\n", "")}1\n` }, ["-U0"]],
    ["lines that look like headers", { a: "-- a\n@@ -1 +1 @@\nx\n" }, { a: "++ a\ndiff --git a/a b/a\nx\n" }],
    ["a file", {}, { "deep/in/new": "1\n2\n" }],
    ["an empty file", {}, { empty: "" }],
    ["a file that goes", { gone: lines(3) }, { gone: null }],
    ["an empty file that goes", { gone: "" }, { gone: null }],
    ["a file that becomes empty", { a: "1\n" }, { a: "" }],
    ["a rename", { old: lines(20, "r") }, { old: null, "new name": lines(20, "r") }],
    ["a rename with an edit", { old: lines(20, "r") }, { old: null, new: renamed }],
    ["a rename of case only", { readme: lines(20) }, { readme: null, README: lines(20) }],
    ["a rename not looked for", { old: "1\n" }, { old: null, new: "1\n" }, ["--no-renames"]],
    ["a copy", { old: lines(9) }, { old: `${lines(9)}x\n`, copy: lines(9) }, ["-C"]],
    ["a copy of an unchanged file", { old: lines(9) }, { copy: `${lines(9)}x\n` }, ["-C", "-C"]],
    ["files that swap names", { a: lines(20), b: lines(20, "b") }, { a: lines(20, "b"), b: lines(20) }, ["-B", "-M"]],
    ["a mode", { tool: "x\n" }, { tool: { mode: 0o755 } }],
    ["a mode and a line", { tool: "x\n" }, { tool: "y\n", "tool/../tool": { mode: 0o755 } }],
    ["an executable", {}, { tool: "x\n", "tool/../tool": { mode: 0o755 } }],
    ["a binary file", { b: noise }, { b: noise.toReversed() }],
    ["a binary file as a patch", { b: noise }, { b: noise.toReversed(), c: noise }, ["--binary"]],
    ["a binary file that goes", { b: noise }, { b: null }],
    ["no newline at the end, before and after", { a: "1\n2" }, { a: "1\n3" }],
    ["a newline at the end that goes", { a: "1\n2\n" }, { a: "1\n2" }],
    ["a newline at the end that comes", { a: "1\n2" }, { a: "1\n2\n" }],
    ["a change above an end without newline", { a: "1\n2\n3" }, { a: "0\n2\n3" }],
    ["lines that end with CR and LF", { a: "1\r\n2\r\n3\r\n" }, { a: "1\r\n\r\n3\r\n" }],
    ["lines with other line separators", { a: "1\u2028diff --git a/x b/x\n\r2\n" }, { a: "1\u2028@@ -1 +1 @@\n\r3\n" }],
    ["empty lines of context", { a: "\n\n1\n\n" }, { a: "\n\n2\n\n" }],
    ["names with spaces", { " a b/ b ": "1\n", "sp ": "1\n" }, { " a b/ b ": "2\n", "sp ": "2\n" }],
    ["names with quotes, tabs, backslashes", { 'q"t\tb\\': "1\n" }, { 'q"t\tb\\': "2\n", 'n\n"': "1\n" }],
    ["names beyond ASCII", { "ünï/文": "1\n" }, { "ünï/文": "2\n" }],
    ["names beyond ASCII, as they are", { "ünï/ 文\t": "1\n" }, { "ünï/ 文\t": "2\n" }, ["-c", "core.quotePath=false"]],
    ["names that look like dates", { "d\t2024-01-01 10:00:00": "x\n" }, { "d\t2024-01-01 10:00:00": "y\n" }],
    ["a quoted rename", { 'a"': lines(9) }, { 'a"': null, "b c": lines(9) }],
    ["whole ids", { a: "1\n" }, { a: "2\n" }, ["--full-index"]],
    [
      "another algorithm",
      { a: lines(30) },
      { a: lines(30).replace("line 3\n", "") },
      ["--histogram", "--no-indent-heuristic"],
    ],
  ];

  test.each(some)("%s", async (_, before, after, options = []) => {
    const [config, rest] = options[0] === "-c" ? [options, []] : [[], options];
    const { told: expected } = await diffOf(before, after, rest);
    const text = repository.git([...config, "diff", "--cached", ...rest]);
    expect(parsed(text).map(asTold)).toEqual(expected);
    expect(expected).not.toEqual([]);
    // A shell's `$(git diff)` takes the last newline away.
    expect(parsed(text.replace(/\n$/, ""))).toEqual(parsed(text));
  });

  test("modes and objects", async () => {
    const { text } = await diffOf({ a: "1\n", b: "1\n" }, { a: "2\n", "a/../a": { mode: 0o755 }, b: null, c: "" }, [
      "--full-index",
    ]);
    const [one, two] = ["d00491fd7e5bb6fa28c517a0bb32b8b506539d4d", "0cfbf08886fca9a91cb753ec8734c84fcbe52c9f"];
    const [none, empty] = ["0".repeat(40), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"];
    expect(parsed(text)).toMatchObject([
      { path: "a", oldMode: "100644", newMode: "100755", oldBlob: one, newBlob: two },
      { path: "b", oldMode: "100644", newMode: null, oldBlob: one, newBlob: none },
      { path: "c", oldMode: null, newMode: "100644", oldBlob: none, newBlob: empty },
    ]);
  });

  test("the paths a patch touches are both of a rename, and of a copy the new one", async () => {
    const before = { old: lines(20, "o"), kept: lines(20, "k"), both: lines(5, "b") };
    const { text } = await diffOf(before, { old: null, new: lines(20, "o"), copy: lines(20, "k"), both: "1\n" }, [
      "-C",
      "-C",
    ]);
    expect(touchedPaths(parsed(text))).toEqual(["both", "copy", "new", "old"]);
  });
});

describe("edits made to the old file give the new one", () => {
  const text = lines(12)
    .replaceAll(/line [357]/g, "")
    .replaceAll(/line [26]/g, "}");
  test.each([[[]], [["-U0"]], [["-U1", "--histogram"]], [["--patience", "--no-indent-heuristic"]]])("%p", (options) => {
    const chance = new Chance(5);
    const base = new Map([["a.ts", { text, executable: false }]]);
    const variants = Array.from({ length: 150 }, () => randomlyChanged(base, chance, 0));
    const changed = variants.filter((files) => files.get("a.ts")?.text !== text);
    const diffs = repository.diffs(repository.commit(base, changed).variants, options);
    const made = diffs
      .map((diff) => parsed(diff)[0])
      .map((change) => (change === undefined ? null : edited(text, change)));
    expect(made).toEqual(changed.map((files) => files.get("a.ts")?.text ?? null));
  });

  function edited(old: string, { hunks }: FileChange): string {
    const oldLines = old.split(/(?<=\n)/);
    const edits = hunks.flatMap((hunk) => hunk.edits);
    return edits
      .toReversed()
      .reduce((now, { start, removed, added }) => now.toSpliced(start - 1, removed, added), oldLines)
      .join("");
  }
});
