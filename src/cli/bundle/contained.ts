import { limits } from "../../protocol/limits.ts";
import { askText } from "../git/ask.ts";
import type { Session } from "../session.ts";
import type { Ends } from "./ends.ts";
import { allBundles, type BundleView } from "./ids.ts";

/** Commits of a patch that are looked at. */
const commitsMax = 10_000;

/** The bundles whose head is in the history of a patch, newest first: it was built on them. */
export async function containedBundles(
  session: Session,
  { top, scope }: { top: string; scope: string },
  { base, head, commit }: Ends,
): Promise<BundleView[]> {
  const words = ["rev-list", `--max-count=${commitsMax}`, commit, `^${base.revision}`, "--"];
  const commits = new Set((await askText(top, words)).split("\n"));
  if (commits.size === 1 && commits.has("")) return [];
  const bundles = await allBundles(session, { scope });
  // Of the same head is another one for the same patch.
  const built = bundles.filter(({ head_revision: id }) => id !== null && id !== head && commits.has(id));
  return built.slice(0, limits.bundlesComparedMax);
}
