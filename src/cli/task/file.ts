import type { GenericSchema } from "valibot";
import { messageOf, RequestRefused } from "../../client/refusals.ts";
import type { Json } from "../../protocol/json.ts";
import { JsonRefused, parseJson } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import { AddNodes, RegisterTask } from "../../protocol/methods/tasks.ts";
import type { ParamsInput } from "../../protocol/methods.ts";
import { nearest } from "../../protocol/nearest.ts";
import { unknownFields } from "../../protocol/unknown-fields.ts";
import { DocumentRefused, parseYaml, plainJson } from "./document.ts";
import { Failure } from "../exits.ts";
import { readInput } from "../values.ts";

type Format = "json" | "yaml" | "toml";
type Fields = { [key: string]: Json };
type TaskParams = ParamsInput<"RegisterTask">;
type NewNodes = ParamsInput<"AddNodes">["nodes"];

const otherNames = Object.keys(RegisterTask.renamedParams ?? {});
const taskKeys = [...Object.keys(RegisterTask.params.entries), ...otherNames];
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
  const text = await readInput(path, "FILE");
  const format = formatOf(path, text);
  try {
    if (format === "json") return parseJson(text, limits.depthMax);
    return format === "yaml" ? parseYaml(text) : plainJson(Bun.TOML.parse(text));
  } catch (cause) {
    const why = messageOf(cause);
    const isSaid = cause instanceof JsonRefused || cause instanceof DocumentRefused;
    throw new Failure("USAGE", `${titleOf(path)}: ${isSaid ? why : `not ${format.toUpperCase()}: ${why}`}`);
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
 * A task file's content as parameters. Only what the daemon would let pass with a warning is refused here: keys it does
 * not know, at any depth.
 * @throws {Failure} USAGE
 */
export function toTaskParams(content: Json, title: string): TaskParams {
  const { nodes, initial_nodes: initial, ...task } = fieldsOf(content, `${title}: the task`, taskKeys);
  if (nodes !== undefined && initial !== undefined) {
    throw new Failure("USAGE", `${title}: the task has both nodes and initial_nodes, which mean the same; keep one`);
  }
  const params = { ...task, initial_nodes: nodesOf(nodes ?? initial ?? [], title) };
  refuseUnknown(RegisterTask.params, params, title);
  // The daemon checks the values.
  return params as TaskParams;
}

/** The same for a file of nodes. */
export function toNodes(content: Json, title: string): NewNodes {
  const listed = Array.isArray(content) ? content : fieldsOf(content, `${title}: the file`, ["nodes"]).nodes;
  const unknown = Object.keys(Array.isArray(content) ? {} : (content as Fields)).find((key) => key !== "nodes");
  if (unknown !== undefined) throw unknownKey(`${title}: the file`, unknown, nearest(unknown, ["nodes"]));
  const nodes = nodesOf(listed ?? [], title);
  refuseUnknown(AddNodes.params, { nodes }, title);
  return nodes;
}

function nodesOf(listed: Json, title: string): Fields[] {
  if (!Array.isArray(listed)) throw new Failure("USAGE", `${title}: nodes: expected a list`);
  return listed.map((node, index) => fieldsOf(node, `${title}: nodes[${index}]`, nodeKeys));
}

function fieldsOf(value: Json, where: string, known: readonly string[]): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new Failure("USAGE", `${where}: expected an object with ${known.join(", ")}`);
}

function refuseUnknown(params: GenericSchema, given: Fields, title: string): void {
  const [first] = unknownFields(params, given, otherNames).told;
  if (first === undefined) return;
  const place = first.place === "" ? "the task" : placeInFile(first.place);
  throw unknownKey(`${title}: ${place}`, first.name, first.meant);
}

function unknownKey(where: string, key: string, meant: string | undefined): Failure {
  const advice = meant === undefined ? "; see: agentd describe RegisterTask" : ` (did you mean ${meant}?)`;
  return new Failure("USAGE", `${where} has an unknown key ${key}${advice}`);
}

/** `initial_nodes.0.policy` as a person finds it in a file: `nodes[0].policy`. */
function placeInFile(path: string): string {
  return path.replace(/^initial_/, "").replaceAll(/\.(\d+)/g, "[$1]");
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
    const message = cause.message.replace(/^params\.([^:]*)/, (_match, place: string) => placeInFile(place));
    throw new Failure(cause.kind, `${titleOf(path)}: ${message}`, cause.wire.data);
  };
}
