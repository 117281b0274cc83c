import { isPainted, outputColumns } from "./streams.ts";
import { present } from "../protocol/present.ts";

const paint = (code: number) => (text: string) => (isPainted() ? `\x1b[${code}m${text}\x1b[0m` : text);
export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);

/** How a column gives way where the line is too long. */
interface Narrowing {
  /** What it says may be cut. */
  gives?: true;
  /** It is left out where there is no room to say anything. */
  goes?: true;
  /** A shorter way to say a cell, used before anything is cut. */
  brief?: (cell: string) => string;
}

/** A column of a table of these things. */
export type Column<Thing> = readonly [title: string, cell: (thing: Thing, index: number) => string, how?: Narrowing];

type Rows = readonly (readonly string[])[];

const gap = 2;

/** Rows as lines with aligned columns. Colours do not count as width. */
export function columns(rows: Rows): string[] {
  return aligned(rows, widthsOf(rows));
}

/**
 * The same in lines of at most `room` columns: first what can be said more briefly is, then what may be cut gives way,
 * the widest first, and only then the rest. Null: as wide as it comes.
 */
export function fitted(rows: Rows, shape: readonly Narrowing[], room: number | null): string[] {
  if (room === null || lineWidth(widthsOf(rows)) <= room) return columns(rows);
  const brief = rows.map((row) => row.map((cell, column) => shape[column]?.brief?.(cell) ?? cell));
  const wanted = widthsOf(brief);
  const between = gap * (wanted.length - 1);
  if (lineWidth(wanted) <= room) return aligned(brief, wanted);
  const firm = wanted.reduce((sum, width, column) => sum + (shape[column]?.gives ? 0 : width), 0);
  const giving = wanted.filter((_width, column) => shape[column]?.gives);
  const left = room - between - firm;
  if (left < giving.reduce((sum, width) => sum + Math.min(width, readable), 0)) {
    const last = shape.findLastIndex(({ goes }) => goes);
    if (last !== -1)
      return fitted(
        rows.map((row) => row.toSpliced(last, 1)),
        shape.toSpliced(last, 1),
        room,
      );
    return aligned(brief, share(room - between, wanted)).map((line) => clip(line, room));
  }
  const given = share(left, giving);
  return aligned(
    brief,
    wanted.map((width, column) => (shape[column]?.gives ? present(given.shift(), "the share of a column") : width)),
  );
}

/** Less of a text tells nobody anything. */
const readable = 8;

function widthsOf(rows: Rows): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, Bun.stringWidth(cell));
  }
  return widths;
}

const lineWidth = (widths: readonly number[]) =>
  widths.reduce((sum, width) => sum + width, 0) + gap * Math.max(0, widths.length - 1);

function aligned(rows: Rows, widths: readonly number[]): string[] {
  const pad = (cell: string, column: number) => {
    const width = present(widths[column], "the width of a column");
    const cut = clip(cell, width);
    return cut + " ".repeat(width - Bun.stringWidth(cut));
  };
  return rows.map((row) => row.map(pad).join(" ".repeat(gap)).trimEnd());
}

/** Deals `total` out in turn, so that nobody gets more than wanted, nor more than another who still wants. */
export function share(total: number, wanted: readonly number[]): number[] {
  const given = wanted.map(() => 0);
  const needy = [...wanted.entries()].toSorted(([, a], [, b]) => a - b);
  let left = Math.max(0, total);
  needy.forEach(([index, its], done) => {
    given[index] = Math.min(its, Math.floor(left / (needy.length - done)));
    left -= given[index];
  });
  return given;
}

/**
 * A table with a heading, as wide as the terminal at most, without the columns no row fills; `none` when it has no rows.
 */
export function table<Thing>(things: readonly Thing[], shape: readonly Column<Thing>[], none: string): string {
  if (things.length === 0) return none;
  const filled = shape
    .map(([title, cell, how = {}]) => ({ title: dim(title), cells: things.map(cell), ...how }))
    .filter(({ cells }) => cells.some((cell) => cell !== ""));
  const rows = things.map((_thing, row) => filled.map(({ cells }) => present(cells[row], "a cell")));
  // A title is no cell: what shortens those of its column leaves it as it is.
  const spared = filled.map(({ title, brief, ...how }) =>
    brief === undefined ? how : { ...how, brief: (cell: string) => (cell === title ? cell : brief(cell)) },
  );
  return fitted([filled.map(({ title }) => title), ...rows], spared, outputColumns()).join("\n");
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

/** What `countsText` gives, in fewer words: `12/40, 2 running, 1 failed`. */
export function briefCounts(counts: string): string {
  const each = Bun.stripANSI(counts).matchAll(/(\d+) ([A-Z]+)/g);
  const read = Object.fromEntries(Array.from(each, ([, count, status = ""]) => [status, Number(count)]));
  return Object.keys(read).length === 0 ? counts : progressText(read);
}

/** `12/40, 2 running, 1 failed`. */
export function progressText({ COMPLETED = 0, RUNNING = 0, FAILED = 0, PENDING = 0 }: Record<string, number>): string {
  const done = `${COMPLETED}/${COMPLETED + RUNNING + FAILED + PENDING}`;
  const running = RUNNING === 0 ? [] : [`${RUNNING} running`];
  const failed = FAILED === 0 ? [] : [red(`${FAILED} failed`)];
  return [done, ...running, ...failed].join(", ");
}

/** `1 node`, `2 nodes`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

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

/** What `momentText` gives without year and seconds, for a narrow column. */
export function briefMoment(moment: string): string {
  return Bun.stripANSI(moment).slice("2026-".length, -":56".length);
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
  const cut = Bun.sliceAnsi(line, 0, width, "…");
  // Where half a wide character would be left, Bun puts the ellipsis behind the whole one.
  return Bun.stringWidth(cut) <= width ? cut : Bun.sliceAnsi(line, 0, width - 1, "…");
}
