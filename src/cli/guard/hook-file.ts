import { chmod, lstat, mkdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Failure } from "../exits.ts";
import { git } from "../git/git.ts";
import type { GitHook } from "./hook-names.ts";
import { earlierSuffix, hookScript, readHookScript } from "./hook-script.ts";
import type { Repository } from "../git/repository.ts";

/** Where git looks for hooks, and whose they are. */
export interface HooksDirectory {
  path: string;
  /** `shared`: outside of the repository, so other repositories may use it, too. `tracked`: among a work tree's files. */
  place: "repository" | "tracked" | "shared";
}

/** A hook as it stands. `foreign`: there is one, and it is not the guard. */
export interface HookState {
  hook: GitHook;
  path: string;
  state: "installed" | "outdated" | "foreign" | "missing";
  /** What it runs; null when it is no guard. */
  program: readonly string[] | null;
  /** The hook that was there before and runs first. */
  chained: string | null;
}

/** Finds the directory of hooks, by `core.hooksPath` where that is set. */
export async function hooksDirectory({ top, scope }: Repository): Promise<HooksDirectory> {
  // A relative core.hooksPath is meant, and answered, from where hooks run: the top.
  const path = resolve(top, (await git(top, ["rev-parse", "--git-path", "hooks"])).replace(/\n$/, ""));
  const real = await realpath(path).catch(() => path);
  if (isUnder(real, scope)) return { path, place: "repository" };
  return { path, place: isUnder(real, top) ? "tracked" : "shared" };
}

function isUnder(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

export async function hookState(directory: string, hook: GitHook, program: readonly string[]): Promise<HookState> {
  const path = join(directory, hook);
  const earlier = (await exists(path + earlierSuffix)) ? path + earlierSuffix : null;
  const text = await textOf(path);
  if (text === null) return { hook, path, state: "missing", program: null, chained: earlier };
  const ours = readHookScript(text);
  if (ours === null) return { hook, path, state: "foreign", program: null, chained: null };
  const state = text === hookScript(hook, program) ? "installed" : "outdated";
  return { hook, path, state, program: ours.program, chained: earlier };
}

/**
 * Puts the guard in place; a hook that is there already is kept beside it and runs first.
 * @returns what was done
 * @throws {Failure} FOUND_A_PROBLEM where something stands in the way
 */
export async function installHook(
  directory: string,
  hook: GitHook,
  program: readonly string[],
): Promise<"installed" | "updated" | "unchanged"> {
  const { path, state } = await hookState(directory, hook, program);
  if (state === "installed" && (await isExecutable(path))) return "unchanged";
  await mkdir(directory, { recursive: true });
  if (state === "foreign") await putAside(path);
  // Whoever runs git meanwhile finds the whole script, or the one before.
  const aside = `${path}.${process.pid}.new`;
  await writeFile(aside, hookScript(hook, program), { mode: 0o755 });
  await chmod(aside, 0o755);
  await rename(aside, path);
  return state === "outdated" || state === "installed" ? "updated" : "installed";
}

async function putAside(path: string): Promise<void> {
  const earlier = path + earlierSuffix;
  // A tool that writes its hooks anew, as some do with every installation of packages, has put back what is kept.
  const same = (await textOf(earlier)) === (await textOf(path));
  if (!same && (await exists(earlier))) {
    throw new Failure(
      "FOUND_A_PROBLEM",
      `${path} is no hook of agentd's, and ${earlier}, where it would be kept, exists: another tool has replaced the ` +
        "guard's hook. Remove the one of the two that is no longer wanted, and install again",
    );
  }
  await rename(path, earlier);
}

/** Takes the guard out; what was there before is there again, with its bytes and mode. */
export async function uninstallHook(
  directory: string,
  hook: GitHook,
): Promise<"removed" | "restored" | "foreign" | "missing"> {
  const { path, state, chained } = await hookState(directory, hook, []);
  if (state === "foreign") return "foreign";
  if (chained !== null) {
    await rename(chained, path);
    return "restored";
  }
  if (state === "missing") return "missing";
  await rm(path);
  return "removed";
}

async function isExecutable(path: string): Promise<boolean> {
  return ((await lstat(path)).mode & 0o111) !== 0;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** A hook's text; null where none is. A link that leads nowhere is a hook without text. */
async function textOf(path: string): Promise<string | null> {
  if (!(await exists(path))) return null;
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as { code?: string }).code === "ENOENT") return "";
    throw new Failure("FOUND_A_PROBLEM", `${path} cannot be read as a hook: ${(cause as Error).message}`);
  }
}
