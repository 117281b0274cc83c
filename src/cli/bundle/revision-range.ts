import { type Base, defaultBase } from "../git/default-branch.ts";
import type { Repository } from "../git/repository.ts";
import { commitOf } from "../git/revision.ts";
import type { PrivateRepository } from "../git/private-repository.ts";
import { Failure } from "../exits.ts";
import type { Session } from "../session.ts";
import { pathsText } from "./text.ts";
import { snapshotOf } from "./snapshot.ts";
import { askText } from "../git/git.ts";

/** What a patch goes from and to. */
export interface RevisionRange {
  base: Base;
  /** The commit it goes to; null where some of it is in no commit. */
  head: string | null;
  /** Its files. */
  tree: string;
  /** The commit it goes to, or that what it goes to was made from. */
  commit: string;
  /** What of the work tree is not in it: repositories inside it, and new commits of submodules. */
  leftOut: string[];
}

/** The ends of a patch, by what the user says of them: a branch, or else the work tree. */
export async function revisionRangeOf(
  session: Session,
  privateRepository: PrivateRepository,
  repository: Repository,
  given: { base: string | undefined; head: string | undefined },
): Promise<RevisionRange> {
  const { top } = repository;
  const words = given.head ?? "HEAD";
  const commit = await commitOf(top, words, given.head === undefined ? "HEAD" : "--head");
  const base =
    given.base === undefined
      ? await defaultBase(top, { id: commit, words })
      : { revision: await commitOf(top, given.base, "--base"), because: "as given" };
  const committed = await privateRepository.treeOf(commit);
  if (given.head !== undefined) return { base, head: commit, tree: committed, commit, leftOut: [] };
  const { tree, leftOut, movedSubmodules } = await snapshotOf(privateRepository, repository);
  if (leftOut.length > 0) session.note(`left out, as they are repositories of their own: ${pathsText(leftOut)}`);
  if (movedSubmodules.length > 0) {
    const named = pathsText(movedSubmodules);
    session.note(`left out: the new commit of the submodule ${named}, for no patch bundle may change a submodule`);
  }
  const head = tree === committed ? commit : null;
  return { base, head, tree, commit, leftOut: [...leftOut, ...movedSubmodules] };
}

/** Whether what is run in the work tree tells of these files. */
export async function isCheckedOut(
  privateRepository: PrivateRepository,
  repository: Repository,
  range: RevisionRange,
): Promise<boolean> {
  if (range.head === null) return true;
  const here = await askText(repository.top, ["rev-parse", "HEAD"]);
  return here === range.head && isUnchanged(privateRepository, repository, range);
}

/** Whether the work tree has these files and no others. */
export async function isUnchanged(
  privateRepository: PrivateRepository,
  repository: Repository,
  { tree }: RevisionRange,
): Promise<boolean> {
  try {
    return (await snapshotOf(privateRepository, repository)).tree === tree;
  } catch (cause) {
    if (cause instanceof Failure) return false;
    throw cause;
  }
}

const summaryShown = 3;

const few = (things: readonly string[]) =>
  things.length > summaryShown ? [...things.slice(0, summaryShown), "…"] : things;

/**
 * What a patch does, where its author does not say: the subjects of its commits, else the files it changes, and how much it
 * is.
 */
export async function summaryOf(
  privateRepository: PrivateRepository,
  { base, commit }: RevisionRange,
  { paths, stat }: { paths: readonly string[]; stat: string },
): Promise<string> {
  const words = ["log", "--format=%s", "--reverse", `${base.revision}..${commit}`, "--"];
  const subjects = (await privateRepository.text(words)).split("\n").filter((line) => line !== "");
  if (subjects.length === 0) return `change ${few(paths).join(", ")}; ${stat}`;
  return [...few(subjects), stat].join("; ");
}
