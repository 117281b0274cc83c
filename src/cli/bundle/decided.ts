import { limits } from "../../protocol/limits.ts";
import { commitOrNull } from "../git/revision.ts";
import type { Session } from "../session.ts";
import { allBundles, type BundleView, type Whole } from "./ids.ts";
import { askText } from "../git/git.ts";

/** The bundles of the same repositories that are not among these, newest first. */
export async function decidedBundles(session: Session, bundles: readonly Whole[]): Promise<BundleView[]> {
  const among = new Set(bundles.map(({ bundle_id: id }) => id));
  const scopes = [...new Set(bundles.map(({ scope }) => scope))];
  const all = await Promise.all(scopes.map((scope) => allBundles(session, { scope })));
  return all.flat().filter(({ bundle_id: id }) => !among.has(id));
}

/** The rejected ones that may be in these: of the same base, or in their history. */
export function rejectedAmong(known: readonly BundleView[], bundles: readonly Whole[]): string[] {
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
