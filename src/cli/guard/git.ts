/** How long one git command may take before it is given up. */
const gitMs = 20_000;

/** git could not say; the message is its own. */
export class GitFailed extends Error {}

/** No git on this machine, or none that can be started. */
export class NoGit extends GitFailed {}

/** Variables that name a repository, or parts of one, other than that of the directory git runs in. */
const redirecting = new Set([
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_COMMON_DIR",
  "GIT_CONFIG",
  "GIT_DIR",
  "GIT_IMPLICIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_NAMESPACE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_PREFIX",
  "GIT_WORK_TREE",
]);

export type GitEnvironment = Readonly<Record<string, string | undefined>>;

/** The environment for asking about a directory, whoever set what for whichever repository. */
export function ownEnvironment(environment: GitEnvironment = process.env): GitEnvironment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !redirecting.has(name)));
}

/**
 * What a git command prints, byte for byte. It runs in `directory`, without a terminal, and speaks English, since
 * callers tell some failures apart by its words.
 * @throws {NoGit} when there is none, {GitFailed} when it ends with another status than 0 or takes longer than 20 s.
 */
export async function git(
  directory: string,
  words: readonly string[],
  environment: GitEnvironment = ownEnvironment(),
  input = "",
): Promise<string> {
  const child = start(directory, words, environment, input);
  const timer = setTimeout(() => child.kill("SIGKILL"), gitMs);
  try {
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if ((await child.exited) === 0) return out;
    const why = child.signalCode === null ? err.trim() : `it took longer than ${gitMs / 1000} s`;
    throw new GitFailed(`git ${words[0]}: ${why || `ended with status ${child.exitCode}`}`);
  } finally {
    clearTimeout(timer);
  }
}

function start(directory: string, words: readonly string[], environment: GitEnvironment, input: string) {
  try {
    return Bun.spawn(["git", "-C", directory, ...words], {
      env: { ...environment, GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C" },
      stdin: new Blob([input]),
      stdout: "pipe",
      stderr: "pipe",
    });
  } catch (cause) {
    throw new NoGit("git cannot be started", { cause });
  }
}

/** The entries of a list git separates with NUL. */
export function entriesOf(text: string): string[] {
  return text.split("\0").filter((entry) => entry !== "");
}
