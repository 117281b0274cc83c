import { present } from "../../../protocol/present.ts";

/**
 * Looks for the one of several steps with which something begins to fail, in as few tries as that takes.
 * @param commits where it begins, and after each step; the last passes without it, and fails with it
 * @param passes whether a commit passes, with it or without; null where nobody can tell
 * @returns the number of the step, `alone` where it fails before the first, null where nobody can tell
 */
export async function culpritAmong(
  commits: readonly string[],
  passes: (commit: string, withIt: boolean) => Promise<boolean | null>,
): Promise<number | "alone" | null> {
  const commit = (step: number) => present(commits[step], "the commit of a step");
  const first = await passes(commit(0), true);
  // Where it begins may fail by itself, and a step mend that.
  if (first === false) return (await passes(commit(0), false)) === true ? "alone" : null;
  if (first === null) return null;
  let [good, bad] = [0, commits.length - 1];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    const result = await passes(commit(middle), true);
    if (result === null) return null;
    if (result) good = middle;
    else bad = middle;
  }
  return bad;
}
