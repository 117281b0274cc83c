import { lstat, open, readdir } from "node:fs/promises";
import { readFileText } from "../../native/read-file.ts";
import { limits } from "../../protocol/limits.ts";
import { join } from "node:path";
import { Failure } from "../exits.ts";
import { isEarlierHook, readHookScript } from "./hook-script.ts";
import type { GitHook } from "./hook-tools.ts";

/** Enough to see what a file says of itself; a directory of hooks may have programs of any size. */
const headBytes = 4_096;

/** What belongs to a guard beside the hook itself, as paths. */
export interface FoundHooks {
  /** The guard under other names: tools rename the hooks they find, each in its own way. */
  elsewhere: string[];
  /** Hooks that were there before it. */
  earlier: string[];
}

export async function searchBeside(directory: string, hook: GitHook): Promise<FoundHooks> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const others = entries.filter(({ name }) => name !== hook && !name.endsWith(".new"));
  const found: FoundHooks = { elsewhere: [], earlier: [] };
  for (const entry of others.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    const guarded = entry.isFile() ? readHookScript(await headOf(path)) : null;
    if (guarded?.hook === hook) found.elsewhere.push(path);
    else if (guarded === null && isEarlierHook(entry.name, hook)) found.earlier.push(path);
  }
  return found;
}

/** The beginning of a file; nothing of one that cannot be read. */
async function headOf(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes);
    return buffer.toString("latin1", 0, bytesRead);
  } catch {
    return "";
  }
}

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** A hook's text; null where none is. A link that leads nowhere is a hook without text. */
export async function textOf(path: string): Promise<string | null> {
  if (!(await exists(path))) return null;
  try {
    return readFileText(path, limits.inputBytesMax);
  } catch (cause) {
    if ((cause as { code?: string }).code === "ENOENT") return "";
    throw new Failure("FOUND_A_PROBLEM", `${path} cannot be read as a hook: ${(cause as Error).message}`);
  }
}
