import { eventKinds } from "../../src/protocol/event-kinds.ts";
import type { Json } from "../../src/protocol/json.ts";
import { meaningOf } from "./meanings.ts";
import { type MethodName, methodNames, methodRow } from "../../src/protocol/methods.ts";
import { newNode } from "../../src/protocol/methods/tasks.ts";
import { allOf, inNames, namesIn, objectShapes } from "./objects.ts";
import { type Field, fieldsOf, jsonSchemaOf, shapeOf } from "../../src/protocol/shape.ts";
import { present } from "../../src/protocol/present.ts";

/* Chapters of the reference that tell of what is given and what is answered. */

const columnsMax = 119;

export const objectChapter = () => `## Objects

What several answers hold. \`"${allOf}": "Node"\` stands for all fields of a Node.

${objectShapes()
  .map(([name, shape]) => `### ${name}\n\n${jsonText(shape)}`)
  .join("\n\n")}

### ${newNodeName}

What RegisterTask and AddNodes are given for each node.

${fieldList("RegisterTask", newNodeFields(), "initial_nodes[].")}`;

export const eventChapter = () => `## Event kinds

An event that a client commits has any \`action_type\` and any \`payload\`. These mean the same to every agent:

${definitions(Object.fromEntries(Object.entries(eventKinds).map(([kind, { summary }]) => [kind, summary])))}

Their payloads are objects of these fields, and of any others a client adds. A task with a policy takes them in full only;
elsewhere, what is there of the fields has to fit.

${table(
  ["kind", "field", "type", ""],
  Object.entries(eventKinds).flatMap(([kind, { payload }]) =>
    fieldsOf(jsonSchemaOf(payload)).map(({ path, type, required }) => [
      `\`${kind}\``,
      `\`${path}\``,
      `\`${type}\``,
      required ? "required" : "",
    ]),
  ),
)}`;

/** What a method answers, and where the objects in it are shown. */
export function resultPart(method: MethodName): string {
  const shape = inNames(shapeOf(jsonSchemaOf(methodRow(method).result)));
  const names = namesIn(shape).map((name) => `[${name}](#${name.toLowerCase()})`);
  const where = names.length === 0 ? "" : `, with ${names.join(", ")}`;
  const short = oneLine(shape);
  return short.length <= columnsMax ? `Result${where}: \`${short}\`` : `Result${where}:\n\n${jsonText(shape)}`;
}

/** What is said of a method's parameters where they are not shown: it has none, or shares them with another. */
export function parametersWords(method: MethodName): string {
  if (fieldsOfParams(method).length === 0) return " It takes no parameters.";
  const twin = twinOf(method);
  return twin === undefined ? "" : ` It takes the parameters of [${twin}](#${twin.toLowerCase()}).`;
}

/** A method's parameters, a row each; empty where they are told in words. */
export function paramsPart(method: MethodName): string {
  const fields = fieldsOfParams(method);
  if (fields.length === 0 || twinOf(method) !== undefined) return "";
  return fieldList(method, nodesNamed(fields));
}

const fieldsOfParams = (method: MethodName) => fieldsOf(jsonSchemaOf(methodRow(method).params));

/** The method before it with the same parameters, where they are many. */
function twinOf(method: MethodName): MethodName | undefined {
  const fields = fieldsOfParams(method);
  return methodNames.slice(0, methodNames.indexOf(method)).find((other) => isSame(other, fields));
}

const newNodeName = "NewNode";
const newNodeFields = () => fieldsOf(jsonSchemaOf(newNode));
/** So few parameters are read faster than a link is followed. */
const sharedFieldsMin = 8;

function isSame(method: MethodName, fields: readonly Field[]): boolean {
  if (fields.length < sharedFieldsMin) return false;
  return JSON.stringify(fieldsOfParams(method)) === JSON.stringify(fields);
}

/** The fields, without those of nodes in a list, which are shown once. */
function nodesNamed(fields: readonly Field[]): Field[] {
  const wanted = JSON.stringify(newNodeFields());
  const isNodes = (path: string) => {
    const within = `${path}[].`;
    const inside = fields.filter((field) => field.path.startsWith(within));
    return JSON.stringify(inside.map((field) => ({ ...field, path: field.path.slice(within.length) }))) === wanted;
  };
  const lists = fields.map(({ path }) => path).filter(isNodes);
  return fields
    .filter(({ path }) => !lists.some((list) => path.startsWith(`${list}[].`)))
    .map((field) => (lists.includes(field.path) ? { ...field, type: `[${newNodeName}]` } : field));
}

/** @param within the path of the object whose fields they are, for methods that take it as a part */
function fieldList(method: MethodName, fields: readonly Field[], within = ""): string {
  const lines = fields.map((field) => {
    const { path, type, required, fallback } = field;
    const standard = required ? ", required" : fallback === undefined ? "" : ` = \`${fallback}\``;
    return `- \`${path}\` (\`${type}\`${standard}): ${meaningText(method, field, within)}`;
  });
  return lines.join("\n");
}

function meaningText(method: MethodName, { path, bounds }: Field, within: string): string {
  const parts = [meaningOf(method, `${within}${path}`), bounds, olderSpelling(method, path)];
  return parts.filter((part) => part !== "").join("; ");
}

function olderSpelling(method: MethodName, path: string): string {
  const [older] = Object.entries(methodRow(method).renamedParams ?? {}).find(([, name]) => name === path) ?? [];
  return older === undefined ? "" : `also taken as \`${older}\``;
}

/** JSON as it is shown: a shape, or an example; indented as code. */
export const jsonText = (value: Json): string => laidOut(value, 0).replaceAll(/^/gm, "    ");

/** JSON on one line where it fits there, after `before` characters of that line, else its fields filling lines. */
function laidOut(value: Json, indent: number, before = 0): string {
  const short = oneLine(value);
  if (typeof value !== "object" || value === null || indent + before + short.length <= columnsMax) return short;
  const parts = Array.isArray(value)
    ? value.map((item) => laidOut(item, indent + 2))
    : Object.entries(value).map(([field, inner]) => {
        const key = `${JSON.stringify(field)}: `;
        return `${key}${laidOut(inner, indent + 2, key.length)}`;
      });
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${filled(parts, " ".repeat(indent + 2))}\n${" ".repeat(indent)}${close}`;
}

/** As many parts to a line as fit; one of several lines has them to itself. */
function filled(parts: readonly string[], pad: string): string {
  const lines: string[] = [];
  let mayJoin = false;
  for (const [index, part] of parts.entries()) {
    const text = index === parts.length - 1 ? part : `${part},`;
    const last = lines.at(-1);
    const isOneLine = !part.includes("\n");
    const joined = `${last} ${text}`;
    if (last !== undefined && mayJoin && isOneLine && joined.length <= columnsMax) lines[lines.length - 1] = joined;
    else lines.push(`${pad}${text}`);
    mayJoin = isOneLine;
  }
  return lines.join("\n");
}

function oneLine(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  const fields = Object.entries(value).map(([field, inner]) => `${JSON.stringify(field)}: ${oneLine(inner)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

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
