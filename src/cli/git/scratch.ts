import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ask, askText } from "./ask.ts";
import { bareEnvironment, entriesOf, git, type GitEnd, type GitEnvironment, type GitOptions, runGit } from "./git.ts";
import { OwnDirectory, removeLeftovers } from "./leftovers.ts";

/** Merging, and looking at all of a large work tree, may take its time. */
const slowMs = 120_000;

/** What of a repository's configuration has a say in how files are read and written. No value of it is a command. */
const carried =
  /^core\.(?:autocrlf|eol|filemode|ignorecase|precomposeunicode|symlinks|checkstat|trustctime|excludesfile|attributesfile)$/;

/**
 * A git directory of our own, beside a repository whose objects it reads. What is written goes here, and what it does not
 * hold git cannot run: none of the repository's configuration, so no filter, merge driver, external diff, monitor or hook,
 * and no remote from which git would fetch what is missing. Gone when disposed, without a trace in the repository.
 */
export class Scratch implements AsyncDisposable {
  /** A temporary directory; what else is temporary has its place here, too. */
  readonly directory: string;
  readonly #own: OwnDirectory;
  readonly #repository: string;
  readonly #environment: GitEnvironment;

  private constructor(own: OwnDirectory, repository: string, environment: GitEnvironment) {
    this.directory = own.path;
    this.#own = own;
    this.#repository = repository;
    this.#environment = environment;
  }

  /**
   * Makes one, and removes those of runs that were killed.
   * @param at a directory in one of the repository's work trees
   * @param attributes whether the repository's attributes count that are in none of its commits; they name filters only
   */
  static async open(at: string, { attributes }: { attributes: boolean }): Promise<Scratch> {
    await removeLeftovers();
    const own = await OwnDirectory.make();
    try {
      const directory = own.path;
      const gitDirectory = join(directory, "git");
      const format = await askText(at, ["rev-parse", "--show-object-format"]);
      const settings = await carriedSettings(at, attributes);
      const scratch = new Scratch(own, at, environmentFor(gitDirectory, settings));
      await git(directory, ["init", "-q", "--bare", "--template=", `--object-format=${format}`, gitDirectory]);
      await readFrom(await pathIn(at, "objects"), gitDirectory);
      const files = attributes ? ["shallow", "info/exclude", "info/attributes"] : ["shallow"];
      for (const name of files) await copyIfThere(await pathIn(at, name), join(gitDirectory, name));
      return scratch;
    } catch (cause) {
      await own[Symbol.asyncDispose]();
      throw cause;
    }
  }

  get gitDirectory(): string {
    return join(this.directory, "git");
  }

  /** Runs a git command here; `more` is added to its environment, such as GIT_WORK_TREE. */
  async run(words: readonly string[], options: GitOptions = {}, more: Record<string, string> = {}): Promise<GitEnd> {
    const environment = { ...this.#environment, ...more };
    return runGit(more.GIT_WORK_TREE ?? this.directory, words, { timeLimitMs: slowMs, ...options, environment });
  }

  /** The same for what is text, without the line end after it. */
  async text(words: readonly string[], input: string | Uint8Array = "", more: Record<string, string> = {}) {
    const { out } = await this.run(words, { input }, more);
    return new TextDecoder().decode(out).replace(/\n$/, "");
  }

  /** The entries of a list that is separated with NUL. */
  async entries(words: readonly string[], more: Record<string, string> = {}): Promise<string[]> {
    return entriesOf(await this.text(words, "", more));
  }

  /** Makes a commit of a tree; with fixed dates it is the same one each time. */
  async commitTree(tree: string, parents: readonly string[], message: string, more: Record<string, string> = {}) {
    const words = ["commit-tree", "--no-gpg-sign", tree, ...parents.flatMap((parent) => ["-p", parent])];
    return this.text(words, message, { ...nobody, ...more });
  }

  /** Puts a commit into the repository, with what it has and `known` has not. No ref leads to it yet. */
  async publish(commit: string, known: string): Promise<void> {
    const words = ["pack-objects", "--revs", "--stdout", "-q", "--thin", "--delta-base-offset"];
    const { out } = await this.run(words, { input: `${commit}\n^${known}\n` });
    await ask(this.#repository, ["unpack-objects", "-q"], { input: out, timeLimitMs: slowMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#own[Symbol.asyncDispose]();
  }
}

/** Sets a ref of the repository to a commit; with `was` only if it is that, and zeros stand for no ref. */
export async function setRef(at: string, ref: string, commit: string, was: string): Promise<void> {
  await ask(at, ["update-ref", "-m", "agentd bundle", "--", ref, commit, was]);
}

export async function deleteRef(at: string, ref: string, was: string): Promise<void> {
  await ask(at, ["update-ref", "-d", "--", ref, was]);
}

/** Who makes commits that nobody is to see. */
const nobody = {
  GIT_AUTHOR_NAME: "agentd",
  GIT_AUTHOR_EMAIL: "agentd@localhost",
  GIT_AUTHOR_DATE: "@0 +0000",
  GIT_COMMITTER_NAME: "agentd",
  GIT_COMMITTER_EMAIL: "agentd@localhost",
  GIT_COMMITTER_DATE: "@0 +0000",
};

/** The absolute path git has for a file of its directory, as seen from `at`. */
export async function pathIn(at: string, name: string): Promise<string> {
  return resolve(at, await askText(at, ["rev-parse", "--git-path", name]));
}

function environmentFor(gitDirectory: string, settings: readonly (readonly [string, string])[]): GitEnvironment {
  return {
    ...bareEnvironment(),
    ...Object.fromEntries(settings.map(([key], index) => [`GIT_CONFIG_KEY_${index}`, key])),
    ...Object.fromEntries(settings.map(([, value], index) => [`GIT_CONFIG_VALUE_${index}`, value])),
    GIT_CONFIG_COUNT: String(settings.length),
    GIT_DIR: gitDirectory,
  };
}

async function carriedSettings(at: string, attributes: boolean): Promise<[string, string][]> {
  const { out } = await ask(at, ["config", "-z", "--get-regexp", "^core\\."], { statuses: [0, 1] });
  const pairs = entriesOf(new TextDecoder().decode(out)).map((entry): [string, string] => {
    const end = entry.indexOf("\n");
    return end === -1 ? [entry, "true"] : [entry.slice(0, end), entry.slice(end + 1)];
  });
  const own: [string, string][] = [
    ["gc.auto", "0"],
    ["advice.addEmbeddedRepo", "false"],
    ["merge.directoryRenames", "false"],
    ...(attributes ? [] : [["core.attributesFile", "/dev/null"] satisfies [string, string]]),
  ];
  return [...pairs.filter(([key]) => carried.test(key)), ...own];
}

/** Names the repository's object directories; git takes relative ones of an alternate's own alternates for none. */
async function readFrom(objects: string, gitDirectory: string): Promise<void> {
  const listed = await textIfThere(join(objects, "info", "alternates"));
  const more = listed.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const all = [objects, ...more.map((line) => resolve(objects, line))];
  await Bun.write(join(gitDirectory, "objects", "info", "alternates"), all.map((line) => `${line}\n`).join(""));
}

async function textIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as { code?: string }).code === "ENOENT") return "";
    throw cause;
  }
}

async function copyIfThere(from: string, to: string): Promise<void> {
  const text = await textIfThere(from);
  if (text !== "") await Bun.write(to, text);
}
