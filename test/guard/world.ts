import { chmod, mkdtemp, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { agents } from "../../src/cli/guard/agents.ts";
import { fastDirectory } from "../support/fast-directory.ts";

const ofSessions = new Set(Object.values(agents).map(({ shellSession }) => shellSession));

/** A person by the environment, and no setting but this. */
export const gitIdentity = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
};

/** No setting of this machine or its user plays a part, nor an agent that runs the tests. */
export const gitEnvironment: Readonly<Record<string, string | undefined>> = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(GIT|AGENTD)_/.test(name) && !ofSessions.has(name)),
  ),
  TZ: "UTC",
  ...gitIdentity,
};

export interface GitRun {
  exit: number;
  out: string;
  err: string;
}

/** Runs git as a person would; `env` is added to its environment. */
export async function runGit(cwd: string, words: readonly string[], env: Record<string, string> = {}): Promise<GitRun> {
  const child = Bun.spawn(["git", "-c", "protocol.file.allow=always", ...words], {
    cwd,
    env: { ...gitEnvironment, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exit: await child.exited, out, err };
}

/** A temporary directory, removed when it is disposed. */
export interface Directory extends AsyncDisposable {
  path: string;
  /** Runs a git command that must succeed, in this directory or one below it. */
  git(words: readonly string[], at?: string): Promise<string>;
  /** Writes a file, its directories included. */
  write(path: string, text: string): Promise<void>;
}

export async function temporaryDirectory(): Promise<Directory> {
  const path = await realpath(await mkdtemp(join(fastDirectory, "agentd-guard-")));
  return {
    path,
    async git(words, at = ".") {
      const { exit, out, err } = await runGit(join(path, at), words);
      if (exit !== 0) throw new Error(`git ${words.join(" ")} ended with ${exit}: ${err}`);
      return out;
    },
    async write(name, text) {
      await Bun.write(join(path, name), text);
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** A temporary directory with a repository `repository` that has one commit. */
export async function temporaryRepository(): Promise<Directory> {
  const directory = await temporaryDirectory();
  await directory.git(["init", "-q", "-b", "main", "repository"]);
  await directory.write("repository/first.txt", "first\n");
  await directory.git(["add", "--all"], "repository");
  await directory.git(["commit", "-q", "-m", "first"], "repository");
  return directory;
}

/** Writes a program, executable unless its mode says otherwise, and gives its path. */
export async function program(directory: Directory, name: string, text: string, mode = 0o755): Promise<string> {
  const path = join(directory.path, name);
  await Bun.write(path, text);
  await chmod(path, mode);
  return path;
}
