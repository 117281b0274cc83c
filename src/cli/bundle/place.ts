import { Failure } from "../exits.ts";
import { checkGitVersion } from "../git/version.ts";
import { type Repository, repositoryOf } from "../git/repository.ts";

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
