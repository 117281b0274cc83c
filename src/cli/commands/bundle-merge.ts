import { whoever } from "../bundle/author.ts";
import { compared, type Compared } from "../bundle/comparison.ts";
import { committerOf, defaultBranch, newBranch } from "../bundle/merge/branch.ts";
import { carryOut, completeEarlier } from "../bundle/merge/carry-out.ts";
import { mergeBundles } from "../bundle/merge/merging.ts";
import { type MergeReport, reportOf } from "../bundle/merge/report.ts";
import { reportMarkdown, reportText } from "../bundle/merge/report-text.ts";
import { bundleRepository } from "../bundle/place.ts";
import { command } from "../command.ts";
import type { Exit } from "../exits.ts";
import { Checkout } from "../git/checkout.ts";
import type { Repository } from "../git/repository.ts";
import { commitOf } from "../git/revision.ts";
import { Scratch } from "../git/scratch.ts";
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
    const order: MergeOrder = {
      given: { bundle: readList(args.bundle), task: args.task },
      onto: { revision: await commitOf(repository.top, args.onto, "--onto"), name: args.onto },
      branch: args.branch,
      commands: readList(args.verify),
      timeLimitMs: readDuration(args.timeout ?? "30m", "timeout") * 1000,
      allowUnverified: args["allow-unverified"] === true,
      dryRun: args["dry-run"] === true,
      by: args.by ?? whoever(),
    };
    let exit: Exit = 0;
    await using interrupted = interruptions(graceMs);
    await interrupted.all([
      (async () => {
        const report = await mergeOpen({ session, ...interrupted }, repository, order);
        session.show(report, () => (args.markdown === true ? reportMarkdown(report) : reportText(report, Date.now())));
        exit = report.bundles.length > 0 && report.revision === report.onto.revision ? 1 : 0;
      })(),
    ]);
    return exit;
  },
});

const graceMs = 5_000;

/** What is to be merged, onto what, and how. */
interface MergeOrder {
  given: { bundle: string[]; task: string | undefined };
  onto: { revision: string; name: string };
  branch: string | undefined;
  commands: string[];
  timeLimitMs: number;
  allowUnverified: boolean;
  dryRun: boolean;
  by: string;
}

async function mergeOpen(wishes: Wishes, repository: Repository, order: MergeOrder): Promise<MergeReport> {
  const { session } = wishes;
  const { top, scope } = repository;
  const { onto, commands, timeLimitMs, allowUnverified, dryRun, by } = order;
  const earlier = dryRun ? [] : await completeEarlier(wishes, repository);
  const ref = order.branch === undefined ? undefined : await newBranch(top, order.branch, earlier);
  const ids = await bundlesMeant(session, { ...order.given, scope });
  await using scratch = await Scratch.open(top, { attributes: false });
  const all = ids.length === 0 ? nothing : await compared(session, ids, { top, revision: onto.revision });
  const result = await mergeBundles({
    scratch,
    compared: all,
    onto,
    committer: await committerOf(top),
    allowUnverified,
    verifying: { commands, timeLimitMs, wishes },
    checkout: commands.length === 0 ? null : await Checkout.open(scratch),
  });
  // Verification may have taken so long that the daemon is another one.
  session.disconnect();
  const carried = { scratch, onto: onto.revision, result, ref, by };
  const refused = dryRun ? [] : await carryOut(wishes, repository, carried);
  const { tip: revision, outcomes, verification } = result;
  const branch = dryRun || revision === onto.revision ? null : (order.branch ?? defaultBranch(revision));
  const { locks } = await session.call("ListResourceLocks", { scope });
  return reportOf({ dryRun, onto, branch, revision, compared: all, outcomes, refused, verification, locks });
}

const nothing: Compared = { bundles: [], answer: { pairs: [], bundles: [], merge_order: [] } };
