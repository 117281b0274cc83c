import { present } from "../../protocol/present.ts";

/** How long one git command may take before it is given up. */
const gitMs = 20_000;

/** git could not say; the message is its own. */
export class GitFailed extends Error {}

/** No git on this machine, or none that can be started. */
export class NoGit extends GitFailed {}

/** For `catch`: null where git cannot say. */
export function nullIfFailed(cause: unknown): null {
  if (cause instanceof GitFailed) return null;
  throw cause;
}

/** Variables that name a repository, or parts of one, other than that of the directory git runs in. */
export const redirecting = new Set([
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

/** Nobody's settings and variables, for git in a repository of our own; nothing is fetched that is missing. */
export function bareEnvironment(): GitEnvironment {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
  return {
    ...Object.fromEntries(kept),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_ALLOW_PROTOCOL: "none",
    GIT_LITERAL_PATHSPECS: "1",
  };
}

/**
 * What a git command prints, as text. It runs in `directory`, without a terminal, and speaks English, since callers tell
 * some failures apart by its words.
 * @throws {NoGit} when there is none, {GitFailed} when it ends with another status than 0 or takes longer than 20 s.
 */
export async function git(
  directory: string,
  words: readonly string[],
  environment: GitEnvironment = ownEnvironment(),
  input = "",
): Promise<string> {
  const { out } = await runGit(directory, words, { environment, input });
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(out);
}

/** How a git command is run. */
export interface GitOptions {
  environment?: GitEnvironment;
  input?: string | Uint8Array;
  /** Statuses that are no failure. */
  statuses?: readonly number[];
  timeLimitMs?: number;
  /** Of an output that is longer only the beginning is given, and `cut` is true. */
  bytesMax?: number;
}

export interface GitEnd {
  status: number;
  out: Uint8Array;
  cut: boolean;
}

/**
 * Runs a git command and gives what it printed, byte for byte.
 * @throws {NoGit} when there is none, {GitFailed} when it ends with a status it may not, or takes too long.
 */
export async function runGit(
  directory: string,
  words: readonly string[],
  { environment = ownEnvironment(), input = "", statuses = [0], timeLimitMs = gitMs, bytesMax }: GitOptions = {},
): Promise<GitEnd> {
  const child = start(directory, words, environment, input);
  const timer = setTimeout(() => child.kill("SIGKILL"), timeLimitMs);
  try {
    const [output, err] = await Promise.all([read(child, bytesMax), child.stderr.text()]);
    const status = await child.exited;
    if (output.cut || (child.signalCode === null && statuses.includes(status))) return { ...output, status };
    const why = child.signalCode === null ? err.trim() : `it took longer than ${timeLimitMs / 1000} s`;
    throw new GitFailed(`git ${words[0]}: ${why || `ended with status ${status}`}`);
  } finally {
    clearTimeout(timer);
  }
}

type Child = ReturnType<typeof start>;

async function read(child: Child, bytesMax = Infinity): Promise<{ out: Uint8Array; cut: boolean }> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of child.stdout) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes <= bytesMax) continue;
    child.kill("SIGKILL");
    return { out: Buffer.concat(pieces).subarray(0, bytesMax), cut: true };
  }
  return { out: Buffer.concat(pieces), cut: false };
}

function start(directory: string, words: readonly string[], environment: GitEnvironment, input: string | Uint8Array) {
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

/** What `git check-attr -z` tells of one attribute: paths in the order they were asked for, and its value on each. */
export function attributesOf(told: string): { path: string; value: string }[] {
  const words = told.split("\0");
  const starts = Array.from({ length: Math.floor(words.length / 3) }, (_, i) => 3 * i);
  return starts.map((at) => ({
    path: present(words[at], "a path git was asked for"),
    value: present(words[at + 2], "the value of an attribute"),
  }));
}

/** What of a user's configuration git would run for commands as we use them, set aside. */
const runningNothing = [
  "-c",
  "core.hooksPath=/dev/null",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "log.showSignature=false",
];

/**
 * Runs a git command in a user's repository, with its configuration, but so that nothing of it is run: only commands that
 * neither read nor write files of the work tree, such as `rev-parse` and `update-ref`. What is missing in a partial clone
 * is not fetched, since whatever the remote names would run for that.
 */
export function ask(directory: string, words: readonly string[], options: GitOptions = {}): Promise<GitEnd> {
  const environment = { ...ownEnvironment(), GIT_ALLOW_PROTOCOL: "none", GIT_NO_LAZY_FETCH: "1" };
  return runGit(directory, [...runningNothing, ...words], { environment, ...options });
}

/** What such a command prints, without the line end after it. */
export async function askText(directory: string, words: readonly string[], options: GitOptions = {}): Promise<string> {
  const { out } = await ask(directory, words, options);
  return new TextDecoder().decode(out).replace(/\n$/, "");
}
