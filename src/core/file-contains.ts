import type { Edit, FileChange } from "./file-change.ts";

/** Whether one change has all of another in it, and how many lines were looked at to tell. */
export interface Containment {
  contains: boolean;
  work: number;
}

/**
 * Whether a change of a file has all of another in it, both made from one base: every line the other one adds is added, in
 * order and at the same place, and every line it takes out is taken out. So it is when the one was built on the other.
 */
export function containsChange(outer: FileChange, inner: FileChange): Containment {
  const sameFile = outer.path === inner.path && outer.oldPath === inner.oldPath;
  const sameKind = outer.kind === inner.kind || (inner.kind === "mode" && outer.kind === "modified");
  const modeKept = inner.oldMode === inner.newMode || inner.newMode === outer.newMode;
  if (!sameFile || !sameKind || !modeKept) return { contains: false, work: 0 };
  if (outer.binary || inner.binary) {
    const sameContent = inner.newBlob !== null && inner.newBlob === outer.newBlob;
    return { contains: inner.kind === "mode" || sameContent, work: 0 };
  }
  return containsEdits(editsOf(outer), editsOf(inner));
}

const editsOf = ({ hunks }: FileChange): Edit[] => hunks.flatMap(({ edits }) => edits);

/** Both are in order; goes through them once. */
function containsEdits(outer: readonly Edit[], inner: readonly Edit[]): Containment {
  let next = 0;
  let work = 0;
  for (const edit of inner) {
    while (endOf(outer[next]) < edit.start) next++;
    const around = outer[next];
    if (around === undefined || around.start > edit.start || endOf(around) < endOf(edit))
      return { contains: false, work };
    work += linesOf(around).length;
    if (!addsAll(around, edit)) return { contains: false, work };
  }
  return { contains: true, work };
}

const endOf = (edit: Edit | undefined) => (edit === undefined ? Infinity : edit.start + edit.removed);

function addsAll(outer: Edit, inner: Edit): boolean {
  // Lines that only go may have come back among others that come.
  if (inner.added === "") return outer.added === "";
  if (inner.added.length > outer.added.length) return false;
  const wanted = linesOf(inner);
  let found = 0;
  for (const line of linesOf(outer)) if (line === wanted[found]) found++;
  return found === wanted.length;
}

/** Remembered, since each bundle is compared with many. */
const split = new WeakMap<Edit, readonly string[]>();

function linesOf(edit: Edit): readonly string[] {
  const known = split.get(edit);
  if (known !== undefined) return known;
  const lines = edit.added.replace(/\n$/, "").split("\n");
  split.set(edit, lines);
  return lines;
}
