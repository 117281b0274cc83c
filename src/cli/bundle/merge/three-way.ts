import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { entriesOf, GitFailed } from "../../git/git.ts";
import type { PrivateRepository } from "../../git/private-repository.ts";
import type { Result } from "../../../protocol/methods.ts";
import { changedPaths, strangePath } from "../patch.ts";
import { present } from "../../../protocol/present.ts";

/** A tree, or the paths where there is none. */
export type Merged = { tree: string } | { conflicts: string[] };

/**
 * Merges what a bundle makes of its base into a commit. The base is made the parent of both sides: git before 2.40 takes no
 * other way to be told which it is, and the history between them then plays no part.
 *
 * The attributes of the target count, such as `merge=union` and `-merge`; they are read from files of ours. A driver that
 * they name is not there to be run, and git merges as if it were not named.
 */
export class ThreeWay {
  readonly #privateRepository: PrivateRepository;
  readonly #attributes: string;

  constructor(privateRepository: PrivateRepository) {
    this.#privateRepository = privateRepository;
    this.#attributes = join(privateRepository.directory, "attributes");
  }

  /** Takes the attributes of a commit. */
  async follow(commit: string): Promise<void> {
    await rm(this.#attributes, { recursive: true, force: true });
    await mkdir(this.#attributes);
    const listed = await this.#privateRepository.entries(["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit]);
    const paths = listed.filter((path) => /(?:^|\/)\.gitattributes$/.test(path));
    if (paths.length === 0) return;
    const index = await this.#privateRepository.indexOf(commit, "attributes-index");
    const here = { GIT_WORK_TREE: this.#attributes, ...index };
    const input = paths.map((path) => `${path}\0`).join("");
    await this.#privateRepository.run(["checkout-index", "-f", "-q", "-z", "--stdin"], { input }, here);
  }

  async merge({ base, head }: BundleTrees, onto: string): Promise<Merged> {
    const privateRepository = this.#privateRepository;
    const parent = await privateRepository.commitTree(base, [], "base");
    const sides = [`${onto}^{tree}`, head].map((tree) => privateRepository.commitTree(tree, [parent], "side"));
    const words = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ...(await Promise.all(sides))];
    const { status, out } = await privateRepository.run(
      words,
      { statuses: [0, 1] },
      { GIT_WORK_TREE: this.#attributes },
    );
    const [tree, ...paths] = entriesOf(new TextDecoder().decode(out));
    return status === 0 ? { tree: present(tree, "the tree of a merge") } : { conflicts: [...new Set(paths)] };
  }
}

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
  if (await isCommit(privateRepository, head)) return privateRepository.treeOf(head);
  return { fault: `its head ${head} is not in this repository, and it has no diff; fetch it`, final: false };
}

async function applied(privateRepository: PrivateRepository, base: string, diff: string): Promise<string | NoTree> {
  const here = await privateRepository.indexOf(`${base}^{tree}`, "bundle-index");
  try {
    await privateRepository.run(["apply", "--cached", "--whitespace=nowarn", "-p1", "-"], { input: diff }, here);
  } catch (cause) {
    if (!(cause instanceof GitFailed)) throw cause;
    const [why = ""] = cause.message.split("\n");
    return { fault: `its diff does not fit its base: ${why}`, final: true };
  }
  return privateRepository.text(["write-tree"], "", here);
}
