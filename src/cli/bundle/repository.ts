import { Failure } from "../exits.ts";
import { type Repository, repositoryOf } from "../git/repository.ts";
import { git } from "../git/git.ts";

/**
 * The repository around the working directory, which patch bundles are made in and merged in.
 * @throws {Failure} USAGE without one, FOUND_A_PROBLEM with a git that is too old.
 */
export async function bundleRepository(cwd = process.cwd()): Promise<Repository> {
  await checkGitVersion();
  const repository = await repositoryOf(cwd);
  if (repository !== null) return repository;
  throw new Failure("USAGE", `${cwd} is not in a git work tree, and a patch bundle belongs to a repository`);
}

/** The first that merges trees without a work tree: `git merge-tree --write-tree`. */
const oldest = [2, 38] as const;

/**
 * Checks that git can merge without a work tree.
 * @throws {Failure} FOUND_A_PROBLEM, {NoGit}
 */
export async function checkGitVersion(printed?: string): Promise<void> {
  const text = printed ?? (await git(".", ["version"]));
  const [, major = "0", minor = "0"] = /(\d+)\.(\d+)/.exec(text) ?? [];
  if (Number(major) > oldest[0] || (Number(major) === oldest[0] && Number(minor) >= oldest[1])) return;
  const message = `${text.trim()} cannot merge without a work tree: patch bundles need git ${oldest.join(".")} or newer`;
  throw new Failure("FOUND_A_PROBLEM", message);
}
