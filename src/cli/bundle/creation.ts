import { Checkout } from "../git/checkout.ts";
import type { Repository } from "../git/repository.ts";
import { Scratch } from "../git/scratch.ts";
import { bold } from "../text.ts";
import { authorOf } from "./author.ts";
import { type Ends, endsOf, isCheckedOut, isUnchanged, summaryOf } from "./ends.ts";
import { type Patch, patchBetween } from "./patch.ts";
import { type About, submit, type Submitted } from "./submission.ts";
import { overlapsText, runText } from "./text.ts";
import { type VerificationRun, type Verifying, verifyIn } from "./verification.ts";

/** What the user says of a bundle; what is missing is found out, or assumed. */
export interface Creating {
  base?: string | undefined;
  head?: string | undefined;
  owner?: string | undefined;
  provider?: string | undefined;
  confidence?: About["confidence"] | undefined;
  summary?: string | undefined;
  intent?: string | undefined;
  assumptions: string[];
  supersedes: string | undefined;
  purpose: Pick<About, "task_id" | "node_id" | "lease_id">;
  idempotencyKey: string | undefined;
}

/** A bundle that was handed in. */
export interface Created {
  submitted: Submitted;
  ends: Ends;
  patch: Patch;
  verification: VerificationRun[];
}

/** Gathers what a bundle is made of, runs its verification, and submits it. */
export async function createBundle(repository: Repository, verifying: Verifying, given: Creating): Promise<Created> {
  const { wishes } = verifying;
  await using scratch = await Scratch.open(repository.top, { attributes: true });
  const ends = await endsOf(wishes.session, scratch, repository, { base: given.base, head: given.head });
  const patch = await patchBetween(scratch, ends.base.revision, ends.tree);
  const verification = await verified(verifying, scratch, repository, ends);
  const about = {
    ...authorOf(given),
    ...given.purpose,
    diff_summary: given.summary ?? (await summaryOf(scratch, ends, patch.stat)),
    assumptions: given.assumptions,
    confidence: given.confidence ?? ("medium" as const),
    verification,
    intent: given.intent,
    supersedes: given.supersedes,
  };
  const submission = { ends, patch, about, idempotencyKey: given.idempotencyKey };
  return { submitted: await submit(wishes, scratch, repository, submission), ends, patch, verification };
}

async function verified(
  verifying: Verifying,
  scratch: Scratch,
  repository: Repository,
  ends: Ends,
): Promise<VerificationRun[]> {
  if (verifying.commands.length === 0) return [];
  const runs = await verifyIn(await directoryFor(scratch, repository, ends), verifying);
  if (ends.head === null && !(await isUnchanged(scratch, repository, ends)))
    verifying.wishes.session.note("the verification changed files here; the patch was taken before that");
  return runs;
}

/** In the work tree, if that is what is submitted. */
async function directoryFor(scratch: Scratch, repository: Repository, ends: Ends): Promise<string> {
  if (await isCheckedOut(scratch, repository, ends)) return repository.top;
  const checkout = await Checkout.open(scratch);
  await checkout.to(ends.commit);
  return checkout.path;
}

/** What programs are told: the daemon's answer, and what was found out. */
export function createdView({ submitted, ends, patch, verification }: Created) {
  const found = { base_revision: ends.base.revision, head_revision: submitted.head, touched_paths: patch.paths };
  return { ...submitted.answer, ...found, verification };
}

export function createdText({ submitted, ends: { base }, patch: { paths, stat }, verification }: Created): string {
  const { answer, hasDiff } = submitted;
  const kept = hasDiff ? "" : ", too large to be sent; it is kept in this repository";
  return [
    `submitted ${bold(answer.bundle_id)}`,
    `  ${stat || `${paths.length} files changed`}, from ${base.revision.slice(0, 12)} (${base.because})${kept}`,
    ...(verification.length === 0
      ? ["  not verified: give --verify CMD"]
      : verification.map((run) => `  ${runText(run)}`)),
    ...overlapsText(answer.overlaps),
  ].join("\n");
}
