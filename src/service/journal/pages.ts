import type { Decision } from "../../core/decision.ts";
import { limits } from "../../protocol/limits.ts";
import type { Listed } from "../../store/reads.ts";
import type { SliceBounds } from "../../store/store.ts";
import type { Context, PendingAnswer } from "../handler.ts";
import { inTurns } from "../turn/time-budget.ts";

/** What is read between two looks at the clock. */
const piece: SliceBounds = { rows: 250, chars: 256 << 10 };

interface Paged<Row extends Listed & { readonly id: string }, View> {
  /** Where the page begins; null: with the newest. */
  beforePlace: number | null;
  /** Entries the page has at most. */
  limit: number;
  read: (beforePlace: number, bounds: SliceBounds, context: Context) => readonly Row[];
  /** Null for a row that is not wanted. */
  view: (row: Row, context: Context) => View | null;
}

/** A page, and the id of the last row that was looked at; null where nothing comes after it. */
export interface Page<View> {
  entries: View[];
  nextBefore: string | null;
}

/**
 * Reads a page of rows, newest first, in slices. It ends with its limit, with the row that makes it too large, or when it
 * has looked at too many.
 */
export function readPage<Row extends Listed & { readonly id: string }, View, T>(
  { beforePlace, limit, read, view }: Paged<Row, View>,
  reply: (page: Page<View>) => T,
  started: Context,
): Decision<T, never> | PendingAnswer<T, never> {
  const entries: View[] = [];
  let nextBefore: string | null = null;
  let place = beforePlace ?? Number.MAX_SAFE_INTEGER;
  let [scanned, chars] = [0, 0];
  const readOn = (_: number, context: Context): boolean => {
    // Where most are wanted, few more are read than that.
    const rows = Math.min(piece.rows, Math.max(limit - entries.length, scanned));
    const slice = read(place, { ...piece, rows }, context);
    if (slice.length === 0) nextBefore = null;
    for (const row of slice) {
      scanned++;
      ({ id: nextBefore, place } = row);
      context.slices.spend(1, row.chars);
      const shown = view(row, context);
      if (shown === null) continue;
      entries.push(shown);
      chars += row.chars;
      if (entries.length === limit || chars > limits.pageCharsMax) return false;
    }
    return slice.length > 0 && scanned < limits.pageScanMax;
  };
  return inTurns(pieces(), readOn, () => reply({ entries, nextBefore }), started);
}

function* pieces(): Generator<number, never> {
  for (let n = 0; ; n++) yield n;
}
