import { parsePatch, type StructuredPatchHunk } from "diff";
import { exactSpans, likelySpans, type ShownEdit } from "./diff-spans.ts";
import type { Hunk, Span } from "./file-change.ts";
import { present } from "../../protocol/present.ts";

/** What is wrong with a text, in words. */
export interface Fault {
  fault: string;
}

/** A line of a hunk. */
interface Line {
  mark: " " | "-" | "+";
  /** With its newline, where it has one. */
  text: string;
}

const header = /^@@ -\d{1,7}(?:,\d{1,7})? \+\d{1,7}(?:,\d{1,7})? @@(?: .*)?$/s;
const noNewline = "\\ No newline at end of file";

/**
 * Reads the hunks of one file, from a text that ends with a newline. The library reads and counts them; as it skips what it
 * does not know and takes each hunk by itself, every line is accounted for here, and every hunk must follow from those
 * before it.
 */
export function parseHunks(text: string, exact: boolean): { hunks: Hunk[]; spans: Span[] } | Fault {
  const lines = text.split("\n");
  const strange = lines.find((line) => line.startsWith("@") && !header.test(line));
  if (strange !== undefined) return { fault: `${shown(strange)} is not a hunk header` };
  const parsed = readPatch(text);
  if ("fault" in parsed) return parsed;

  const hunks: Hunk[] = [];
  const shownEdits: ShownEdit[][] = [];
  const ends = { old: false, new: false };
  let at = 0;
  let oldAt = 1;
  let growth = 0;
  for (const { oldStart, oldLines, newStart, newLines, lines: body } of parsed) {
    const title = present(lines[at], "the header of a hunk");
    if (oldStart < oldAt) return { fault: `the hunk ${shown(title)} begins before the last one has ended` };
    if (newStart !== oldStart + growth)
      return { fault: `the hunk ${shown(title)} does not begin where the lines before it end` };
    const read = linesOf(body, ends);
    if ("fault" in read) return read;
    const edits = editsOf(read, oldStart);
    if (edits.length === 0) return { fault: `the hunk ${shown(title)} changes nothing` };
    shownEdits.push(edits);
    hunks.push({ oldStart, oldLines, newStart, newLines, edits: edits.map(({ edit }) => edit) });
    at += 1 + body.length;
    oldAt = oldStart + oldLines;
    growth += newLines - oldLines;
  }
  // The text ends with a newline, so that its last line is empty.
  const [outside] = lines.slice(at, -1);
  if (outside !== undefined) return { fault: `the line ${shown(outside)} is outside of every hunk` };
  return { hunks, spans: exact ? exactSpans(hunks) : likelySpans(shownEdits) };
}

const shown = (line: string) => JSON.stringify(line.length > 80 ? `${line.slice(0, 80)}…` : line);

function readPatch(text: string): StructuredPatchHunk[] | Fault {
  try {
    return parsePatch(text)[0]?.hunks ?? [];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { fault: `its lines cannot be read: ${reason}` };
  }
}

/** The lines of a hunk. `ends` says on which side the file has ended, without newline; nothing may follow there. */
function linesOf(body: readonly string[], ends: { old: boolean; new: boolean }): Line[] | Fault {
  const lines: Line[] = [];
  for (const [i, line] of body.entries()) {
    if (line.startsWith("\\")) {
      if (line === noNewline && i > 0 && body[i - 1] !== noNewline) continue;
      return { fault: `${shown(line)} says nothing` };
    }
    // Git leaves an empty line of context empty where `diff.suppressBlankEmpty` is set.
    const mark = line === "" ? " " : (line.charAt(0) as Line["mark"]);
    if ((mark !== "+" && ends.old) || (mark !== "-" && ends.new))
      return { fault: `${shown(line)} comes after the end of the file` };
    const last = body[i + 1]?.startsWith("\\") ?? false;
    ends.old ||= last && mark !== "+";
    ends.new ||= last && mark !== "-";
    lines.push({ mark, text: last ? line.slice(1) : `${line.slice(1)}\n` });
  }
  return lines;
}

/** Runs of changed lines, each with the unchanged ones on either side of it. */
function editsOf(lines: readonly Line[], oldStart: number): ShownEdit[] {
  const edits: ShownEdit[] = [];
  const texts = (from: number, to: number, but: Line["mark"] | null = null) => {
    const found: string[] = [];
    for (let i = from; i < to; i++) {
      const line = lines[i];
      if (line !== undefined && line.mark !== but) found.push(line.text);
    }
    return found;
  };
  let oldAt = oldStart;
  let before: string[] = [];
  for (let i = 0, end; i < lines.length; i = end) {
    end = runEnd(lines, i);
    if (lines[i]?.mark === " ") {
      before = texts(i, end);
      oldAt += before.length;
      continue;
    }
    const removed = texts(i, end, "+");
    const added = texts(i, end, "-");
    const edit = { start: oldAt, removed: removed.length, added: added.join("") };
    edits.push({ edit, removed, added, before, after: texts(end, runEnd(lines, end)) });
    oldAt += removed.length;
  }
  return edits;
}

function runEnd(lines: readonly Line[], start: number): number {
  const context = lines[start]?.mark === " ";
  let end = start;
  while (end < lines.length && (lines[end]?.mark === " ") === context) end++;
  return end;
}
