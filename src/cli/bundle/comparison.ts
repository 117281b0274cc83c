import type { Result } from "../../protocol/methods.ts";
import { ask, askText, entriesOf } from "../git/git.ts";
import { commitOrNull } from "../git/revision.ts";
import type { Session } from "../session.ts";
import { allBundles, type BundleView, type Whole } from "./ids.ts";
import { limits } from "../../protocol/limits.ts";
import { directoriesOver, foldedPath } from "../../protocol/path-spelling.ts";

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

/**
 * Those of `changed` that are, lie above or lie below one of `touched`, however they are spelt: none is missing that the
 * daemon would take for the same.
 */
export function meeting(changed: readonly string[], touched: readonly string[]): string[] {
  const at = new Set(touched.map(foldedPath));
  const above = new Set([...at].flatMap(directoriesOver));
  return changed.filter((path) => {
    const name = foldedPath(path);
    return at.has(name) || above.has(name) || directoriesOver(name).some((directory) => at.has(directory));
  });
}

/** The bundles of the same repositories that are not among these, newest first. */
async function decidedBundles(session: Session, bundles: readonly Whole[]): Promise<BundleView[]> {
  const among = new Set(bundles.map(({ bundle_id: id }) => id));
  const scopes = [...new Set(bundles.map(({ scope }) => scope))];
  const all = await Promise.all(scopes.map((scope) => allBundles(session, { scope })));
  return all.flat().filter(({ bundle_id: id }) => !among.has(id));
}

/** The rejected ones that may be in these: of the same base, or in their history. */
function rejectedAmong(known: readonly BundleView[], bundles: readonly Whole[]): string[] {
  const bases = new Set(bundles.map(({ base_revision: base }) => base));
  const contained = new Set(bundles.flatMap(({ contains }) => contains));
  const rejected = known.filter(({ bundle_id: id, base_revision: base, status }) => {
    return status === "REJECTED" && (contained.has(id) || bases.has(base));
  });
  const byHistory = rejected.toSorted((one, other) => rank(one, contained) - rank(other, contained));
  return byHistory.slice(0, limits.bundlesComparedMax).map(({ bundle_id: id }) => id);
}

const rank = ({ bundle_id: id }: BundleView, first: ReadonlySet<string>) => (first.has(id) ? 0 : 1);

/** What the commits of merged bundles say of themselves, wherever in their message: squashing moves it. */
const trailer = /^\s*Agentd-Bundle: ([0-9a-f-]{36})\s*$/gm;

/** By base, the known bundles that a target has and the base has not, as the trailers of its commits tell. */
export async function acceptedSince(
  session: Session,
  { top, revision }: { top: string; revision: string },
  bundles: readonly Whole[],
  known: readonly BundleView[],
): Promise<Record<string, string[]>> {
  const ids = new Set(known.map(({ bundle_id: id }) => id));
  const bases = new Set(bundles.map(({ base_revision: base }) => base));
  const found: Record<string, string[]> = {};
  const named = new Set<string>();
  for (const base of bases) {
    if (base === revision || (await commitOrNull(top, base)) === null) continue;
    const messages = await askText(top, ["log", "--format=%B", `${base}..${revision}`, "--"]);
    const merged = [...new Set(Array.from(messages.matchAll(trailer), ([, id = ""]) => id))];
    const kept = merged.filter((id) => ids.has(id) && (named.has(id) || named.size < limits.bundlesComparedMax));
    for (const id of kept) named.add(id);
    const left = merged.filter((id) => ids.has(id)).length - kept.length;
    if (left > 0)
      session.note(`${left} bundles that were merged since ${base.slice(0, 12)} are not compared: too many`);
    found[base] = kept;
  }
  return found;
}
