import type { Json } from "../../protocol/json.ts";
import type { ParamsInput } from "../../protocol/methods.ts";
import { keyResolver, type LockKey } from "./keys.ts";

type Nodes = ParamsInput<"AddNodes">["nodes"];

/**
 * Nodes as a task file has them, with their resources as the daemon knows them: a key alone is one that is held
 * exclusively, and one without a scope is read from the working directory, like a word on the command line.
 * @throws {Failure} USAGE for what would guard nothing.
 */
export async function resolveResources(nodes: readonly object[]): Promise<Nodes> {
  const given = nodes as readonly { resources?: Json }[];
  const place = keyResolver(undefined, "take");
  const all = given.map(async ({ resources, ...node }) =>
    Array.isArray(resources)
      ? { ...node, resources: await Promise.all(resources.map((resource) => placed(resource, place))) }
      : { ...node, resources },
  );
  // The daemon checks the values.
  return (await Promise.all(all)) as Nodes;
}

async function placed(resource: Json, place: (word: string) => Promise<LockKey>): Promise<Json> {
  if (typeof resource === "string") return placed({ resource_key: resource }, place);
  // What is neither a key nor an object is for the daemon to refuse.
  if (typeof resource !== "object" || resource === null || Array.isArray(resource)) return resource;
  const { resource_key: key, scope } = resource;
  if (typeof key !== "string" || scope !== undefined) return resource;
  const { resource_key, scope: found = null } = await place(key);
  return { ...resource, resource_key, scope: found };
}
