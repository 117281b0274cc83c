import { Failure } from "../exits.ts";
import { askText } from "./ask.ts";
import { GitFailed } from "./git.ts";

const wholeId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * The commit a user's words name, by its whole id.
 * @param what what the words were given as, such as `--base`
 * @throws {Failure} USAGE when they name none.
 */
export async function commitOf(directory: string, given: string, what: string): Promise<string> {
  const found = await commitOrNull(directory, given);
  if (found !== null) return found;
  throw new Failure("USAGE", `${what} is ${JSON.stringify(given)}, which is not a commit here; see: git log`);
}

/** The same; null when they name none. */
export async function commitOrNull(directory: string, given: string): Promise<string | null> {
  const words = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${given}^{commit}`];
  return idOrNull(directory, words);
}

/** The one id a git command prints; null when it fails. */
export async function idOrNull(directory: string, words: readonly string[]): Promise<string | null> {
  try {
    const id = (await askText(directory, words)).trim();
    return wholeId.test(id) ? id : null;
  } catch (cause) {
    if (cause instanceof GitFailed) return null;
    throw cause;
  }
}
