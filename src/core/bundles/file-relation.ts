import { byLines, programOf } from "../../protocol/merge-drivers.ts";
import type { Edit, FileChange } from "./file-change.ts";

/** Old lines: `lines` of them from `start` on; none, where something is put in before `start`. */
export interface LineRange {
  start: number;
  lines: number;
}

/** How two changes of one file stand to each other, both made from one base. */
export interface FileRelation {
  relation: "compatible" | "overlapping" | "identical";
  /** False where lines are apart by diffs that are not exact, or meet where git takes those of both. */
  certain: boolean;
  /** In words, where the two cannot both be had, or not in any order. */
  reason: string | null;
  /** The lines that meet, in order; empty where it is not a matter of lines. */
  a: readonly LineRange[];
  b: readonly LineRange[];
}

/**
 * Compares two changes that touch the same path. Git's merge needs an unchanged line between two edits, else they
 * conflict; edits that are the same on both sides it takes once, which is relied on where both diffs are exact. Of lines
 * that meet it takes those of both where attributes say `merge=union`: then the order of the two shows.
 * @param drivers the merge drivers that attributes may name for the path
 */
export function relateFiles(a: FileChange, b: FileChange, drivers: readonly string[] = [byLines]): FileRelation {
  if (sameChange(a, b)) return identical;
  if (!inPlace(a) || !inPlace(b)) return overlapping(`it is ${a.kind} by one and ${b.kind} by the other`);
  const refused = differ(a, b) ? refusedBy(drivers) : null;
  if (refused !== null) return overlapping(refused);
  if (a.binary || b.binary) {
    const oneSided = a.kind === "mode" || b.kind === "mode" || (a.newBlob !== null && a.newBlob === b.newBlob);
    return oneSided ? compatible : overlapping("both change it, and it is binary");
  }
  const met = meetingLines(a, b);
  if (met !== null && drivers.includes("union"))
    return { ...likelyCompatible, reason: "git takes the lines of both", ...met };
  if (met !== null) return { ...overlapping("both change the same or adjacent lines"), ...met };
  return (a.exact && b.exact) || a.spans.length === 0 || b.spans.length === 0 ? compatible : likelyCompatible;
}

/** Whether both change what is in the file, and not to the same. */
const differ = (a: FileChange, b: FileChange) =>
  a.kind === "modified" && b.kind === "modified" && (a.newBlob === null || a.newBlob !== b.newBlob);

/** Why git, or agentd, does not merge a file that both change, by the drivers attributes name; null where it does. */
function refusedBy([driver = byLines, ...others]: readonly string[]): string | null {
  if (others.length > 0) return "one changes how git is to merge it (.gitattributes)";
  if (driver === byLines || driver === "union") return null;
  if (driver === "binary") return "attributes say that git is not to merge it (-merge)";
  return `attributes name the merge driver ${programOf(driver)}, a program that is not run here`;
}

const compatible: FileRelation = { relation: "compatible", certain: true, reason: null, a: [], b: [] };
const likelyCompatible: FileRelation = { ...compatible, certain: false };
const identical: FileRelation = { ...compatible, relation: "identical" };

function overlapping(reason: string): FileRelation {
  return { relation: "overlapping", certain: true, reason, a: [], b: [] };
}

/** The file stays where it is. */
const inPlace = ({ kind }: FileChange) => kind === "modified" || kind === "mode";

function sameChange(a: FileChange, b: FileChange): boolean {
  if (a.kind !== b.kind || a.path !== b.path || a.oldPath !== b.oldPath || a.binary !== b.binary) return false;
  if (a.newMode !== b.newMode) return false;
  if (a.binary && a.kind !== "deleted") return a.newBlob !== null && a.newBlob === b.newBlob;
  return sameEdits(a, b);
}

/** Hunks may be cut differently, where the diffs show more context or less. */
function sameEdits(a: FileChange, b: FileChange): boolean {
  const first = a.hunks[0]?.edits[0];
  if (first !== undefined && !sameEdit(first, b.hunks[0]?.edits[0])) return false;
  let inHunk = 0;
  let next = 0;
  const nextOfB = () => {
    while (next === b.hunks[inHunk]?.edits.length) {
      inHunk++;
      next = 0;
    }
    return b.hunks[inHunk]?.edits[next++];
  };
  for (const { edits } of a.hunks) for (const edit of edits) if (!sameEdit(edit, nextOfB())) return false;
  return nextOfB() === undefined;
}

function sameEdit(a: Edit, b: Edit | undefined): boolean {
  return b !== undefined && a.start === b.start && a.removed === b.removed && a.added === b.added;
}

/** Goes through the spans of both once; null where none meet. */
function meetingLines(a: FileChange, b: FileChange): { a: LineRange[]; b: LineRange[] } | null {
  let meeting: { a: Set<Edit>; b: Set<Edit> } | null = null;
  let inA = 0;
  let inB = 0;
  for (;;) {
    const one = a.spans[inA];
    const other = b.spans[inB];
    if (one === undefined || other === undefined) break;
    const meet = one.from <= other.to && other.from <= one.to;
    if (meet && !(a.exact && b.exact && sameList(one.edits, other.edits))) {
      meeting ??= { a: new Set(), b: new Set() };
      for (const edit of one.edits) meeting.a.add(edit);
      for (const edit of other.edits) meeting.b.add(edit);
    }
    if (one.to < other.to) inA++;
    else inB++;
  }
  return meeting === null ? null : { a: Array.from(meeting.a, rangeOf), b: Array.from(meeting.b, rangeOf) };
}

const rangeOf = ({ start, removed }: Edit): LineRange => ({ start, lines: removed });

function sameList(a: readonly Edit[], b: readonly Edit[]): boolean {
  return a.length === b.length && a.every((edit, i) => sameEdit(edit, b[i]));
}
