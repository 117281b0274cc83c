import { Failure } from "../../exits.ts";
import { askText, GitFailed } from "../../git/git.ts";
import { commitOrNull } from "../../git/revision.ts";
import type { Committer } from "./commit.ts";

/**
 * The ref of a new branch, or of one among `own`, which an earlier run has made for the same purpose.
 * @throws {Failure} USAGE where that is no name for one, or there is one.
 */
export async function newBranch(top: string, name: string, own: readonly string[]): Promise<string> {
  const ref = `refs/heads/${name}`;
  try {
    await askText(top, ["check-ref-format", "--branch", name]);
  } catch (cause) {
    if (!(cause instanceof GitFailed)) throw cause;
    throw new Failure("USAGE", `--branch is ${JSON.stringify(name)}, which is not a valid branch name`);
  }
  if (own.includes(ref) || (await commitOrNull(top, ref)) === null) return ref;
  throw new Failure(
    "USAGE",
    `--branch is ${JSON.stringify(name)}, which exists already; no branch is overwritten, so give another name`,
  );
}

/** The branch a merge makes where nobody names it: the same merge made again has the same. */
export function defaultBranch(tip: string): string {
  return `agentd/merge-${tip.slice(0, 12)}`;
}

/** Whoever git takes the user for. */
export async function committerOf(top: string): Promise<Committer> {
  try {
    const [, name, email] =
      /^(.*) <(.*)> \d+ [+-]\d{4}$/.exec(await askText(top, ["var", "GIT_COMMITTER_IDENT"])) ?? [];
    if (name !== undefined && email !== undefined && name !== "") return { name, email };
  } catch (cause) {
    if (!(cause instanceof GitFailed)) throw cause;
  }
  return { name: "agentd", email: "agentd@localhost" };
}
