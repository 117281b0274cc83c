import type { Result } from "../../../protocol/methods.ts";
import { GitFailed } from "../../git/git.ts";
import type { PrivateRepository } from "../../git/private-repository.ts";
import { changedPaths, strangePath } from "../patch.ts";
import { present } from "../../../protocol/present.ts";

export type Bundle = Result<"GetPatchBundle">["bundle"];

/** A bundle as git merges it: the tree it begins with, and the one it makes of that. */
export interface BundleTrees {
  base: string;
  head: string;
}

/** Why there is none; `final` where no later try can change that. */
export interface NoTree {
  fault: string;
  final: boolean;
}

/**
 * What a bundle makes of its base: of its diff where it has one, since that was compared, else of its head revision. What
 * that touches must be what it said.
 */
export async function treesOf(privateRepository: PrivateRepository, bundle: Bundle): Promise<BundleTrees | NoTree> {
  const { base_revision: base, head_revision: head, diff } = bundle;
  if (!(await isCommit(privateRepository, base)))
    return { fault: `its base ${base} is not in this repository; fetch it`, final: false };
  const made =
    diff === null
      ? await committed(privateRepository, present(head, "the head of a bundle without a diff"))
      : await applied(privateRepository, base, diff);
  if (typeof made !== "string") return made;
  const strange = await strangePath(privateRepository, base, made);
  if (strange !== null)
    return { fault: `it changes ${strange}, which is or was a symbolic link or submodule`, final: true };
  const paths = await changedPaths(privateRepository, base, made);
  const said = new Set(bundle.touched_paths);
  const unsaid = paths.find((path) => !said.has(path)) ?? bundle.touched_paths.find((path) => !paths.includes(path));
  if (unsaid !== undefined)
    return { fault: `what it does and what it says it touches do not agree at ${unsaid}`, final: true };
  return { base: `${base}^{tree}`, head: made };
}

async function isCommit(privateRepository: PrivateRepository, id: string): Promise<boolean> {
  const { status } = await privateRepository.run(["cat-file", "-e", `${id}^{commit}`], { statuses: [0, 1, 128] });
  return status === 0;
}

async function committed(privateRepository: PrivateRepository, head: string): Promise<string | NoTree> {
  if (await isCommit(privateRepository, head))
    return privateRepository.text(["rev-parse", "--verify", `${head}^{tree}`]);
  return { fault: `its head ${head} is not in this repository, and it has no diff; fetch it`, final: false };
}

async function applied(privateRepository: PrivateRepository, base: string, diff: string): Promise<string | NoTree> {
  const here = { GIT_INDEX_FILE: `${privateRepository.gitDirectory}/bundle-index` };
  await privateRepository.run(["read-tree", `${base}^{tree}`], {}, here);
  try {
    await privateRepository.run(["apply", "--cached", "--whitespace=nowarn", "-p1", "-"], { input: diff }, here);
  } catch (cause) {
    if (!(cause instanceof GitFailed)) throw cause;
    const [why = ""] = cause.message.split("\n");
    return { fault: `its diff does not fit its base: ${why}`, final: true };
  }
  return privateRepository.text(["write-tree"], "", here);
}
