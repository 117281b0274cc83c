import type { Result } from "../../protocol/methods.ts";
import { ask, entriesOf } from "../git/git.ts";
import { commitOrNull } from "../git/revision.ts";
import type { Session } from "../session.ts";
import { acceptedSince, decidedBundles, rejectedAmong } from "./decided.ts";
import type { Whole } from "./ids.ts";

export type Comparison = Result<"ComparePatchBundles">;

/** Bundles, and how they stand to each other, to those that are decided, and to where they are to be merged. */
export interface Compared {
  bundles: Whole[];
  answer: Comparison;
  /** By base, the bundles that were merged into the target since. */
  acceptedSince: Readonly<Record<string, readonly string[]>>;
}

export const nothingCompared: Compared = {
  bundles: [],
  answer: { pairs: [], bundles: [], merge_order: [] },
  acceptedSince: {},
};

/** Everything of these bundles. */
function wholeBundles(session: Session, ids: readonly string[]): Promise<Whole[]> {
  return Promise.all(ids.map(async (bundle_id) => (await session.call("GetPatchBundle", { bundle_id })).bundle));
}

/** Compares bundles; with a target in the repository at `top`, also with what changed there since their bases. */
export async function compared(
  session: Session,
  ids: readonly string[],
  target: { top: string; revision: string } | null,
): Promise<Compared> {
  const bundles = await wholeBundles(session, ids);
  const bundle_ids = [...ids];
  const known = await decidedBundles(session, bundles);
  const rejected = rejectedAmong(known, bundles);
  if (target === null) {
    const answer = await session.call("ComparePatchBundles", { bundle_ids, rejected_ids: rejected });
    return { bundles, answer, acceptedSince: {} };
  }
  const changed_since = await changedSince(target, bundles);
  const accepted_since = await acceptedSince(session, target, bundles, known);
  // What is in the target is in it, whatever somebody decided of it.
  const there = new Set(Object.values(accepted_since).flat());
  const rejected_ids = rejected.filter((id) => !there.has(id));
  const facts = { target_revision: target.revision, changed_since, accepted_since };
  const answer = await session.call("ComparePatchBundles", { bundle_ids, rejected_ids, ...facts });
  return { bundles, answer, acceptedSince: accepted_since };
}

/** By base, the paths that changed from there to the target and that some bundle of it meets; all of them may be too many. */
async function changedSince(
  { top, revision }: { top: string; revision: string },
  bundles: readonly Whole[],
): Promise<Record<string, string[]>> {
  const bases = new Set(bundles.map(({ base_revision: base }) => base).filter((base) => base !== revision));
  const found: Record<string, string[]> = {};
  for (const base of bases) {
    const changed = await changedBetween(top, base, revision);
    if (changed === null) continue;
    const touched = bundles.flatMap((bundle) => (bundle.base_revision === base ? bundle.touched_paths : []));
    found[base] = meeting(changed, touched);
  }
  return found;
}

/** Null where the base is not known here. */
async function changedBetween(top: string, base: string, target: string): Promise<string[] | null> {
  if ((await commitOrNull(top, base)) === null) return null;
  const words = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", base, target, "--"];
  return entriesOf(new TextDecoder().decode((await ask(top, words)).out));
}

/** Those of `changed` that are, lie above or lie below one of `touched`, however they are spelled. */
function meeting(changed: readonly string[], touched: readonly string[]): string[] {
  const at = new Set(touched.map(folded));
  const above = new Set([...at].flatMap(directoriesOver));
  return changed.filter((path) => {
    const name = folded(path);
    return at.has(name) || above.has(name) || directoriesOver(name).some((directory) => at.has(directory));
  });
}

/** Names that some file system takes for one; a few too many do no harm, since the daemon looks closer. */
const folded = (path: string) => path.normalize("NFC").toUpperCase().toLowerCase();

function directoriesOver(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_part, i) => parts.slice(0, i + 1).join("/"));
}
