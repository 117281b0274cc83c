import { statSync } from "node:fs";
import { dirname } from "node:path";

/** Scopes remembered at most; then all are probed anew. */
const scopesMax = 1_000;

/**
 * Tells of a scope whether its file system takes names that differ by case only for one, as git finds out at `git init`:
 * by asking for a path in the other case. A scope that is no path of this machine is told by the daemon's home.
 */
export function caseProbe(home: string): (scope: string) => boolean {
  const known = new Map<string, boolean>();
  return (scope) => {
    const found = known.get(scope) ?? ignoresCase(scope.startsWith("/") ? scope : home);
    if (known.size >= scopesMax) known.clear();
    known.set(scope, found);
    return found;
  };
}

/** Asks for the nearest directory that is there and has letters in its name. */
function ignoresCase(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const found = identity(path);
  const isAnswerable = found !== null && swapped(name) !== name;
  if (isAnswerable) return identity(path.slice(0, path.length - name.length) + swapped(name)) === found;
  return path === dirname(path) ? false : ignoresCase(dirname(path));
}

const swapped = (name: string) => (name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase());

function identity(path: string): string | null {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? null : `${found.dev}:${found.ino}`;
  } catch {
    return null;
  }
}
