import { type GitEnd, type GitOptions, ownEnvironment, runGit } from "./git.ts";

/** What of a user's configuration git would run for commands as we use them, set aside. */
const runningNothing = [
  "-c",
  "core.hooksPath=/dev/null",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "log.showSignature=false",
];

/**
 * Runs a git command in a user's repository, with its configuration, but so that nothing of it is run: only commands that
 * neither read nor write files of the work tree, such as `rev-parse` and `update-ref`. What is missing in a partial clone
 * is not fetched, since whatever the remote names would run for that.
 */
export function ask(directory: string, words: readonly string[], options: GitOptions = {}): Promise<GitEnd> {
  const environment = { ...ownEnvironment(), GIT_ALLOW_PROTOCOL: "none", GIT_NO_LAZY_FETCH: "1" };
  return runGit(directory, [...runningNothing, ...words], { environment, ...options });
}

/** What such a command prints, without the line end after it. */
export async function askText(directory: string, words: readonly string[], options: GitOptions = {}): Promise<string> {
  const { out } = await ask(directory, words, options);
  return new TextDecoder().decode(out).replace(/\n$/, "");
}
