import type { ParamsInput, Result } from "../../protocol/methods.ts";
import { type Candidate, everyPage, resolveId, resolveIds } from "../ids.ts";
import type { Session } from "../session.ts";

/** A bundle with all it carries. */
export type Whole = Result<"GetPatchBundle">["bundle"];
/** A bundle in a list. */
export type BundleView = Result<"ListPatchBundles">["bundles"][number];

/** Every bundle of these, newest first. */
export async function allBundles(
  session: Session,
  of: Omit<ParamsInput<"ListPatchBundles">, "limit" | "before">,
): Promise<BundleView[]> {
  const pages = await everyPage((page) => session.call("ListPatchBundles", { ...of, ...page }));
  return pages.flatMap(({ bundles }) => bundles);
}

async function candidates(session: Session): Promise<Candidate[]> {
  const bundles = await allBundles(session, {});
  return bundles.map(({ bundle_id: id, status, owner, diff_summary: summary }) => {
    return { id, label: `${status} ${owner}: ${summary}` };
  });
}

/** The bundles that ids or beginnings of ids stand for. */
export const resolveBundles = (session: Session, given: readonly string[]) =>
  resolveIds(given, "bundle", () => candidates(session));

export const resolveBundle = (session: Session, given: string) => resolveId(given, "bundle", () => candidates(session));
