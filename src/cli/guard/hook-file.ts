import { chmod, lstat, mkdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Failure } from "../exits.ts";
import { git } from "../git/git.ts";
import { earlierSuffix, hookScript, readHookScript } from "./hook-script.ts";
import { exists, searchBeside, textOf } from "./hook-search.ts";
import { type GitHook, gitHooks, hookAuthor, isSameHook } from "./hook-tools.ts";
import type { Repository } from "../git/repository.ts";

/** Where git looks for hooks, and whose they are. */
export interface HooksDirectory {
  path: string;
  /** `shared`: outside of the repository, so other repositories may use it, too. `tracked`: among a work tree's files. */
  whose: "repository" | "tracked" | "shared";
}

/**
 * A hook as it stands. `foreign`: there is one, and it is not the guard. `displaced`: the guard is there under another
 * name, where git does not run it; whether somebody else does is not known.
 */
export interface HookState {
  hook: GitHook;
  path: string;
  state: "installed" | "outdated" | "displaced" | "foreign" | "missing";
  /** What it runs; null when it is no guard. */
  program: readonly string[] | null;
  /** The hook that was there before and runs first. */
  chained: string | null;
  /** Who wrote the hook that git runs where that is not the guard, or else the one the guard runs first. */
  author: string | null;
  /** Where else the guard is. */
  elsewhere: readonly string[];
}

/** Finds the directory of hooks: where git looks for one of them, whatever is configured. */
export async function hooksDirectory({ top, scope }: Repository): Promise<HooksDirectory> {
  // A relative core.hooksPath is meant, and answered, from where hooks run: the top. Of an empty one git makes `/`, and
  // tells so only when asked for a hook.
  const [hook] = gitHooks;
  const found = (await git(top, ["rev-parse", "--git-path", `hooks/${hook}`])).replace(/\n$/, "");
  const path = dirname(resolve(top, found));
  const real = await realpath(path).catch(() => path);
  if (isUnder(real, scope)) return { path, whose: "repository" };
  return { path, whose: isUnder(real, top) ? "tracked" : "shared" };
}

function isUnder(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

export async function hookState(directory: string, hook: GitHook, program: readonly string[]): Promise<HookState> {
  const path = join(directory, hook);
  const { elsewhere, earlier } = await searchBeside(directory, hook);
  const [chained = null] = earlier;
  const text = await textOf(path);
  const ours = text === null ? null : readHookScript(text);
  const author = hookAuthor((ours === null ? text : await textOf(path + earlierSuffix)) ?? "");
  const beside = { hook, path, author, elsewhere };
  if (text !== null && ours !== null) {
    const state = text === hookScript(hook, program) ? "installed" : "outdated";
    return { ...beside, state, program: ours.program, chained };
  }
  const [displaced] = elsewhere;
  if (displaced !== undefined) {
    const found = readHookScript((await textOf(displaced)) ?? "");
    return { ...beside, state: "displaced", program: found?.program ?? [], chained };
  }
  if (text === null) return { ...beside, state: "missing", program: null, chained };
  return { ...beside, state: "foreign", program: null, chained: null };
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
  const found = await hookState(directory, hook, program);
  const { path, state, elsewhere } = found;
  if (state === "installed" && elsewhere.length === 0 && (await isExecutable(path))) return "unchanged";
  await mkdir(directory, { recursive: true });
  if ((state === "foreign" || state === "displaced") && (await exists(path))) await putAside(path, elsewhere[0]);
  for (const each of elsewhere) await rm(each);
  // Whoever runs git meanwhile finds the whole script, or the one before.
  const aside = `${path}.${process.pid}.new`;
  await writeFile(aside, hookScript(hook, program), { mode: 0o755 });
  await chmod(aside, 0o755);
  await rename(aside, path);
  return state === "outdated" || state === "installed" ? "updated" : "installed";
}

/**
 * Keeps a hook to be run first. One that is kept already, as `displaced` had when a tool renamed it, is kept under that
 * name: there the tool would have put it.
 */
async function putAside(path: string, displaced: string | undefined): Promise<void> {
  const earlier = path + earlierSuffix;
  const [kept, text] = [await textOf(earlier), (await textOf(path)) ?? ""];
  // A tool that writes its hooks anew, as some do with every installation of packages, has put back what is kept.
  if (kept !== null && readHookScript(kept) === null && !isSameHook(kept, text)) {
    const other = displaced === undefined ? null : displaced + earlierSuffix;
    if (other === null || (await exists(other))) {
      throw new Failure(
        "FOUND_A_PROBLEM",
        `${path} is no hook of agentd's, and ${earlier}, where it would be kept, exists: another tool has replaced the ` +
          "guard's hook. Remove the one of the two that is no longer wanted, and install again",
      );
    }
    await rename(earlier, other);
  }
  await rename(path, earlier);
}

/** Takes the guard out, wherever it is; what was there before is there again, with its bytes and mode. */
export async function uninstallHook(
  directory: string,
  hook: GitHook,
): Promise<"removed" | "restored" | "foreign" | "missing"> {
  const { path, state, chained, elsewhere } = await hookState(directory, hook, []);
  if (state === "foreign") return "foreign";
  if (state === "missing" && chained === null) return "missing";
  for (const each of elsewhere) await rm(each);
  if (state === "displaced" && (await exists(path))) await giveBackBeside(path, elsewhere[0]);
  else await rm(path, { force: true });
  for (const kept of (await searchBeside(directory, hook)).earlier) {
    const name = kept.slice(0, -earlierSuffix.length);
    if (!(await exists(name))) await rename(kept, name);
  }
  return chained === null ? "removed" : "restored";
}

/** A tool has the guard's place. What the guard had run first is the tool's own, or what the tool would have renamed. */
async function giveBackBeside(path: string, displaced: string | undefined): Promise<void> {
  const earlier = path + earlierSuffix;
  const kept = await textOf(earlier);
  if (kept === null) return;
  if (isSameHook(kept, (await textOf(path)) ?? "")) await rm(earlier);
  else if (displaced !== undefined) await rename(earlier, displaced);
}

async function isExecutable(path: string): Promise<boolean> {
  return ((await lstat(path)).mode & 0o111) !== 0;
}
