import { Failure } from "../exits.ts";
import { askText, nullIfFailed } from "./git.ts";
import { branchFirst, commitOrNull, idOrNull } from "./revision.ts";

/** Where work is merged to, as far as a repository tells: full names of refs that exist. */
export async function mainRefs(top: string): Promise<string[]> {
  const remote = await refOrNull(top, "refs/remotes/origin/HEAD");
  const names =
    remote === null
      ? ["refs/heads/main", "refs/heads/master"]
      : [remote.replace("refs/remotes/origin/", "refs/heads/"), remote];
  const found = await Promise.all(names.map(async (name) => ((await commitOrNull(top, name)) === null ? [] : [name])));
  return found.flat();
}

/** The ref a symbolic one stands for; null where it is none. */
function refOrNull(top: string, name: string): Promise<string | null> {
  return askText(top, ["symbolic-ref", "--quiet", "--", name]).catch(nullIfFailed);
}

/** The commit a patch begins at, and how that was found out. */
export interface Base {
  revision: string;
  because: string;
}

/**
 * Where a head left the main branch: the nearest of those of `main` or `master` here, of what origin says is its main
 * branch, and where there is none of these, of the upstream. On the main branch itself it is what origin has of it, and
 * without origin HEAD: then a patch is what is not committed.
 * @param head a whole commit id, and the user's words for it
 * @throws {Failure} USAGE when they have no commit in common.
 */
export async function defaultBase(top: string, head: { id: string; words: string }): Promise<Base> {
  const words = await branchFirst(top, head.words);
  const own = words === "HEAD" ? await refOrNull(top, "HEAD") : await fullName(top, words);
  const main = (await mainRefs(top)).filter((ref) => ref !== own);
  const upstream = await fullName(top, `${words}@{upstream}`);
  const refs = main.length > 0 ? main : upstream === null ? [] : [upstream];
  if (refs.length === 0)
    return { revision: head.id, because: "HEAD, since no other branch is known to be the main one" };
  const revision = await idOrNull(top, ["merge-base", "--end-of-options", head.id, ...refs]);
  if (revision !== null) return { revision, because: `where it left ${refs.map(shortRef).join(" or ")}` };
  throw new Failure(
    "USAGE",
    `nothing is common to ${head.words} and ${refs.map(shortRef).join(", ")}; give --base REV`,
  );
}

async function fullName(top: string, words: string): Promise<string | null> {
  const asked = ["rev-parse", "--verify", "--quiet", "--symbolic-full-name", "--end-of-options", words];
  const name = await askText(top, asked).catch(nullIfFailed);
  return name?.startsWith("refs/") === true ? name : null;
}

function shortRef(ref: string): string {
  return ref.replace(/^refs\/(?:heads|remotes)\//, "");
}
