import { dirname, resolve } from "node:path";
import type { Wanted } from "./check.ts";
import { keyPath, nearestDirectory, realOrNull, repositoryOf } from "../git/repository.ts";

/**
 * What to lock for an edit of these paths: of each file its path in the repository it lies in, and where none is, its
 * absolute path in the global scope. A path that is a symbolic link stands for itself and for the file it leads to, since
 * some agents write through links and others replace them.
 */
export async function wantedFor(paths: readonly string[], cwd: string): Promise<Wanted[]> {
  const byScope = new Map<string | null, Set<string>>();
  for (const path of paths) {
    const absolute = resolve(cwd, path);
    const target = await realOrNull(absolute);
    for (const file of new Set([absolute, target ?? absolute])) {
      const { scope, key } = await placeOf(file);
      byScope.set(scope, (byScope.get(scope) ?? new Set()).add(key));
    }
  }
  return [...byScope].map(([scope, keys]) => ({ scope, paths: [...keys] }));
}

async function placeOf(file: string): Promise<{ scope: string | null; key: string }> {
  const directory = await nearestDirectory(dirname(file));
  const repository = await repositoryOf(directory);
  const key = repository === null ? null : await keyPath(repository, file, "/");
  if (repository === null || key === null) return { scope: null, key: file };
  return { scope: repository.scope, key };
}
