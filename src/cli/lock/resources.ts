import type { Json } from "../../protocol/json.ts";
import type { ParamsInput } from "../../protocol/methods.ts";
import { lockPlace } from "./place.ts";

type Nodes = ParamsInput<"AddNodes">["nodes"];

/**
 * Nodes as a task file has them, with their resources as the daemon knows them: a key alone is one that is held
 * exclusively, and one without a scope is of the repository around the working directory.
 */
export async function placeResources(nodes: readonly object[]): Promise<Nodes> {
  const given = nodes as readonly { resources?: Json }[];
  // Most files name none, and need not ask git.
  if (given.every(({ resources }) => !Array.isArray(resources) || resources.length === 0)) return given as Nodes;
  const place = await lockPlace(undefined);
  async function placed(resource: Json): Promise<Json> {
    if (typeof resource === "string") return placed({ resource_key: resource });
    // What is neither a key nor an object is for the daemon to refuse.
    if (typeof resource !== "object" || resource === null || Array.isArray(resource)) return resource;
    const { resource_key: key, scope } = resource;
    if (typeof key !== "string" || scope !== undefined) return resource;
    return { ...resource, resource_key: await place.keyOf(key), scope: place.scope ?? null };
  }
  const all = given.map(async ({ resources, ...node }) =>
    Array.isArray(resources)
      ? { ...node, resources: await Promise.all(resources.map(placed)) }
      : { ...node, resources },
  );
  // The daemon checks the values.
  return (await Promise.all(all)) as Nodes;
}
