import { relative } from "node:path";
import { Resolver } from "../../resolver/resolver.ts";
import { Failure } from "../exits.ts";
import type { Json } from "../../protocol/json.ts";
import type { ParamsInput } from "../../protocol/methods.ts";

/** A key as the daemon knows it, and whose it is: undefined for the global scope. */
export interface LockKey {
  resource_key: string;
  scope: string | undefined;
  /** The top of the work tree it was found in. */
  top: string | undefined;
}

/**
 * Says what words stand for, read from the working directory. With `--scope` they are keys of that scope as they are, of
 * the global one when it is empty. It throws Unresolvable at what stands for nothing and, unless it is only to be
 * released, a USAGE failure at what would guard nothing.
 */
export function keyResolver(
  given: string | undefined,
  purpose: "take" | "release",
): (word: string) => Promise<LockKey> {
  if (given !== undefined) {
    const scope = given === "" ? undefined : given;
    return async (resource_key) => ({ resource_key, scope, top: undefined });
  }
  const resolver = new Resolver();
  return async (word) => {
    const { resource_key, scope, top, guardsNothing } = await resolver.key(word, process.cwd());
    if (guardsNothing === null || purpose === "release") {
      return { resource_key, scope: scope ?? undefined, top: top ?? undefined };
    }
    throw new Failure("USAGE", `${JSON.stringify(word)} would guard nothing: ${guardsNothing}`);
  };
}

/** The same for several words. */
export function resolveKeys(words: readonly string[], given: string | undefined, purpose: "take" | "release") {
  return Promise.all(words.map(keyResolver(given, purpose)));
}

/** Where one stands: whose names and relative paths are meant, and how keys are written here. */
export interface Here {
  /** The repository's; null outside of one. */
  scope: string | null;
  /** A key as the word that stands for it here; one of another scope stays as it is there. */
  wordFor(key: ScopedKey): string;
  /** The same for a sentence, with the scope where that is another repository's. */
  nameOf(key: ScopedKey): string;
}

interface ScopedKey {
  resource_key: string;
  scope?: string | null | undefined;
}

/** The working directory, as keys see it. */
export async function locateHere(): Promise<Here> {
  const cwd = process.cwd();
  const tree = await new Resolver().workTree(cwd);
  const here = tree?.scope ?? null;
  const prefix = tree === null ? "" : relative(tree.top, cwd);
  const wordFor = ({ resource_key: key, scope }: ScopedKey) => {
    const [, kind, path] = /^(file|dir|glob):(.*)$/s.exec(key) ?? [];
    if (scope !== here || prefix === "" || path === undefined) return key;
    return `${kind}:${relative(prefix, path) || "."}`;
  };
  const nameOf = (key: ScopedKey) =>
    (key.scope ?? here) === here ? wordFor(key) : `${key.resource_key} in ${key.scope}`;
  return { scope: here, wordFor, nameOf };
}

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
