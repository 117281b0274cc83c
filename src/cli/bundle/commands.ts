import { whoever } from "../guard/identity.ts";
import { createBundle, createdText, createdView } from "./creation.ts";
import { resolveBundle, resolveBundles } from "./ids.ts";
import { releaseRetainedRefs } from "./submission.ts";
import { bundleRepository } from "./repository.ts";
import { argument, command, idempotencyKey, option, repeatableOption, requiredOption } from "../command.ts";
import { Failure } from "../exits.ts";
import { repositoryOf } from "../git/repository.ts";
import { commitOf } from "../git/revision.ts";
import { resolveLease, resolveNode, resolveTask } from "../ids.ts";
import { interruptible } from "../run/interruptions.ts";
import type { Session } from "../session.ts";
import { readDuration, readList } from "../values.ts";
import { present } from "../../protocol/present.ts";

export const create = command({
  args: {
    base: option("REV", "the commit the patch starts from (where HEAD left the main branch)"),
    head: option("REV", "a branch or commit, instead of the work tree"),
    owner: option("NAME", "who made it ($AGENTD_OWNER, else your user name)"),
    provider: option("NAME", "the vendor or program behind the owner"),
    verify: repeatableOption("CMD", "a command that shows it works; repeatable"),
    timeout: option("TIME", "time limit of each such command (30m)"),
    assume: repeatableOption("TEXT", "something that must hold for it to work; repeatable"),
    confidence: {
      type: "enum",
      options: ["low", "medium", "high"],
      description: "how sure you are that it works; default: medium",
    },
    summary: option("TEXT", "what it does (default: its commits' subjects, and its size)"),
    intent: option("TEXT", "what it is for"),
    supersedes: option("BUNDLE", "your own open bundle that this one replaces"),
    task: option("TASK", "the task it is for ($AGENTD_TASK_ID)"),
    node: option("NODE", "the node it is for ($AGENTD_NODE_ID)"),
    lease: option("LEASE", "the lease of that node ($AGENTD_LEASE_ID)"),
    ...idempotencyKey,
  },
  examples: [
    ["bundle create --verify 'cargo test' --confidence high", "submit what this work tree changes"],
    ["bundle create --head topic --base main --summary 'a faster lexer'", "hand in a branch"],
    ["bundle create --assume 'tokens=ascii' --assume 'not api-v1'", "with the assumptions it rests on"],
    ["bundle create --supersedes 1f2e3d4c", "to replace an earlier bundle of yours"],
  ],
  notes: [
    "The patch holds the work tree's files as they are: staged, changed and new ones, without ignored ones. Index and files",
    "are not changed, and no hook, filter or driver of the repository is run. Without --base the patch starts where HEAD left",
    "main or master, or origin's main branch, or else the upstream. On the main branch itself it starts at origin's copy.",
    "",
    "Verification runs in the work tree. A commit that is not checked out is verified in a temporary work tree. A failure is",
    "recorded with the bundle and does not stop it from being submitted. A diff over 512 KiB or 20,000 lines stays in the",
    "repository, under refs/agentd/bundles/.",
  ].join("\n"),
  async run(args, session) {
    const repository = await bundleRepository();
    const timeLimitMs = readDuration(args.timeout ?? "30m", "timeout") * 1000;
    await interruptible(graceMs, async (interrupted) => {
      const verifying = { commands: readList(args.verify), timeLimitMs, controls: { session, ...interrupted } };
      // A daemon that is not there is an error before verification takes its time.
      await session.client();
      const created = await createBundle(repository, verifying, {
        ...args,
        purpose: await purposeOf(session, args),
        assumptions: readList(args.assume),
        supersedes: args.supersedes === undefined ? undefined : await resolveBundle(session, args.supersedes),
        idempotencyKey: args["idempotency-key"],
      });
      session.show(createdView(created), () => createdText(created));
    });
  },
});

const graceMs = 5_000;

export const decide = command({
  args: {
    bundle: argument("the bundle's id, or a unique prefix of it"),
    decision: argument("accepted, rejected or superseded"),
    reason: requiredOption("TEXT", "why, for the journal"),
    by: option("NAME", "who decides ($AGENTD_OWNER, else your user name)"),
    alternative: repeatableOption("BUNDLE", "a bundle it was chosen over, or that was chosen over it; repeatable"),
    merged: option("REV", "the commit that contains an accepted bundle"),
    ...idempotencyKey,
  },
  examples: [
    ["bundle decide 1f2e3d4c accepted --reason 'smaller' --alternative 9d2e6f41 --merged main", "choose one of two"],
    ["bundle decide 9d2e6f41 rejected --reason 'breaks the parser'", "final; to try again, submit a new bundle"],
  ],
  async run({ bundle, decision: given, reason, by, alternative, merged, "idempotency-key": key }, session) {
    const decision = decisionOf(given);
    const [decided_id, ...alternatives] = await resolveBundles(session, [bundle, ...readList(alternative)]);
    const bundle_id = present(decided_id, "the bundle that is decided on");
    const merged_revision = merged === undefined ? undefined : await commitOf(process.cwd(), merged, "--merged");
    const params = { bundle_id, decision, reason, decided_by: by ?? whoever(), merged_revision, alternatives };
    const decided = await session.call("DecidePatchBundle", params, key);
    const repository = await repositoryOf(process.cwd());
    if (repository !== null) await releaseRetainedRefs(session, repository);
    session.show(decided, () => `${bundle_id} is ${decided.status}`);
  },
});

const decisions = ["accepted", "rejected", "superseded"] as const;

function decisionOf(given: string): (typeof decisions)[number] {
  const found = decisions.find((each) => each === given);
  if (found !== undefined) return found;
  throw new Failure("USAGE", `DECISION is ${given}, and can be ${decisions.join(", ")}`);
}

interface Purpose {
  task?: string | undefined;
  node?: string | undefined;
  lease?: string | undefined;
}

/** What it is for: as given, else as `agentd run` told. */
async function purposeOf(session: Session, { task, node, lease }: Purpose) {
  const { AGENTD_TASK_ID, AGENTD_NODE_ID, AGENTD_LEASE_ID } = process.env;
  if (task === undefined && AGENTD_TASK_ID !== undefined && node === undefined && lease === undefined)
    return { task_id: AGENTD_TASK_ID, node_id: AGENTD_NODE_ID, lease_id: AGENTD_LEASE_ID };
  const ofTask = task ?? AGENTD_TASK_ID;
  if (ofTask === undefined) {
    if (node === undefined && lease === undefined) return {};
    throw new Failure("USAGE", `${node === undefined ? "--lease" : "--node"} needs --task`);
  }
  const task_id = await resolveTask(session, ofTask);
  const node_id = node === undefined ? undefined : await resolveNode(session, task_id, node);
  const lease_id = lease === undefined ? undefined : await resolveLease(session, task_id, lease);
  return { task_id, node_id, lease_id };
}
