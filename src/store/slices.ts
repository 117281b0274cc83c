import type { SliceBounds } from "./store.ts";

/** The first rows of a table, as many as the bounds allow and one at least. */
export function boundedRows<Row>(rows: Iterable<Row>, bounds: SliceBounds, charsOf: (row: Row) => number): Row[] {
  const slice: Row[] = [];
  let chars = 0;
  for (const row of rows) {
    slice.push(row);
    chars += charsOf(row);
    if (slice.length >= bounds.rows || chars > bounds.chars) break;
  }
  return slice;
}
