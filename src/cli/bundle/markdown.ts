import { shortIds } from "../ids.ts";
import { harmless } from "../text.ts";
import type { Compared } from "./comparison.ts";
import { matrixOf, shortened } from "./matrix.ts";

/** A table of Markdown, or nothing where it has no rows. */
export function markdownTable(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heading), line(heading.map(() => "---")), ...rows.map(line)];
}

/** Text that others wrote, as nothing but text: in one line, without what Markdown or HTML make something else of. */
export function markdownText(text: string): string {
  return harmless(text.replaceAll(/\s+/g, " ")).replaceAll(/[\\`*_[\]<>#|~&@]/g, String.raw`\$&`);
}

/** Text as code, in which only its own quotes and the table's lines mean something. */
export function markdownCode(text: string): string {
  const plain = harmless(text.replaceAll(/\s+/g, " ")).replaceAll("|", String.raw`\|`);
  const longest = Math.max(0, ...(plain.match(/`+/g) ?? []).map((run) => run.length));
  const quote = "`".repeat(longest + 1);
  return longest === 0 ? `${quote}${plain}${quote}` : `${quote} ${plain} ${quote}`;
}

const words = {
  overlapping: "overlapping",
  unknown: "unknown",
  compatible: "compatible",
  identical: "identical",
  alone: "alone",
};

/** The comparison as Markdown. */
export function matrixMarkdown(compared: Compared): string {
  const { columns, rows, omitted } = matrixOf(compared);
  if (columns.length === 0) return "No open patch bundle to compare.";
  const short = shortIds(columns.map(({ id }) => id));
  const bundles = columns.map(({ letter, id, advice }) => [
    letter,
    markdownCode(short.get(id) ?? id),
    `${markdownText(advice.owner)} (${markdownText(advice.provider)})`,
    advice.recommendation,
    markdownText(shortened(advice.reasons.join("; "), short)),
  ]);
  const paths = rows.map(({ path, cells }) => [
    markdownCode(path),
    ...cells.map((cell) => (cell === null ? "" : words[cell])),
  ]);
  const order = compared.answer.merge_order.map((id) => markdownCode(short.get(id) ?? id));
  return [
    ...markdownTable(["", "Bundle", "Owner", "Recommendation", "Because"], bundles),
    "",
    ...markdownTable(["Path", ...columns.map(({ letter }) => letter)], paths),
    ...(omitted > 0 ? ["", `and ${omitted} more paths`] : []),
    "",
    order.length === 0 ? "None of them can be merged." : `Merge in this order: ${order.join(", ")}`,
  ].join("\n");
}
