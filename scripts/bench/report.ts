/** One line of the table, and of the JSON file. Figures keep their unit in the name. */
export interface Figure {
  name: string;
  /** What was measured, ready to read. */
  value: string;
  /** What it stands beside, ready to read. */
  beside?: string;
  ratio?: number;
  /** The bound the ratio, or `number` where there is none, should keep. */
  wanted?: Bound;
  /** The value as a number, in the unit that `value` shows. */
  number: number;
}

export interface Bound {
  is: "at least" | "at most";
  bound: number;
}

export const atLeast = (bound: number): Bound => ({ is: "at least", bound });
export const atMost = (bound: number): Bound => ({ is: "at most", bound });

/** Whether a figure is as wanted; null where nothing was. */
export function isMet({ wanted, ratio, number }: Figure): boolean | null {
  if (wanted === undefined) return null;
  const found = ratio ?? number;
  return wanted.is === "at least" ? found >= wanted.bound : found <= wanted.bound;
}

const headings = ["", "agentd", "beside", "ratio", "wanted", ""];

/** The figures as a table in text. */
export function table(figures: readonly Figure[]): string {
  const rows = [headings, ...figures.map(cells)];
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return lines.join("\n");
}

function cells(figure: Figure): string[] {
  const { name, value, beside = "", ratio, wanted } = figure;
  const met = isMet(figure);
  return [
    name,
    value,
    beside,
    ratio === undefined ? "" : ratio.toFixed(2),
    wanted === undefined ? "" : `${wanted.is === "at least" ? "≥" : "≤"} ${wanted.bound}`,
    met === null ? "" : met ? "ok" : "MISSED",
  ];
}

export const thousands = (number: number): string => Math.round(number).toLocaleString("en");
export const perSec = (number: number): string => `${thousands(number)}/s`;
export const micros = (number: number): string => `${thousands(number)} µs`;
export const millis = (number: number): string => `${number.toFixed(1)} ms`;
