import { Resolver } from "../../resolver/resolver.ts";
import type { Wanted } from "./check.ts";

/**
 * What to lock for an edit of these paths: of each file its path in the repository it lies in, and where none is, its
 * absolute path in the global scope. A path that is a symbolic link stands for itself and for the file it leads to, since
 * some agents write through links and others replace them.
 */
export async function wantedFor(paths: readonly string[], cwd: string): Promise<Wanted[]> {
  const resolver = new Resolver();
  const byTop = new Map<string | null, { scope: string | null; files: Set<string> }>();
  for (const path of paths) {
    for (const { scope, top, resource_key } of await resolver.edited(path, cwd)) {
      const { files } = byTop.get(top) ?? { files: new Set<string>() };
      byTop.set(top, { scope, files: files.add(resource_key.slice("file:".length)) });
    }
  }
  return Array.from(byTop, ([top, { scope, files }]) => ({ scope, top, paths: [...files] }));
}
