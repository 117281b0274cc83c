import type { ParamsInput, Result } from "../../protocol/methods.ts";
import { type Candidate, fullIds, pickId } from "../ids.ts";
import type { Session } from "../session.ts";

/** A bundle with all it carries. */
export type Whole = Result<"GetPatchBundle">["bundle"];
/** A bundle in a list. */
export type BundleView = Result<"ListPatchBundles">["bundles"][number];

const pageSize = 1_000;

/** Every bundle of these, newest first. */
export async function allBundles(
  session: Session,
  of: Omit<ParamsInput<"ListPatchBundles">, "limit" | "before">,
): Promise<BundleView[]> {
  const found: BundleView[] = [];
  let before: string | null = null;
  do {
    const page: Result<"ListPatchBundles"> = await session.call("ListPatchBundles", { ...of, limit: pageSize, before });
    found.push(...page.bundles);
    before = page.next_before;
  } while (before !== null);
  return found;
}

/** The bundles ids or beginnings of ids stand for. Full ids cost no call. */
export async function resolveBundles(session: Session, given: readonly string[]): Promise<string[]> {
  const full = fullIds(given);
  if (full !== null) return full;
  const candidates = (await allBundles(session, {})).map(candidateOf);
  return given.map((each) => pickId(each, "bundle", candidates));
}

export async function resolveBundle(session: Session, given: string): Promise<string> {
  const [id = given] = await resolveBundles(session, [given]);
  return id;
}

function candidateOf({ bundle_id: id, status, owner, diff_summary: summary }: BundleView): Candidate {
  return { id, label: `${status} ${owner}: ${summary}` };
}
