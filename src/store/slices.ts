/** How much one slice of a walk through a table takes. */
export interface SliceBounds {
  rows: number;
  /** The slice ends after the row with which its texts pass this many characters. */
  chars: number;
}

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
