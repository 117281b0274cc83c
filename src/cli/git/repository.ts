import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { nullIfMissing } from "../../native/system-error.ts";
import { git, type GitEnvironment, GitFailed, NoGit, ownEnvironment } from "./git.ts";

/** A git repository as seen from one directory of one of its work trees. */
export interface Repository {
  /** The work tree's top, an absolute real path. */
  top: string;
  /** The scope of its locks: the common git directory, an absolute real path, the same in all its work trees. */
  scope: string;
}

/**
 * The repository whose work tree `directory` lies in; null where there is none (a bare repository and the inside of
 * `.git` are no work tree), where the directory does not exist, and without git.
 * @param environment git's; with its own variables for hooks, those decide, else the directory does.
 * @throws {GitFailed} when there may be one and git will not say, such as one of a foreign owner.
 */
export async function repositoryOf(
  directory: string,
  environment: GitEnvironment = ownEnvironment(),
): Promise<Repository | null> {
  const real = await realpath(directory).catch(nullIfMissing);
  if (real === null) return null;
  // One question a call: answers stand on a line each, and a directory's name may hold a line end.
  const ask = async (what: string) => (await git(real, ["rev-parse", what], environment)).replace(/\n$/, "");
  try {
    const [top, common] = await Promise.all([ask("--show-toplevel"), ask("--git-common-dir")]);
    const [realTop, scope] = await Promise.all([realpath(top), realpath(resolve(real, common))]);
    return { top: realTop, scope };
  } catch (cause) {
    if (cause instanceof NoGit || (cause instanceof GitFailed && isOutside(cause.message))) return null;
    throw cause;
  }
}

function isOutside(message: string): boolean {
  return message.includes("not a git repository") || message.includes("must be run in a work tree");
}
