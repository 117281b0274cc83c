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
    const found = addsAll(around.added, edit.added);
    work += found.work;
    if (!found.contains) return { contains: false, work };
  }
  return { contains: true, work };
}

const endOf = (edit: Edit | undefined) => (edit === undefined ? Infinity : edit.start + edit.removed);

/** Whether lines have others among them, in order. Nothing is kept of them: they may be many, in many bundles. */
function addsAll(lines: string, wanted: string): Containment {
  // Lines that only go may have come back among others that come.
  if (wanted === "") return { contains: lines === "", work: 1 };
  if (wanted.length > lines.length) return { contains: false, work: 1 };
  let work = 1;
  let want = lineAt(wanted, 0);
  for (let at = 0; at < lines.length; work++) {
    const end = endOfLine(lines, at);
    if (end - at === want.text.length && lines.startsWith(want.text, at)) {
      if (want.next >= wanted.length) return { contains: true, work };
      want = lineAt(wanted, want.next);
    }
    at = end + 1;
  }
  return { contains: false, work };
}

function lineAt(text: string, start: number): { text: string; next: number } {
  const end = endOfLine(text, start);
  return { text: text.slice(start, end), next: end + 1 };
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end === -1 ? text.length : end;
}
