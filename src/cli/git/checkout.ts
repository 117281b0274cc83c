import { join } from "node:path";
import { bareEnvironment, git, type GitEnvironment, runGit } from "./git.ts";
import type { PrivateRepository } from "./private-repository.ts";

const slowMs = 120_000;

/**
 * A work tree for commands to try a commit in: a repository of its own in the private repository's directory, so that whatever they
 * do to it, the user's repository does not see it. It has neither submodules nor what filters would make of files.
 */
export class Checkout {
  readonly path: string;
  readonly #environment: GitEnvironment;

  private constructor(path: string) {
    this.path = path;
    this.#environment = { ...bareEnvironment(), GIT_DIR: join(path, ".git"), GIT_WORK_TREE: path };
  }

  static async open(privateRepository: PrivateRepository): Promise<Checkout> {
    const checkout = new Checkout(join(privateRepository.directory, "checkout"));
    const format = await privateRepository.text(["rev-parse", "--show-object-format"]);
    await git(privateRepository.directory, ["init", "-q", "--template=", `--object-format=${format}`, checkout.path]);
    const objects = join(privateRepository.gitDirectory, "objects");
    await Bun.write(join(checkout.path, ".git", "objects", "info", "alternates"), `${objects}\n`);
    return checkout;
  }

  /** Has the commit's files and no others, but for what it ignores: what was built there may be of use again. */
  async to(commit: string): Promise<void> {
    await this.#run(["update-ref", "--no-deref", "HEAD", commit]);
    await this.#run(["read-tree", "--reset", "-u", commit]);
    await this.#run(["clean", "-ffdq"]);
  }

  async #run(words: readonly string[]): Promise<void> {
    const all = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", ...words];
    await runGit(this.path, all, { environment: this.#environment, timeLimitMs: slowMs });
  }
}
