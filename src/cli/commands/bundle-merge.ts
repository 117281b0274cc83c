import { compared, type Compared } from "../bundle/comparison.ts";
import { releaseKept } from "../bundle/kept.ts";
import { committerOf, defaultBranch, newBranch } from "../bundle/merge/branch.ts";
import { decisionsOf, PendingDecisions } from "../bundle/merge/decisions.ts";
import { mergeBundles, type MergeResult } from "../bundle/merge/merging.ts";
import { reportOf } from "../bundle/merge/report.ts";
import { reportMarkdown, reportText } from "../bundle/merge/report-text.ts";
import { bundleRepository } from "../bundle/place.ts";
import { whoever } from "../bundle/author.ts";
import { command } from "../command.ts";
import type { Exit } from "../exits.ts";
import { Checkout } from "../git/checkout.ts";
import type { Repository } from "../git/repository.ts";
import { commitOf, commitOrNull } from "../git/revision.ts";
import { Scratch, setRef } from "../git/scratch.ts";
import type { Wishes } from "../run/hold.ts";
import { interruptions } from "../run/interruptions.ts";
import { readDuration, readList } from "../values.ts";
import { bundleArgs, bundlesMeant } from "./bundle-list.ts";

export const merge = command({
  args: {
    ...bundleArgs,
    onto: {
      type: "string",
      required: true,
      valueHint: "BRANCH",
      description: "where the new branch begins; it stays as it is",
    },
    verify: {
      type: "string",
      repeatable: true,
      valueHint: "CMD",
      description: "run after each bundle, in a temporary work tree; may be repeated",
    },
    timeout: { type: "string", valueHint: "TIME", description: "how long one such command may take (30m)" },
    branch: { type: "string", valueHint: "NAME", description: "the new branch (agentd/merge-COMMIT)" },
    "allow-unverified": { type: "boolean", description: "also what its author did not verify" },
    "dry-run": { type: "boolean", description: "only say what would be done: nothing is written or recorded" },
    by: { type: "string", valueHint: "NAME", description: "who decides ($AGENTD_OWNER, else who you are)" },
    markdown: { type: "boolean", description: "the report as Markdown" },
  },
  examples: [
    ["bundle merge --onto main --verify 'bun test'", "all that is open, into a new branch that passes"],
    ["bundle merge --task 0197f3a2 --onto main --dry-run", "what would become of one task's bundles"],
    ["bundle merge 1f2e3d4c 9d2e6f41 --onto main --branch parser", "two of them, into a branch of this name"],
  ],
  notes: [
    "Each bundle is merged by git, three ways from its own base, onto those before it. Rejected is what conflicts with what was",
    "merged first, what the target has changed meanwhile, and what the verification fails with, which is taken out again;",
    "superseded is what is in already; left open is what nobody verified, and what a person has to choose. All but what is",
    "left open is recorded, with the bundles it gave way to. The verification command gets a copy of the files without",
    "submodules, and without what is not committed, such as node_modules: let it install what it needs.",
    "",
    "No checkout, index or branch is changed, and no hook, filter or merge driver of the repository is run. Interrupted at any",
    "point it leaves the repository as it was, and can be run again. Exit status 1 when no bundle was accepted of those there are.",
  ].join("\n"),
  async run(args, session) {
    const repository = await bundleRepository();
    const { top, scope } = repository;
    const revision = await commitOf(top, args.onto, "--onto");
    const timeLimitMs = readDuration(args.timeout ?? "30m", "timeout") * 1000;
    const dryRun = args["dry-run"] === true;
    let exit: Exit = 0;
    await using interrupted = interruptions(5_000);
    await interrupted.all([
      (async () => {
        const wishes = { session, ...interrupted };
        const earlier = dryRun ? [] : await completeEarlier(wishes, repository);
        const ref = args.branch === undefined ? undefined : await newBranch(top, args.branch, earlier);
        const ids = await bundlesMeant(session, { bundle: readList(args.bundle), task: args.task, scope });
        await using scratch = await Scratch.open(top, { attributes: false });
        const all = ids.length === 0 ? nothing : await compared(session, ids, { top, revision });
        const commands = readList(args.verify);
        const onto = { revision, name: args.onto };
        const result = await mergeBundles({
          scratch,
          compared: all,
          onto,
          committer: await committerOf(top),
          allowUnverified: args["allow-unverified"] === true,
          verifying: { commands, timeLimitMs, wishes },
          checkout: commands.length === 0 ? null : await Checkout.open(scratch),
        });
        // Verification may have taken so long that the daemon is another one.
        session.disconnect();
        const branch = result.tip === revision ? null : (args.branch ?? defaultBranch(result.tip));
        const refused = dryRun
          ? []
          : await carryOut(wishes, repository, { scratch, onto: revision, result, ref, by: args.by ?? whoever() });
        const { locks } = await session.call("ListResourceLocks", { scope });
        const written = dryRun ? null : branch;
        const { tip, outcomes, verification } = result;
        const about = {
          dryRun,
          onto,
          branch: written,
          revision: tip,
          compared: all,
          outcomes,
          refused,
          verification,
          locks,
        };
        const report = reportOf(about);
        session.show(report, () => (args.markdown === true ? reportMarkdown(report) : reportText(report, Date.now())));
        exit = outcomes.length > 0 && tip === revision ? 1 : 0;
      })(),
    ]);
    return exit;
  },
});

const nothing: Compared = { bundles: [], answer: { pairs: [], bundles: [], merge_order: [] } };

/** The branches of runs that were interrupted before all their decisions were recorded, which they are now. */
async function completeEarlier(wishes: Wishes, repository: Repository): Promise<string[]> {
  const { decisions, branches } = await PendingDecisions.completeEarlier(wishes, repository);
  if (decisions > 0) wishes.session.note(`${decisions} decisions of a merge that was interrupted are recorded now`);
  return branches;
}

interface Order {
  scratch: Scratch;
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
 */
async function carryOut(wishes: Wishes, repository: Repository, { scratch, onto, result, ref: given, by }: Order) {
  const { top, scope } = repository;
  const { tip, outcomes } = result;
  const ref = given ?? `refs/heads/${defaultBranch(tip)}`;
  const isNew = tip !== onto;
  if (isNew) await scratch.publish(tip, onto);
  const decisions = decisionsOf(outcomes, by);
  if (decisions.length === 0) return [];
  const pending = await PendingDecisions.write(wishes.session, scope, isNew ? { ref, commit: tip } : null, decisions);
  if (isNew && (await commitOrNull(top, ref)) !== tip) await setRef(top, ref, tip, "0".repeat(tip.length));
  const refused = await pending.record(wishes);
  await releaseKept(wishes.session, repository);
  return refused;
}
