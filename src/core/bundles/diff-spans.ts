import type { Edit, Hunk, Span } from "./file-change.ts";

/** An edit with its lines, and the unchanged ones the diff shows beside it. */
export interface ShownEdit {
  edit: Edit;
  removed: readonly string[];
  added: readonly string[];
  before: readonly string[];
  after: readonly string[];
}

/**
 * The lines a merge takes for changed, where the diff was made as git's merge makes its own: they are those of the edits.
 */
export function exactSpans(hunks: readonly Hunk[]): Span[] {
  return hunks.flatMap(({ edits }) =>
    edits.map((edit) => ({ from: edit.start, to: edit.start + edit.removed, edits: [edit] })),
  );
}

/**
 * The lines a merge may take for changed, where the diff was made in another way. Another algorithm may find other lines of
 * a hunk unchanged, so that a hunk is one span. A line added or removed beside one that is the same can be said of either,
 * so that a span reaches as far as its first and last edit can slide. Where lines move, another algorithm may say that
 * those between them do, so that all is one span.
 *
 * Lines the diff does not show can make a merge see it differently still; so this is likely, not certain.
 */
export function likelySpans(hunks: readonly (readonly ShownEdit[])[]): Span[] {
  const all = hunks.flat();
  const reaches: Reach[] = [];
  let end = 0;
  for (const edits of hunks) {
    let reach: Reach = { from: Infinity, to: 1, first: end, end: end + edits.length };
    for (const one of edits) reach = widened(reach, one);
    for (let last = reaches.at(-1); last !== undefined && reach.from <= last.to; last = reaches.at(-1)) {
      reach = { ...reach, from: Math.min(last.from, reach.from), to: Math.max(last.to, reach.to), first: last.first };
      reaches.pop();
    }
    reaches.push(reach);
    end = reach.end;
  }
  const [first, last] = [reaches[0], reaches.at(-1)];
  const parts =
    first !== undefined && last !== undefined && movesLines(all) ? [{ ...last, from: first.from, first: 0 }] : reaches;
  return parts.map((part) => ({
    from: part.from,
    to: part.to,
    edits: all.slice(part.first, part.end).map(({ edit }) => edit),
  }));
}

/** A span of the edits from `first` to before `end`. */
interface Reach {
  from: number;
  to: number;
  first: number;
  end: number;
}

function widened(reach: Reach, shown: ShownEdit): Reach {
  const { start, removed } = shown.edit;
  const from = Math.max(1, start - slideUp(shown));
  return { ...reach, from: Math.min(reach.from, from), to: Math.max(reach.to, start + removed + slideDown(shown)) };
}

/** Only what was merely put in, or merely taken out, slides: lines that replace others stay with them. */
function slideDown({ removed, added, after }: ShownEdit): number {
  if (removed.length > 0 && added.length > 0) return 0;
  return slide([...removed, ...added], after);
}

function slideUp({ removed, added, before }: ShownEdit): number {
  if (removed.length > 0 && added.length > 0) return 0;
  return slide([...removed, ...added].toReversed(), before.toReversed());
}

/** How many lines a run of lines can move on over those that follow; Infinity where all that are shown are passed. */
function slide(run: readonly string[], following: readonly string[]): number {
  const all = [...run, ...following];
  let moved = 0;
  while (moved < following.length && all[moved] === all[moved + run.length]) moved++;
  return moved === following.length ? Infinity : moved;
}

/** Whether a line with a word in it is taken out in one place and put in at another. */
function movesLines(shown: readonly ShownEdit[]): boolean {
  const removedBy = new Map<string, ShownEdit | "several">();
  for (const one of shown) {
    for (const line of one.removed) {
      if (/\w/.test(line)) removedBy.set(line, (removedBy.get(line) ?? one) === one ? one : "several");
    }
  }
  return shown.some((one) => one.added.some((line) => (removedBy.get(line) ?? one) !== one));
}
