/** Colours, on a terminal and without NO_COLOR only; Bun has looked already. */
const paint = (code: number) => (text: string) => (Bun.enableANSIColors ? `\x1b[${code}m${text}\x1b[0m` : text);
export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);

/** Rows as lines with aligned columns. Colours do not count as width. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, Bun.stringWidth(cell));
  }
  const pad = (cell: string, column: number) => cell + " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell));
  return rows.map((row) => row.map(pad).join("  ").trimEnd());
}

/** A table with a heading, without the columns no row fills; `none` when it has no rows. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[], none: string): string {
  if (rows.length === 0) return none;
  const filled = heading.map((_title, column) => rows.some((row) => row[column] !== ""));
  const shown = (row: readonly string[]) => row.filter((_cell, column) => filled[column]);
  return columns([heading.map((title) => dim(title)), ...rows].map(shown)).join("\n");
}

/** A status or task state in its colour. */
export function statusText(status: string): string {
  if (status === "COMPLETED") return green(status);
  if (status === "FAILED") return red(status);
  return status === "RUNNING" || status === "ACTIVE" ? yellow(status) : status;
}

/** `2 RUNNING, 1 PENDING`. */
export function countsText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([status, count]) => `${count} ${statusText(status)}`);
  return parts.length === 0 ? "no nodes" : parts.join(", ");
}

/** A span as its two largest units: `4m 12s`, `3d 2h`. */
export function spanText(secs: number): string {
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ] as const;
  let rest = Math.max(0, Math.round(secs));
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0 || (unit === "s" && parts.length === 0)) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, 2).join(" ");
}

/** A moment in the user's time zone, `2026-01-31 12:34:56`. */
export function momentText(unixSecs: number): string {
  const date = new Date(unixSecs * 1000);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/**
 * One line of at most `width` columns, nothing in it that could steer a terminal: control characters, and the invisible
 * ones that turn the direction of what follows.
 */
export function oneLine(text: string, width: number): string {
  return clip(harmless(text.replace(/\s+/g, " ")), width);
}

/** Text as it is, but for what could steer a terminal; line ends stay. */
export function harmless(text: string): string {
  return text.replace(/(?!\n)[\p{Cc}\p{Cf}]/gu, "\u{fffd}");
}

/** The first `width` columns of a line. Colours count nothing and are closed, a wide character is not halved. */
export function clip(line: string, width: number): string {
  return Bun.sliceAnsi(line, 0, width, "…");
}
