import { eventKinds } from "./event-kinds.ts";
import { definitions, fenced, table } from "./markdown.ts";
import type { Json } from "./json.ts";
import { meaningOf } from "./meanings.ts";
import { type MethodName, methodNames, methodRow } from "./methods.ts";
import { newNode } from "./methods/tasks.ts";
import { allOf, inNames, namesIn, objectShapes } from "./objects.ts";
import { type Field, fieldsOf, jsonSchemaOf, shapeOf } from "./shape.ts";

/* Chapters of the reference that tell of what is given and what is answered. */

// As the formatter lays JSON out, so that it leaves the pages as they are: with room for a comma.
const columnsMax = 119;

export const objectChapter = () => `## Objects

What several answers hold. \`"${allOf}": "Node"\` stands for all fields of a Node.

${objectShapes()
  .map(([name, shape]) => `### ${name}\n\n${jsonText(shape)}`)
  .join("\n\n")}

### ${newNodeName}

What RegisterTask and AddNodes are given for each node.

${fieldTable("RegisterTask", newNodeFields(), "initial_nodes[].")}`;

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
  return [jsonText(shape), ...(names.length === 0 ? [] : [`See ${names.join(", ")}.`])].join("\n\n");
}

/** A method's parameters; those it shares with another method stand there. */
export function paramsPart(method: MethodName): string {
  const fields = fieldsOf(jsonSchemaOf(methodRow(method).params));
  if (fields.length === 0) return "It takes no parameters.";
  const twin = methodNames.slice(0, methodNames.indexOf(method)).find((other) => isSame(other, fields));
  if (twin !== undefined) return `It takes the parameters of [${twin}](#${twin.toLowerCase()}).`;
  return fieldTable(method, nodesNamed(fields));
}

const newNodeName = "NewNode";
const newNodeFields = () => fieldsOf(jsonSchemaOf(newNode));
/** So few parameters are read faster than a link is followed. */
const sharedFieldsMin = 8;

function isSame(method: MethodName, fields: readonly Field[]): boolean {
  if (fields.length < sharedFieldsMin) return false;
  return JSON.stringify(fieldsOf(jsonSchemaOf(methodRow(method).params))) === JSON.stringify(fields);
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
function fieldTable(method: MethodName, fields: readonly Field[], within = ""): string {
  const rows = fields.map(({ path, type, required, fallback, bounds }) => [
    `\`${path}\``,
    `\`${type}\``,
    required ? "required" : fallback === undefined ? "" : `\`${fallback}\``,
    [meaningOf(method, `${within}${path}`), bounds, olderSpelling(method, path)]
      .filter((part) => part !== "")
      .join("; "),
  ]);
  return table(["parameter", "type", "default", "meaning"], rows);
}

function olderSpelling(method: MethodName, path: string): string {
  const [older] = Object.entries(methodRow(method).renamedParams ?? {}).find(([, name]) => name === path) ?? [];
  return older === undefined ? "" : `also taken as \`${older}\``;
}

/** JSON as it is shown: a shape, or an example. */
export const jsonText = (value: Json): string => fenced("json", laidOut(value, 0));

/** JSON on one line where it fits there, after `before` characters of that line, else each field on its own. */
function laidOut(value: Json, indent: number, before = 0): string {
  const short = oneLine(value);
  if (typeof value !== "object" || value === null || indent + before + short.length <= columnsMax) return short;
  const pad = " ".repeat(indent + 2);
  const parts = Array.isArray(value)
    ? value.map((item) => `${pad}${laidOut(item, indent + 2)}`)
    : Object.entries(value).map(([field, inner]) => {
        const key = `${JSON.stringify(field)}: `;
        return `${pad}${key}${laidOut(inner, indent + 2, key.length)}`;
      });
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${parts.join(",\n")}\n${" ".repeat(indent)}${close}`;
}

function oneLine(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  const fields = Object.entries(value).map(([field, inner]) => `${JSON.stringify(field)}: ${oneLine(inner)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}
