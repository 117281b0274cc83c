/** How much one slice of a walk through a table takes. */
export interface SliceBounds {
  rows: number;
  /** The slice ends after the row with which its texts pass this many characters. */
  chars: number;
}

/**
 * The first rows of a table, as many as the bounds allow and one at least. All texts of a row count, and what is read with
 * it (`charsBeside`).
 */
export function boundedRows<Row extends object>(
  rows: Iterable<Row>,
  bounds: SliceBounds,
  charsBeside: (row: Row) => number = () => 0,
): Row[] {
  const slice: Row[] = [];
  let chars = 0;
  for (const row of rows) {
    slice.push(row);
    chars += textChars(row) + charsBeside(row);
    if (slice.length >= bounds.rows || chars > bounds.chars) break;
  }
  return slice;
}

/** Characters of all texts of a row. */
export function textChars(row: object): number {
  let chars = 0;
  for (const value of Object.values(row)) if (typeof value === "string") chars += value.length;
  return chars;
}
