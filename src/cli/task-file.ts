import { messageOf, RequestRefused } from "../client/refusals.ts";
import type { Json } from "../protocol/json.ts";
import { JsonRefused, parseJson } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { AddNodes, RegisterTask } from "../protocol/methods/tasks.ts";
import type { ParamsInput } from "../protocol/methods.ts";
import { Failure } from "./exits.ts";
import { suggest } from "./nearest.ts";
import { readFileText } from "./values.ts";

type Format = "json" | "yaml" | "toml";
type Fields = { [key: string]: Json };
type TaskParams = ParamsInput<"RegisterTask">;
type NewNodes = ParamsInput<"AddNodes">["nodes"];

const taskKeys = [...Object.keys(RegisterTask.params.entries), "nodes"];
const nodeKeys = Object.keys(AddNodes.params.entries.nodes.item.entries);

/**
 * Reads a task from a file, or from standard input for `-`.
 * @throws {Failure} USAGE, naming the place in the file that does not fit.
 */
export async function readTaskFile(path: string): Promise<TaskParams> {
  return toTaskParams(await readContent(path), titleOf(path));
}

/** Reads nodes alone, a list or an object with `nodes`, in the same way. */
export async function readNodesFile(path: string): Promise<NewNodes> {
  return toNodes(await readContent(path), titleOf(path));
}

async function readContent(path: string): Promise<Json> {
  const text = path === "-" ? await Bun.stdin.text() : await readFileText(path, "FILE");
  const format = formatOf(path, text);
  try {
    if (format === "json") return parseJson(text, limits.depthMax);
    return (format === "yaml" ? Bun.YAML.parse(text) : Bun.TOML.parse(text)) as Json;
  } catch (cause) {
    const why = messageOf(cause);
    throw new Failure(
      "USAGE",
      `${titleOf(path)}: ${cause instanceof JsonRefused ? why : `not ${format.toUpperCase()}: ${why}`}`,
    );
  }
}

function titleOf(path: string): string {
  return path === "-" ? "standard input" : path;
}

/** The format a file's name tells, or its content where it tells none. */
export function formatOf(path: string, text: string): Format {
  const extension = /\.(json|ya?ml|toml)$/i.exec(path)?.[1]?.toLowerCase();
  if (extension !== undefined) return extension === "yml" ? "yaml" : (extension as Format);
  if (/^\s*(\{|\[\s*[{\]])/.test(text)) return "json";
  const firstLine = text.split("\n").find((line) => /\S/.test(line) && !/^\s*#/.test(line)) ?? "";
  return /^\s*(\[|[\w".-]+\s*=)/.test(firstLine) ? "toml" : "yaml";
}

/**
 * A task file's content as parameters. Only what the daemon would let pass is refused here: keys it does not know.
 * @throws {Failure} USAGE
 */
export function toTaskParams(content: Json, title: string): TaskParams {
  const { nodes, initial_nodes: initial, ...task } = fieldsOf(content, `${title}: the task`, taskKeys);
  if (nodes !== undefined && initial !== undefined) {
    throw new Failure("USAGE", `${title}: the task has both nodes and initial_nodes, which mean the same; keep one`);
  }
  // The daemon checks the values.
  return { ...task, initial_nodes: nodesOf(nodes ?? initial ?? [], title) } as TaskParams;
}

/** The same for a file of nodes. */
export function toNodes(content: Json, title: string): NewNodes {
  if (Array.isArray(content)) return nodesOf(content, title);
  return nodesOf(fieldsOf(content, `${title}: the file`, ["nodes"]).nodes ?? [], title);
}

function nodesOf(listed: Json, title: string): NewNodes {
  if (!Array.isArray(listed)) throw new Failure("USAGE", `${title}: nodes: expected a list`);
  return listed.map((node, index) => fieldsOf(node, `${title}: nodes[${index}]`, nodeKeys));
}

function fieldsOf(value: Json, where: string, known: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Failure("USAGE", `${where}: expected an object with ${known.join(", ")}`);
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new Failure("USAGE", `${where} has an unknown key ${key}${suggest(key, known)}`);
  }
  return value;
}

const aboutTheFile: ReadonlySet<string> = new Set([
  "INVALID_PARAMS",
  "DUPLICATE_ID",
  "UNKNOWN_DEPENDENCY",
  "CYCLE",
  "LIMIT_EXCEEDED",
]);

/** Names the file at `path` in the daemon's refusal of what it holds; for `catch`. */
export function inFile(path: string): (cause: unknown) => never {
  return (cause) => {
    if (!(cause instanceof RequestRefused) || !aboutTheFile.has(cause.kind)) throw cause;
    const message = cause.message.replace(/^params\.(initial_)?([^:]*)/, (_match, _initial, place: string) =>
      place.replaceAll(/\.(\d+)/g, "[$1]"),
    );
    throw new Failure(cause.kind, `${titleOf(path)}: ${message}`, cause.wire.data);
  };
}
