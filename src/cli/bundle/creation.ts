import { Checkout } from "../git/checkout.ts";
import type { Repository } from "../git/repository.ts";
import { Scratch } from "../git/scratch.ts";
import { bold } from "../text.ts";
import { authorOf } from "./author.ts";
import { containedBundles } from "./contained.ts";
import { type Ends, endsOf, isCheckedOut, isUnchanged, summaryOf } from "./ends.ts";
import type { BundleView } from "./ids.ts";
import { mergeDrivers } from "./merge-drivers.ts";
import { type Patch, patchBetween } from "./patch.ts";
import { type About, checkSubmission, submit, type Submitted } from "./submission.ts";
import { containedText, overlapsText, runText } from "./text.ts";
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
  /** The bundles that its history has. */
  contained: BundleView[];
}

/** Gathers what a bundle is made of, runs its verification, and submits it. */
export async function createBundle(repository: Repository, verifying: Verifying, given: Creating): Promise<Created> {
  const { wishes } = verifying;
  await using scratch = await Scratch.open(repository.top);
  const ends = await endsOf(wishes.session, scratch, repository, { base: given.base, head: given.head });
  const patch = await patchBetween(scratch, ends.base.revision, ends.tree);
  const contained = await containedBundles(wishes.session, repository, ends);
  const unverified = {
    ...authorOf(given),
    ...given.purpose,
    diff_summary: given.summary ?? (await summaryOf(scratch, ends, patch)),
    assumptions: given.assumptions,
    confidence: given.confidence ?? ("medium" as const),
    merge_drivers: await mergeDrivers(scratch, [ends.base.revision, ends.tree], patch.paths),
    contains: contained.map(({ bundle_id: id }) => id),
    intent: given.intent,
    supersedes: given.supersedes,
  };
  const submission = { ends, patch, idempotencyKey: given.idempotencyKey };
  // Verification may take long, and what is refused anyway needs none.
  await checkSubmission(wishes.session, repository, { ...submission, about: unverified });
  const verification = await verified(verifying, scratch, repository, ends);
  const about = { ...unverified, verification };
  const submitted = await submit(wishes, scratch, repository, { ...submission, about });
  return { submitted, ends, patch, verification, contained };
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
  const found = {
    base_revision: ends.base.revision,
    head_revision: submitted.head,
    touched_paths: patch.paths,
    left_out: ends.leftOut,
  };
  return { ...submitted.answer, ...found, verification };
}

export function createdText({ submitted, ends: { base }, patch, verification, contained }: Created): string {
  const { paths, stat } = patch;
  const { answer, hasDiff } = submitted;
  const kept = hasDiff ? "" : ", too large to be sent; it is kept in this repository";
  return [
    `submitted ${bold(answer.bundle_id)}`,
    `  ${stat || `${paths.length} files changed`}, from ${base.revision.slice(0, 12)} (${base.because})${kept}`,
    ...(verification.length === 0
      ? ["  not verified: give --verify CMD"]
      : verification.map((run) => `  ${runText(run)}`)),
    ...contained.map((one) => `  ${containedText(one)}`),
    ...overlapsText(answer),
  ].join("\n");
}
