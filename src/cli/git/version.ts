import { Failure } from "../exits.ts";
import { git } from "./git.ts";

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
