import { Failure } from "../../exits.ts";
import { askText, nullIfFailed } from "../../git/git.ts";
import { commitOrNull } from "../../git/revision.ts";
import type { PrivateRepository } from "../../git/private-repository.ts";
import type { Bundle } from "./three-way.ts";

/**
 * The ref of a new branch, or of one among `own`, which an earlier run has made for the same purpose.
 * @throws {Failure} USAGE where that is no name for one, or there is one.
 */
export async function newBranch(top: string, name: string, own: readonly string[]): Promise<string> {
  const ref = `refs/heads/${name}`;
  if ((await askText(top, ["check-ref-format", "--branch", name]).catch(nullIfFailed)) === null)
    throw new Failure("USAGE", `--branch is ${JSON.stringify(name)}, which is not a valid branch name`);
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
  const told = await askText(top, ["var", "GIT_COMMITTER_IDENT"]).catch(nullIfFailed);
  const [, name, email] = /^(.*) <(.*)> \d+ [+-]\d{4}$/.exec(told ?? "") ?? [];
  if (name !== undefined && email !== undefined && name !== "") return { name, email };
  return { name: "agentd", email: "agentd@localhost" };
}

/** Who makes the commits: whoever git takes the user for. */
export interface Committer {
  name: string;
  email: string;
}

/**
 * The commit of a merged bundle. Its dates are those of the bundle, so that the same bundles merged again onto the same
 * commit make the same branch.
 */
export function commitBundle(
  privateRepository: PrivateRepository,
  bundle: Bundle,
  tree: string,
  tip: string,
  { name, email }: Committer,
) {
  const date = `@${Math.floor(Date.parse(bundle.submitted_at) / 1000)} +0000`;
  return privateRepository.commitTree(tree, [tip], messageOf(bundle), {
    GIT_AUTHOR_NAME: identity(bundle.owner),
    GIT_AUTHOR_EMAIL: "agentd@localhost",
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
    GIT_COMMITTER_DATE: date,
  });
}

const subjectCharsMax = 100;

function messageOf(bundle: Bundle): string {
  const summary = oneLiner(bundle.diff_summary) || `Patch bundle ${bundle.bundle_id}`;
  const isLong = summary.length > subjectCharsMax;
  return [
    isLong ? `${summary.slice(0, subjectCharsMax - 1)}…` : summary,
    "",
    ...(isLong ? [summary, ""] : []),
    ...(bundle.intent === null ? [] : [oneLiner(bundle.intent), ""]),
    `Agentd-Bundle: ${bundle.bundle_id}`,
    `Agentd-Provider: ${oneLiner(bundle.provider)}`,
    `Agentd-Owner: ${oneLiner(bundle.owner)}`,
    "",
  ].join("\n");
}

/** No text of others' adds a line, such as a trailer. */
function oneLiner(text: string): string {
  return text
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .toWellFormed();
}

/** Git takes no name that is nothing but what it cuts off. */
function identity(owner: string): string {
  const name = oneLiner(owner.replaceAll(/[<>]/g, ""));
  return /[\p{L}\p{N}]/u.test(name) ? name : "agent";
}
