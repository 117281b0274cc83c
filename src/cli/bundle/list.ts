import { compared, nothingCompared } from "./comparison.ts";
import { allBundles, resolveBundle, resolveBundles } from "./ids.ts";
import { matrixMarkdown } from "./markdown.ts";
import { matrixText } from "./matrix.ts";
import { bundleRepository } from "./repository.ts";
import { bundlesText, bundleText } from "./text.ts";
import { argument, argumentList, command, flag, option } from "../command.ts";
import { Failure } from "../exits.ts";
import { mainRefs } from "../git/default-branch.ts";
import { repositoryOf } from "../git/repository.ts";
import { commitOf } from "../git/revision.ts";
import { resolveTask } from "../ids.ts";
import type { Session } from "../session.ts";
import { readList } from "../values.ts";

const statuses = { open: "SUBMITTED", accepted: "ACCEPTED", rejected: "REJECTED", superseded: "SUPERSEDED" } as const;

export const list = command({
  args: {
    status: {
      type: "enum",
      options: ["open", "accepted", "rejected", "superseded", "all"],
      description: "only this status; default: open",
    },
    everywhere: flag("of all repositories, not only this one"),
    task: option("TASK", "only those of this task"),
    owner: option("NAME", "only those of this owner"),
  },
  examples: [
    ["bundle list", "open bundles of this repository"],
    ["bundle list --status rejected --owner codex-1", "rejected bundles of one owner"],
  ],
  async run({ status = "open", everywhere, task, owner }, session) {
    const repository = everywhere === true ? null : await repositoryOf(process.cwd());
    const task_id = task === undefined ? undefined : await resolveTask(session, task);
    const only = status === "all" ? undefined : statuses[status];
    const bundles = await allBundles(session, { status: only, scope: repository?.scope, task_id, owner });
    session.show({ bundles }, () => bundlesText(bundles));
  },
});

const bundleArg = {
  bundle: argument("the bundle's id, or a unique prefix of it"),
} as const;

export const show = command({
  args: bundleArg,
  examples: [
    ["bundle show 1f2e3d4c", "base, paths, assumptions, verification and decision"],
    ["bundle show 1f2e3d4c --get diff", "its diff, for git apply"],
  ],
  async run({ bundle: given }, session) {
    const { bundle } = await session.call("GetPatchBundle", { bundle_id: await resolveBundle(session, given) });
    session.show(bundle, () => bundleText(bundle));
  },
});

/** Which bundles are meant, of commands that take several. */
export const bundleArgs = {
  bundle: argumentList("ids or unique prefixes; default: the open bundles of this repository"),
  task: option("TASK", "the open ones of this task"),
} as const;

export const compare = command({
  args: {
    ...bundleArgs,
    onto: option("REV", "the branch to merge onto (main or master, or origin's)"),
    markdown: flag("as Markdown"),
  },
  examples: [
    ["bundle compare", "who touches what, which bundles overlap, and what to do with each"],
    ["bundle compare --task 0197f3a2 --onto release --markdown", "one task's bundles, for a pull request"],
    ["bundle compare 1f2e3d4c 9d2e6f41 --json", "two bundles, with the lines that overlap"],
  ],
  notes:
    "Changes nothing. Inside the repository it also says which bundles are stale. The exit status is 0 whatever it finds.",
  async run({ bundle, task, onto, markdown }, session) {
    const repository = await repositoryOf(process.cwd());
    const ids = await bundlesMeant(session, { bundle: readList(bundle), task, scope: repository?.scope });
    if (repository === null && onto !== undefined) await bundleRepository();
    const revision = repository === null ? null : await targetOf(repository.top, onto);
    const target = repository === null || revision === null ? null : { top: repository.top, revision };
    const all = ids.length === 0 ? nothingCompared : await compared(session, ids, target);
    session.show(all.answer, () => (markdown === true ? matrixMarkdown(all) : matrixText(all)));
  },
});

async function targetOf(top: string, given: string | undefined): Promise<string | null> {
  const words = given ?? (await mainRefs(top))[0];
  return words === undefined ? null : commitOf(top, words, "--onto");
}

/** The bundles that are named, or else the open ones of a task or a repository. */
export async function bundlesMeant(
  session: Session,
  { bundle, task, scope }: { bundle: readonly string[]; task: string | undefined; scope: string | undefined },
): Promise<string[]> {
  if (bundle.length > 0 && task !== undefined) throw new Failure("USAGE", "give BUNDLE or --task, not both");
  if (bundle.length > 0) return [...new Set(await resolveBundles(session, bundle))];
  const task_id = task === undefined ? undefined : await resolveTask(session, task);
  if (task_id === undefined && scope === undefined) throw new Failure("USAGE", "which bundles? give BUNDLE or --task");
  return (await allBundles(session, { status: "SUBMITTED", task_id, scope })).map(({ bundle_id: id }) => id);
}
