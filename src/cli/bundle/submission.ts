import { limits } from "../../protocol/limits.ts";
import type { ParamsInput, Result } from "../../protocol/methods.ts";
import { commitOrNull } from "../git/revision.ts";
import { deleteRef, pathIn, type PrivateRepository, setRef } from "../git/private-repository.ts";
import type { Controls } from "../run/lease.ts";
import type { Session } from "../session.ts";
import { PatientClient } from "../patient-client.ts";
import type { RevisionRange } from "./revision-range.ts";
import type { Patch } from "./patch.ts";
import { stat } from "node:fs/promises";
import { allBundles } from "./ids.ts";
import { askText } from "../git/git.ts";

/** What of a submission git does not know. */
export type About = Omit<
  ParamsInput<"SubmitPatchBundle">,
  "scope" | "base_revision" | "head_revision" | "touched_paths" | "diff" | "diff_exact"
>;

export interface Submission {
  range: RevisionRange;
  patch: Patch;
  about: About;
  idempotencyKey: string | undefined;
}

export interface Submitted {
  answer: Result<"SubmitPatchBundle">;
  head: string | null;
  /** Whether the diff went along. */
  hasDiff: boolean;
}

/** A request has room for more than its parameters. */
const paramsBytesMax = limits.requestBytesMax - 4_096;
/** Refs that keep what bundles without a diff are made of. */
const retainedRefs = "refs/agentd/bundles/";

/** What of a submission is the same, however its patch is sent. */
function commonParams({ scope }: { scope: string }, { range, patch, about }: Submission) {
  return { ...about, scope, base_revision: range.base.revision, touched_paths: patch.paths };
}

/**
 * Asks whether a submission will be taken.
 * @throws {RequestRefused} where it will not
 */
export async function checkSubmission(session: Session, at: { scope: string }, submission: Submission): Promise<void> {
  const { range, patch } = submission;
  const common = commonParams(at, submission);
  const whole = { ...common, head_revision: range.head, diff: patch.diff, diff_exact: true };
  await session.call("CheckPatchBundle", fits(whole) ? whole : { ...common, head_revision: range.commit });
}

/** Whether a patch can be sent along. */
const fits = (params: ParamsInput<"SubmitPatchBundle">) =>
  typeof params.diff === "string" && Buffer.byteLength(JSON.stringify(params)) <= paramsBytesMax;

/**
 * Submits a patch: with its diff, or where that is too large by its head revision, which is then kept by a ref of
 * agentd's own and made a commit first where it is none. A daemon that is restarted meanwhile is waited for.
 */
export async function submit(
  { session, giveUp }: Pick<Controls, "session" | "giveUp">,
  privateRepository: PrivateRepository,
  at: { top: string; scope: string },
  submission: Submission,
): Promise<Submitted> {
  const { range, patch, about, idempotencyKey = crypto.randomUUID() } = submission;
  using client = new PatientClient(session);
  const send = (params: ParamsInput<"SubmitPatchBundle">) =>
    client.call("SubmitPatchBundle", params, giveUp, idempotencyKey);
  const { head } = range;
  const common = commonParams(at, submission);
  const whole = { ...common, head_revision: head, diff: patch.diff, diff_exact: true };
  if (fits(whole)) {
    return { answer: await send(whole), head, hasDiff: true };
  }
  const kept = await keep(privateRepository, at.top, range, about.diff_summary);
  try {
    const params = { ...common, head_revision: kept.commit };
    return {
      answer: await send(params),
      head: kept.commit,
      hasDiff: false,
    };
  } catch (cause) {
    if (kept.isNew) await deleteRef(at.top, kept.ref, kept.commit);
    throw cause;
  }
}

async function keep(
  privateRepository: PrivateRepository,
  top: string,
  { base, head, tree }: RevisionRange,
  summary: string,
) {
  // Its time tells how long nobody has asked for it.
  const date = `@${Math.floor(Date.now() / 1000)} +0000`;
  const dates = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  const commit = head ?? (await privateRepository.commitTree(tree, [base.revision], `${summary}\n`, dates));
  if (head === null) await privateRepository.publish(commit, base.revision);
  const ref = `${retainedRefs}${commit}`;
  const isNew = (await commitOrNull(top, ref)) === null;
  if (isNew) await setRef(top, ref, commit, "0".repeat(commit.length));
  return { commit, ref, isNew };
}

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
