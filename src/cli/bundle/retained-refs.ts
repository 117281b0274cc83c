import { stat } from "node:fs/promises";
import { deleteRef, pathIn } from "../git/private-repository.ts";
import type { Session } from "../session.ts";
import { allBundles } from "./ids.ts";
import { retainedRefs } from "./submission.ts";
import { askText } from "../git/git.ts";

/** A submission is a matter of milliseconds, unless it waits for the daemon. */
const submittingMs = 3_600_000;

/** Lets go of what was kept for bundles that are decided, or that were never submitted, as the run was killed. */
export async function releaseRetainedRefs(
  session: Session,
  { top, scope }: { top: string; scope: string },
): Promise<void> {
  const listed = await askText(top, ["for-each-ref", "--format=%(objectname) %(refname)", retainedRefs]);
  const kept = listed.split("\n").filter((line) => line !== "");
  if (kept.length === 0) return;
  const bundles = await allBundles(session, { scope });
  const open = new Set(bundles.flatMap(({ status, head_revision: head }) => (status === "SUBMITTED" ? [head] : [])));
  const known = new Set(bundles.map(({ head_revision: head }) => head));
  for (const line of kept) {
    const space = line.indexOf(" ");
    const [commit, ref] = [line.slice(0, space), line.slice(space + 1)];
    const isOver = known.has(commit) ? !open.has(commit) : await isOld(top, ref);
    if (isOver) await deleteRef(top, ref, commit);
  }
}

/** By the file that holds the ref; one that git keeps otherwise counts as new. */
async function isOld(top: string, ref: string): Promise<boolean> {
  const found = await stat(await pathIn(top, ref)).catch(() => null);
  return found !== null && Date.now() - found.mtimeMs > submittingMs;
}
