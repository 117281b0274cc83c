/** The git hooks a guard can stand in. A merge that needs no help runs pre-merge-commit instead of pre-commit. */
export const gitHooks = ["pre-commit", "pre-merge-commit", "pre-push"] as const;
export type GitHook = (typeof gitHooks)[number];

export function isGitHook(name: string): name is GitHook {
  return (gitHooks as readonly string[]).includes(name);
}
