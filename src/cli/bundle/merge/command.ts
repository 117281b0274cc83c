import { whoever } from "../../guard/identity.ts";
import { compared, nothingCompared } from "../comparison.ts";
import { committerOf, defaultBranch, newBranch } from "./branch.ts";
import { carryOut, completeEarlier } from "./carry-out.ts";
import { mergeBundles } from "./merging.ts";
import { type MergeReport, reportOf } from "./report.ts";
import { reportMarkdown, reportText } from "./report-text.ts";
import { bundleRepository } from "../repository.ts";
import { command, flag, option, repeatableOption, requiredOption } from "../../command.ts";
import { type Exit, Failure } from "../../exits.ts";
import { Checkout } from "../../git/checkout.ts";
import { DirectoryLock } from "../../git/directory-lock.ts";
import type { Repository } from "../../git/repository.ts";
import { commitOf } from "../../git/revision.ts";
import { PrivateRepository } from "../../git/private-repository.ts";
import type { Controls } from "../../run/lease.ts";
import { interruptible } from "../../run/interruptions.ts";
import { readDuration, readList } from "../../values.ts";
import { bundleArgs, bundlesMeant } from "../list.ts";

export const merge = command({
  args: {
    ...bundleArgs,
    onto: requiredOption("BRANCH", "where the new branch begins; it stays as it is"),
    verify: repeatableOption("CMD", "run after each bundle, in a temporary work tree; repeatable"),
    timeout: option("TIME", "time limit of each such command (30m)"),
    branch: option("NAME", "the new branch (agentd/merge-COMMIT)"),
    "allow-unverified": flag("include bundles that their author did not verify"),
    override: option("REASON", "merge the named BUNDLEs although a person has to choose, for this reason"),
    "dry-run": flag("show what would be done, and write nothing"),
    by: option("NAME", "who decides ($AGENTD_OWNER, else your user name)"),
    markdown: flag("the report as Markdown"),
  },
  examples: [
    ["bundle merge --onto main --verify 'bun test'", "everything open, into a new branch that passes the tests"],
    ["bundle merge --task 0197f3a2 --onto main --dry-run", "what would happen to one task's bundles"],
    ["bundle merge 1f2e3d4c 9d2e6f41 --onto main --branch parser", "two bundles, into a branch of this name"],
  ],
  notes: [
    "git merges each bundle three ways, from the bundle's own base, onto those before it. Every bundle ends as one of:",
    "",
    "  accepted    it is in the new branch",
    "  rejected    it conflicts with what was merged before it or with the target, or the verification fails with it",
    "  superseded  the target or another bundle already contains what it does",
    "  left open   nobody verified it, or a person has to choose; nothing is recorded",
    "",
    "The verification command gets a copy of the committed files, without submodules and without untracked files such as",
    "node_modules. Let it install what it needs.",
    "",
    "No checkout, index or existing branch is changed, and no hook, filter or merge driver of the repository is run. An",
    "interrupted merge leaves the repository as it was and can be run again. The exit status is 1 when there were bundles",
    "and none was accepted.",
  ].join("\n"),
  async run(args, session) {
    const repository = await bundleRepository();
    const request: MergeRequest = {
      given: { bundle: readList(args.bundle), task: args.task },
      onto: { revision: await commitOf(repository.top, args.onto, "--onto"), name: args.onto },
      branch: args.branch,
      commands: readList(args.verify),
      timeLimitMs: readDuration(args.timeout ?? "30m", "timeout") * 1000,
      allowUnverified: args["allow-unverified"] === true,
      override: args.override,
      dryRun: args["dry-run"] === true,
      by: args.by ?? whoever(),
    };
    return interruptible(graceMs, async (interrupted): Promise<Exit> => {
      const report = await mergeOpen({ session, ...interrupted }, repository, request);
      session.show(report, () => (args.markdown === true ? reportMarkdown(report) : reportText(report, Date.now())));
      return report.bundles.length > 0 && report.revision === report.onto.revision ? 1 : 0;
    });
  },
});

const graceMs = 5_000;

/** What is to be merged, onto what, and how. */
interface MergeRequest {
  given: { bundle: string[]; task: string | undefined };
  onto: { revision: string; name: string };
  branch: string | undefined;
  commands: string[];
  timeLimitMs: number;
  allowUnverified: boolean;
  override: string | undefined;
  dryRun: boolean;
  by: string;
}

async function mergeOpen(controls: Controls, repository: Repository, request: MergeRequest): Promise<MergeReport> {
  const { session } = controls;
  const { top, scope } = repository;
  const { onto, commands, timeLimitMs, allowUnverified, override, dryRun, by } = request;
  if (override !== undefined && request.given.bundle.length === 0)
    throw new Failure("USAGE", "--override is for bundles that somebody has looked at: name each BUNDLE");
  using _alone = dryRun ? null : alone(scope);
  const earlier = dryRun ? [] : await completeEarlier(controls, repository);
  const ref = request.branch === undefined ? undefined : await newBranch(top, request.branch, earlier);
  const ids = await bundlesMeant(session, { ...request.given, scope });
  await using privateRepository = await PrivateRepository.open(top);
  const all = ids.length === 0 ? nothingCompared : await compared(session, ids, { top, revision: onto.revision });
  const result = await mergeBundles({
    privateRepository,
    compared: all,
    onto,
    committer: await committerOf(top),
    allowUnverified,
    override: override === undefined ? null : { ids: new Set(ids), reason: override },
    verifying: { commands, timeLimitMs, controls },
    checkout: commands.length === 0 ? null : await Checkout.open(privateRepository),
  });
  // Verification may have taken so long that the daemon is another one.
  session.disconnect();
  const carried = { privateRepository, onto: onto.revision, result, ref, by };
  const refused = dryRun ? [] : await carryOut(controls, repository, carried);
  const { tip: revision, outcomes, verification } = result;
  const branch = dryRun || revision === onto.revision ? null : (request.branch ?? defaultBranch(revision));
  const { locks } = await session.call("ListResourceLocks", { scope });
  const came = { compared: all, outcomes, refused };
  return reportOf(came, { dry_run: dryRun, onto, branch, revision, verification, locks });
}

/**
 * The right to merge in a repository, so that two merges at once do not both take the same bundles.
 * @throws {Failure} NOT_NOW while another merge has it
 */
function alone(scope: string): DirectoryLock {
  const lock = DirectoryLock.take(scope);
  if (lock !== null) return lock;
  const message = `another agentd bundle merge is at work in ${scope}, and would take the same bundles; wait until it has ended, and run this again`;
  throw new Failure("NOT_NOW", message);
}
