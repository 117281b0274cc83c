import { messageOf } from "../client/refusals.ts";
import type { Json } from "../protocol/json.ts";
import { JsonRefused, parseJson } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { Failure } from "./exits.ts";
import { suggest } from "./nearest.ts";
import { readFileText } from "./values.ts";

type Format = "json" | "yaml" | "toml";
type Fields = { [key: string]: Json };

/** What RegisterTask takes, as far as a file has it; the daemon checks the rest. */
export interface TaskParams {
  goal: string;
  context?: Json;
  initial_nodes: { id?: string; dependencies?: string[]; payload_schema?: Json }[];
}

const taskKeys = ["goal", "context", "initial_nodes", "nodes"];
const nodeKeys = ["id", "name", "dependencies", "payload_schema"];

/**
 * Reads a task from a file, or from standard input for `-`.
 * @throws {Failure} USAGE, naming the place in the file that does not fit.
 */
export async function readTaskFile(path: string, idempotencyKey?: string): Promise<TaskParams> {
  const text = path === "-" ? await Bun.stdin.text() : await readFileText(path, "FILE");
  return toTaskParams(parse(text, formatOf(path, text), path), idempotencyKey);
}

/** The format a file's name tells, or its content where it tells none. */
export function formatOf(path: string, text: string): Format {
  const extension = /\.(json|ya?ml|toml)$/i.exec(path)?.[1]?.toLowerCase();
  if (extension !== undefined) return extension === "yml" ? "yaml" : (extension as Format);
  if (/^\s*\{/.test(text)) return "json";
  const firstLine = text.split("\n").find((line) => /\S/.test(line) && !/^\s*#/.test(line)) ?? "";
  return /^\s*(\[|[\w".-]+\s*=)/.test(firstLine) ? "toml" : "yaml";
}

function parse(text: string, format: Format, path: string): Json {
  try {
    if (format === "json") return parseJson(text, limits.depthMax);
    return (format === "yaml" ? Bun.YAML.parse(text) : Bun.TOML.parse(text)) as Json;
  } catch (cause) {
    const why = messageOf(cause);
    const shown = cause instanceof JsonRefused ? why : `not ${format.toUpperCase()}: ${why}`;
    throw new Failure("USAGE", `${path === "-" ? "standard input" : path}: ${shown}`);
  }
}

/**
 * A task file's content as parameters: names become ids. With an idempotency key the ids follow from key and name, so
 * that a repeated call has the same parameters; else they are random.
 * @throws {Failure} USAGE for unknown keys, duplicate names and dependencies on no node of the file.
 */
export function toTaskParams(content: Json, idempotencyKey?: string): TaskParams {
  const task = fieldsOf(content, "the task", taskKeys);
  if (typeof task.goal !== "string") throw new Failure("USAGE", "the task has no goal; expected goal: TEXT");
  if (task.nodes !== undefined && task.initial_nodes !== undefined) {
    throw new Failure("USAGE", "the task has both nodes and initial_nodes, which mean the same; keep one");
  }
  const listed = task.nodes ?? task.initial_nodes ?? [];
  if (!Array.isArray(listed)) throw new Failure("USAGE", "nodes: expected a list");
  const nodes = listed.map((node, index) => fieldsOf(node, `nodes[${index}]`, nodeKeys));
  const ids = nameIds(nodes, idempotencyKey);
  return {
    goal: task.goal,
    ...(task.context === undefined ? {} : { context: task.context }),
    initial_nodes: nodes.map((node, index) => toNode(node, `nodes[${index}]`, ids)),
  };
}

function fieldsOf(value: Json | undefined, where: string, known: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Failure("USAGE", `${where}: expected an object with ${known.join(", ")}`);
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new Failure("USAGE", `${where} has an unknown key ${key}${suggest(key, known)}`);
  }
  return value;
}

/** Each name's node id: the one the node has, or a new one. */
function nameIds(nodes: readonly Fields[], idempotencyKey: string | undefined): Map<string, string> {
  const ids = new Map<string, string>();
  nodes.forEach(({ name, id }, index) => {
    if (name === undefined) return;
    const where = `nodes[${index}]`;
    if (typeof name !== "string" || name === "") throw new Failure("USAGE", `${where}.name: expected a text`);
    if (ids.has(name)) throw new Failure("USAGE", `${where}.name: two nodes are named ${JSON.stringify(name)}`);
    ids.set(name, typeof id === "string" ? id : newId(name, idempotencyKey));
  });
  return ids;
}

function newId(name: string, idempotencyKey: string | undefined): string {
  if (idempotencyKey === undefined) return crypto.randomUUID();
  return Bun.randomUUIDv5(name, Bun.randomUUIDv5(`agentd:${idempotencyKey}`, "url"));
}

function toNode(node: Fields, where: string, ids: ReadonlyMap<string, string>): TaskParams["initial_nodes"][number] {
  const { name, dependencies = [], payload_schema: payload } = node;
  if (!Array.isArray(dependencies))
    throw new Failure("USAGE", `${where}.dependencies: expected a list of names or ids`);
  const id = typeof name === "string" ? ids.get(name) : textOrNothing(node.id, `${where}.id`);
  const schema = typeof name === "string" ? withName(payload, name) : payload;
  return {
    ...(id === undefined ? {} : { id }),
    dependencies: dependencies.map((dependency, index) => toId(dependency, `${where}.dependencies[${index}]`, ids)),
    ...(schema === undefined ? {} : { payload_schema: schema }),
  };
}

function textOrNothing(value: Json | undefined, where: string): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  throw new Failure("USAGE", `${where}: expected a UUID`);
}

/** A worker sees a node's payload, not the file, so the name travels in it. */
function withName(payload: Json = {}, name: string): Json {
  const holdsNames = typeof payload === "object" && payload !== null && !Array.isArray(payload);
  return holdsNames ? { name, ...payload } : payload;
}

function toId(dependency: Json, where: string, ids: ReadonlyMap<string, string>): string {
  const text = typeof dependency === "string" ? dependency : JSON.stringify(dependency);
  const id = ids.get(text);
  if (id !== undefined) return id;
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text;
  throw new Failure("USAGE", `${where}: no node is named ${JSON.stringify(text)}${suggest(text, ids.keys())}`);
}
