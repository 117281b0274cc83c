import { askText } from "../git/ask.ts";
import { deleteRef } from "../git/scratch.ts";
import type { Session } from "../session.ts";
import { allBundles } from "./ids.ts";
import { keptRefs } from "./submission.ts";

/** Lets go of what was kept for bundles that are decided. A ref that belongs to none is of one that is being submitted. */
export async function releaseKept(session: Session, { top, scope }: { top: string; scope: string }): Promise<void> {
  const listed = await askText(top, ["for-each-ref", "--format=%(objectname) %(refname)", keptRefs]);
  const kept = listed.split("\n").filter((line) => line !== "");
  if (kept.length === 0) return;
  const bundles = await allBundles(session, { scope });
  const open = new Set(bundles.flatMap(({ status, head_revision: head }) => (status === "SUBMITTED" ? [head] : [])));
  const known = new Set(bundles.map(({ head_revision: head }) => head));
  for (const line of kept) {
    const [commit = "", ref = ""] = line.split(" ");
    if (known.has(commit) && !open.has(commit)) await deleteRef(top, ref, commit);
  }
}
