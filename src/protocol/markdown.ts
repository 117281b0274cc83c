import { present } from "./present.ts";

/* Pieces of Markdown as the generated reference uses them. */

export const definitions = (entries: Readonly<Record<string, string>>) =>
  Object.entries(entries)
    .map(([term, text]) => `- \`${term}\`: ${text}`)
    .join("\n");

export const fenced = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\``;

/** A request and its answer, as the two lines they are, indented as code. */
export const exchange = (request: unknown, response: unknown) =>
  `    ${JSON.stringify(request)}\n    ${JSON.stringify(response)}`;

export function table(head: string[], body: string[][]): string {
  const rows = [head, ...body].map((cells) => cells.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...rows.map((cells) => present(cells[column], "a cell").length)));
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(present(widths[column], "a width"))).join(" | ")} |`;
  const [headline = "", ...lines] = rows.map(line);
  return [headline, line(widths.map((width) => "-".repeat(width))), ...lines].join("\n");
}
