import { resolve } from "node:path";
import { Failure } from "../exits.ts";
import { keyPath, realAsFar, type Repository, repositoryOf } from "../git/repository.ts";

/** Whose locks a command means, and how keys and paths read there. */
export interface Place {
  /** Undefined for the global scope. */
  scope: string | undefined;
  /** A key as the daemon knows it: an absolute path in a repository is written from its top. */
  keyOf(written: string): Promise<string>;
  /** The key of a path given on the command line, from the working directory or absolute. */
  fileKey(path: string): Promise<string>;
}

/**
 * The repository around the working directory, or without one the global scope, where paths are absolute. `given` is what
 * `--scope` says: any scope by its name, or an empty one for the global.
 */
export async function lockPlace(given: string | undefined, cwd = process.cwd()): Promise<Place> {
  if (given !== undefined) return named(given);
  const repository = await repositoryOf(cwd);
  return repository === null ? global(cwd) : ofRepository(repository, cwd);
}

const pathKinds = /^(file|dir|glob):(?=\/)/;

function named(given: string): Place {
  return {
    scope: given === "" ? undefined : given,
    keyOf: async (written) => written,
    fileKey: async (path) => `file:${path}`,
  };
}

function global(cwd: string): Place {
  return {
    scope: undefined,
    keyOf: async (written) => written,
    fileKey: async (path) => `file:${await realAsFar(resolve(cwd, path))}`,
  };
}

function ofRepository(repository: Repository, cwd: string): Place {
  async function fromTop(path: string): Promise<string> {
    const inside = await keyPath(repository, path, cwd);
    if (inside !== null) return inside;
    const message = `${path} lies outside the repository at ${repository.top}; --scope '' locks it among all paths`;
    throw new Failure("USAGE", message);
  }
  return {
    scope: repository.scope,
    async keyOf(written) {
      const [prefix] = pathKinds.exec(written) ?? [];
      return prefix === undefined ? written : `${prefix}${await fromTop(written.slice(prefix.length))}`;
    },
    async fileKey(path) {
      const inside = await fromTop(path);
      return inside === "." ? "dir:." : `file:${inside}`;
    },
  };
}

/** Who acts, where the command line does not say: `agentd run` and `agentd lock run` tell their commands. */
export function ownerOf(given: string | undefined): string | undefined {
  return given ?? process.env.AGENTD_OWNER;
}
