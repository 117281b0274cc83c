import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { entriesOf } from "../../git/git.ts";
import type { PrivateRepository } from "../../git/private-repository.ts";
import type { BundleTrees } from "./tree.ts";
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
    const here = {
      GIT_WORK_TREE: this.#attributes,
      GIT_INDEX_FILE: `${this.#privateRepository.gitDirectory}/attributes-index`,
    };
    await this.#privateRepository.run(["read-tree", commit], {}, here);
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
