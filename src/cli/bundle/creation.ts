import { Checkout } from "../git/checkout.ts";
import type { Repository } from "../git/repository.ts";
import { PrivateRepository } from "../git/private-repository.ts";
import { bold } from "../text.ts";
import { identityOf, whoever } from "../guard/identity.ts";
import { isCheckedOut, isUnchanged, type RevisionRange, revisionRangeOf, summaryOf } from "./revision-range.ts";
import { allBundles, type BundleView } from "./ids.ts";
import { mergeDrivers } from "./merge-drivers.ts";
import { type Patch, patchBetween } from "./patch.ts";
import { type About, checkSubmission, submit, type Submitted } from "./submission.ts";
import { containedText, overlapsText, runText } from "./text.ts";
import { type VerificationRun, verifyIn, type Verifying } from "./verification.ts";
import { limits } from "../../protocol/limits.ts";
import type { Session } from "../session.ts";
import { askText } from "../git/git.ts";

/** What the user says of a bundle; what is missing is found out, or assumed. */
interface Creating {
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
  range: RevisionRange;
  patch: Patch;
  verification: VerificationRun[];
  /** The bundles that its history has. */
  contained: BundleView[];
}

/** Gathers what a bundle is made of, runs its verification, and submits it. */
export async function createBundle(repository: Repository, verifying: Verifying, given: Creating): Promise<Created> {
  const { controls } = verifying;
  await using privateRepository = await PrivateRepository.open(repository.top);
  const range = await revisionRangeOf(controls.session, privateRepository, repository, {
    base: given.base,
    head: given.head,
  });
  const patch = await patchBetween(privateRepository, range.base.revision, range.tree);
  const contained = await containedBundles(controls.session, repository, range);
  const unverified = {
    ...authorOf(given),
    ...given.purpose,
    diff_summary: given.summary ?? (await summaryOf(privateRepository, range, patch)),
    assumptions: given.assumptions,
    confidence: given.confidence ?? ("medium" as const),
    merge_drivers: await mergeDrivers(privateRepository, [range.base.revision, range.tree], patch.paths),
    contains: contained.map(({ bundle_id: id }) => id),
    intent: given.intent,
    supersedes: given.supersedes,
  };
  const submission = { range, patch, idempotencyKey: given.idempotencyKey };
  // Verification may take long, and what is refused anyway needs none.
  await checkSubmission(controls.session, repository, { ...submission, about: unverified });
  const verification = await verified(verifying, privateRepository, repository, range);
  const about = { ...unverified, verification };
  const submitted = await submit(controls, privateRepository, repository, { ...submission, about });
  return { submitted, range, patch, verification, contained };
}

async function verified(
  verifying: Verifying,
  privateRepository: PrivateRepository,
  repository: Repository,
  range: RevisionRange,
): Promise<VerificationRun[]> {
  if (verifying.commands.length === 0) return [];
  const runs = await verifyIn(await directoryFor(privateRepository, repository, range), verifying);
  if (range.head === null && !(await isUnchanged(privateRepository, repository, range)))
    verifying.controls.session.note("the verification changed files here; the patch was taken before that");
  return runs;
}

/** In the work tree, if that is what is submitted. */
async function directoryFor(
  privateRepository: PrivateRepository,
  repository: Repository,
  range: RevisionRange,
): Promise<string> {
  if (await isCheckedOut(privateRepository, repository, range)) return repository.top;
  const checkout = await Checkout.open(privateRepository);
  await checkout.to(range.commit);
  return checkout.path;
}

/** What programs are told: the daemon's answer, and what was found out. */
export function createdView({ submitted, range, patch, verification }: Created) {
  const found = {
    base_revision: range.base.revision,
    head_revision: submitted.head,
    touched_paths: patch.paths,
    left_out: range.leftOut,
  };
  return { ...submitted.answer, ...found, verification };
}

export function createdText({ submitted, range: { base }, patch, verification, contained }: Created): string {
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

/** Commits of a patch that are looked at. */
const commitsMax = 10_000;

/** The bundles whose head is in the history of a patch, newest first: it was built on them. */
async function containedBundles(
  session: Session,
  { top, scope }: { top: string; scope: string },
  { base, head, commit }: RevisionRange,
): Promise<BundleView[]> {
  const words = ["rev-list", `--max-count=${commitsMax}`, commit, `^${base.revision}`, "--"];
  const commits = new Set((await askText(top, words)).split("\n"));
  if (commits.size === 1 && commits.has("")) return [];
  const bundles = await allBundles(session, { scope });
  // Of the same head is another one for the same patch.
  const built = bundles.filter(({ head_revision: id }) => id !== null && id !== head && commits.has(id));
  return built.slice(0, limits.bundlesComparedMax);
}

/** Who made a patch, and whose agent that is as far as the name, or the session of the shell, tells. */
function authorOf({ owner: given, provider }: { owner?: string | undefined; provider?: string | undefined }) {
  const owner = given ?? whoever();
  const agents = [owner, ...identityOf(process.env).owners].map((name) => name.split(":"));
  const [agent] = agents.find((parts) => parts.length > 1) ?? [];
  return { owner, provider: provider ?? agent ?? "unknown" };
}
