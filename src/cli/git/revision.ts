import { Failure } from "../exits.ts";
import { askText, nullIfFailed } from "./git.ts";

const wholeId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * The commit a user's words name, by its whole id. Of a branch and a tag of one name the branch is meant: work begins at
 * branches, and goes there. `tags/NAME` is the tag.
 * @param what what the words were given as, such as `--base`
 * @throws {Failure} USAGE when they name none.
 */
export async function commitOf(directory: string, given: string, what: string): Promise<string> {
  const found = await commitOrNull(directory, await branchFirst(directory, given));
  if (found !== null) return found;
  throw new Failure("USAGE", `${what} is ${JSON.stringify(given)}, which is not a commit here; see: git log`);
}

/** The same words, and where a branch has this name, the branch's whole name. */
export async function branchFirst(directory: string, given: string): Promise<string> {
  // Git knows better what these are, whatever a branch is called.
  if (given === "HEAD" || wholeId.test(given)) return given;
  const branch = `refs/heads/${given}`;
  return (await commitOrNull(directory, branch)) === null ? given : branch;
}

/** The commit of words that git tells from others of the same name; null when they name none. */
export async function commitOrNull(directory: string, given: string): Promise<string | null> {
  const words = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${given}^{commit}`];
  return idOrNull(directory, words);
}

/** The one id a git command prints; null when it fails. */
export async function idOrNull(directory: string, words: readonly string[]): Promise<string | null> {
  const id = (await askText(directory, words).catch(nullIfFailed))?.trim();
  return id !== undefined && wholeId.test(id) ? id : null;
}
