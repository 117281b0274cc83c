/** What a proof is asked to do. */
export interface Order {
  /** Repeats the same choices. */
  seed: number;
  /** How much of it, in the proof's own unit. */
  amount: number;
  /** Tells whoever waits how far it is. */
  log: (line: string) => void;
}

/** One line of the summary. */
export interface Row {
  /** Which of the promises of docs/promises.md, by number. */
  promise: string;
  method: string;
  amount: string;
  result: string;
  seed: number;
}

/** Something promised was not kept, or the proof could not be made; the message says what, the seed repeats it. */
export class Disproved extends Error {}

const headings: Record<keyof Row, string> = {
  promise: "promise",
  method: "method",
  amount: "amount",
  result: "result",
  seed: "seed",
};

/** The rows as a table in text. */
export function table(rows: readonly Row[]): string {
  const columns = Object.keys(headings) as (keyof Row)[];
  const lines = [headings, ...rows].map((row) => columns.map((column) => String(row[column])));
  const widths = columns.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const text = (cells: string[]) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return lines.map((cells) => text(cells).trimEnd()).join("\n");
}

export const thousands = (number: number): string => number.toLocaleString("en");
