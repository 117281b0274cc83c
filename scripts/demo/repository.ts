import { cpSync } from "node:fs";
import { join } from "node:path";

/** A git repository of ours, cut off from the user's own git configuration, hooks and signing. */
export interface Repository {
  path: string;
  environment: Record<string, string>;
  /** Runs git and gives what it printed. */
  git(...words: string[]): Promise<string>;
}

/** Makes a repository in `path` out of the small library in `scripts/demo/project`, with one commit. */
export async function makeRepository(path: string): Promise<Repository> {
  cpSync(join(import.meta.dir, "project"), path, { recursive: true });
  const environment = {
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "demo",
    GIT_AUTHOR_EMAIL: "demo@localhost",
    GIT_COMMITTER_NAME: "demo",
    GIT_COMMITTER_EMAIL: "demo@localhost",
  };
  const git = async (...words: string[]) => Bun.$`git ${words}`.cwd(path).env(cleanGit(environment)).text();
  await git("init", "--quiet", "-b", "main");
  await git("add", "--all");
  await git("commit", "--quiet", "-m", "The units library, with seven faults");
  return { path, environment, git };
}

/** Without variables that would point git at another repository, as they do inside a git hook. */
export function cleanGit(environment: Record<string, string>): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  return { ...Object.fromEntries(kept), ...environment };
}
