import { shortIds } from "../ids.ts";
import { partyText } from "../lock/text.ts";
import { columns, dim, green, oneLine, red, yellow } from "../text.ts";
import type { Compared } from "./comparison.ts";
import type { Whole } from "./ids.ts";
import { pathsText, relationText } from "./text.ts";

type Pair = Compared["answer"]["pairs"][number];
type Advice = Compared["answer"]["bundles"][number];

/** How a bundle stands to the others at a path, worst first; `alone` where nobody else is. */
const standings = ["overlapping", "unknown", "compatible", "identical", "alone"] as const;
type Standing = (typeof standings)[number];

/** A table of bundles by paths, before it is drawn. */
export interface Matrix {
  /** By submission, each with its letter. */
  columns: { letter: string; id: string; bundle: Whole; advice: Advice }[];
  /** Those that more than one bundle touches first; a cell is null where a bundle leaves a path alone. */
  rows: { path: string; cells: (Standing | null)[] }[];
  /** Rows that are not there, as one bundle alone touches them. */
  omitted: number;
}

const rowsMax = 60;

export function matrixOf({ bundles, answer }: Compared): Matrix {
  const byId = new Map(bundles.map((bundle) => [bundle.bundle_id, bundle]));
  const shown = answer.bundles.flatMap((advice, i) => {
    const bundle = byId.get(advice.bundle_id);
    return bundle === undefined ? [] : [{ letter: letterOf(i), id: advice.bundle_id, bundle, advice }];
  });
  const worst = worstByPath(answer.pairs);
  const paths = [...new Set(shown.flatMap(({ bundle }) => bundle.touched_paths))].toSorted();
  const rows = paths.map((path) => {
    const cells = shown.map(({ id, bundle }) => {
      return bundle.touched_paths.includes(path) ? (worst.get(`${id} ${path}`) ?? ("alone" as const)) : null;
    });
    return { path, cells };
  });
  const ordered = rows.toSorted((one, other) => rank(one.cells) - rank(other.cells));
  return { columns: shown, rows: ordered.slice(0, rowsMax), omitted: Math.max(0, ordered.length - rowsMax) };
}

function worstByPath(pairs: readonly Pair[]): Map<string, Standing> {
  const worst = new Map<string, Standing>();
  for (const { a, b, ranges } of pairs) {
    for (const { path, other_path: other, relation } of ranges) {
      const standing = standings.find((each) => each === relation);
      if (standing === undefined) continue;
      for (const at of [`${a} ${path}`, `${b} ${other ?? path}`]) {
        const before = worst.get(at);
        if (before === undefined || standings.indexOf(standing) < standings.indexOf(before)) worst.set(at, standing);
      }
    }
  }
  return worst;
}

const rank = (cells: readonly (Standing | null)[]) =>
  Math.min(...cells.map((cell) => (cell === null ? standings.length : standings.indexOf(cell))));

function letterOf(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : `${letterOf(Math.floor(index / 26) - 1)}${letter}`;
}

const marks = {
  overlapping: red("✗"),
  unknown: yellow("?"),
  compatible: green("~"),
  identical: "=",
  alone: "●",
} as const satisfies Record<Standing, string>;

const recommendationWords: Readonly<Record<string, (text: string) => string>> = { merge: green, reject: red };

/** The comparison for people: each bundle with what to do, then who touches what. */
export function matrixText(compared: Compared): string {
  const { columns: shown, rows, omitted } = matrixOf(compared);
  if (shown.length === 0) return "no open patch bundle to compare; submit one with: agentd bundle create";
  const short = shortIds(shown.map(({ id }) => id));
  const legend = shown.map(({ letter, id, advice }) => [
    letter,
    short.get(id) ?? id,
    partyText(advice.owner, advice.provider),
    (recommendationWords[advice.recommendation] ?? yellow)(advice.recommendation),
    oneLine(shortened(advice.reasons.join("; "), short), 200),
  ]);
  const cells = rows.map(({ path, cells: row }) => [
    ...row.map((cell) => (cell === null ? dim("·") : marks[cell])),
    oneLine(path, 100),
  ]);
  const meetings = compared.answer.pairs.filter(
    ({ relation, container }) => relation !== "disjoint" || container !== null,
  );
  return [
    ...columns(legend),
    "",
    ...columns([[...shown.map(({ letter }) => letter), dim("PATH")], ...cells]),
    ...(omitted > 0 ? [dim(`and ${omitted} more paths`)] : []),
    dim("● alone  ~ compatible  ✗ overlapping  = identical  ? unknown"),
    ...(meetings.length === 0 ? [] : ["", ...columns(meetings.map((pair) => pairCells(pair, short)))]),
    "",
    mergeOrderText(compared, short),
  ].join("\n");
}

function pairCells(pair: Pair, short: ReadonlyMap<string, string>) {
  const { a, b, relation, container, paths, path_count: count, ranges } = pair;
  const why = ranges.find(({ reason }) => reason !== null)?.reason;
  const ids = `${short.get(a) ?? a} and ${short.get(b) ?? b}`;
  const contains = container === null ? "" : `; ${short.get(container) ?? container} contains the other`;
  return [
    ids,
    relationText(relation),
    pathsText(paths, count) + (typeof why === "string" ? `: ${oneLine(why, 120)}` : "") + contains,
  ];
}

function mergeOrderText({ answer }: Compared, short: ReadonlyMap<string, string>): string {
  if (answer.merge_order.length === 0) return "none of them can be merged";
  return `merge in this order: ${answer.merge_order.map((id) => short.get(id) ?? id).join(", ")}`;
}

/** Ids of these bundles, shortened wherever they stand. */
export function shortened(text: string, short: ReadonlyMap<string, string>): string {
  return text.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => short.get(id) ?? id);
}
