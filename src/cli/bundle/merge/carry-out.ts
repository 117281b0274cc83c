import type { Repository } from "../../git/repository.ts";
import { commitOrNull } from "../../git/revision.ts";
import { type PrivateRepository, setRef } from "../../git/private-repository.ts";
import type { Controls } from "../../run/lease.ts";
import { releaseRetainedRefs } from "../submission.ts";
import { defaultBranch } from "./branch.ts";
import { type Branch, type Decision, decisionsOf, PendingDecisions } from "./decisions.ts";
import type { MergeResult } from "./merging.ts";

/** The branches of runs that were interrupted before all their decisions were recorded, which they are now. */
export async function completeEarlier(controls: Controls, repository: Repository): Promise<string[]> {
  const { decisions, branches } = await PendingDecisions.completeEarlier(controls, repository);
  if (decisions > 0) controls.session.note(`${decisions} decisions of a merge that was interrupted are recorded now`);
  return branches;
}

/** What is to be carried out. */
export interface CarryOut {
  privateRepository: PrivateRepository;
  /** The commit the branch begins at. */
  onto: string;
  result: MergeResult;
  /** The branch, where the user named one. */
  ref: string | undefined;
  by: string;
}

/**
 * Makes the branch and records the decisions. From here on an interruption no longer stops us: what is cut short by a kill
 * the next run completes.
 * @returns the decisions that somebody else made meanwhile
 */
export async function carryOut(
  controls: Controls,
  repository: Repository,
  { privateRepository, onto, result, ref: given, by }: CarryOut,
) {
  const { tip, outcomes } = result;
  const ref = given ?? `refs/heads/${defaultBranch(tip)}`;
  const isNew = tip !== onto;
  if (isNew) await privateRepository.publish(tip, onto);
  const decisions = decisionsOf(outcomes, by);
  const branch = isNew ? { ref, commit: tip } : null;
  const refused = decisions.length === 0 ? [] : await record(controls, repository, branch, decisions);
  await releaseRetainedRefs(controls.session, repository);
  return refused;
}

/** A branch is made only where something was accepted, which is a decision. */
async function record(
  controls: Controls,
  { top, scope }: Repository,
  branch: Branch | null,
  decisions: readonly Decision[],
) {
  const pending = await PendingDecisions.write(controls.session, scope, branch, decisions);
  if (branch !== null && (await commitOrNull(top, branch.ref)) !== branch.commit)
    await setRef(top, branch.ref, branch.commit, "0".repeat(branch.commit.length));
  return pending.record(controls);
}
