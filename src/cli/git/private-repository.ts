import { rm } from "node:fs/promises";
import { readFileText } from "../../native/read-file.ts";
import { limits } from "../../protocol/limits.ts";
import { join, resolve } from "node:path";
import {
  ask,
  askText,
  bareEnvironment,
  entriesOf,
  git,
  type GitEnd,
  type GitEnvironment,
  type GitOptions,
  runGit,
} from "./git.ts";
import { OwnDirectory, removeLeftovers } from "./directory-lock.ts";

/** Merging, and looking at all of a large work tree, may take its time. */
const slowMs = 120_000;

/** What of a repository's configuration has a say in how files are read and written. No value of it is a command. */
const carried =
  /^core\.(?:autocrlf|eol|filemode|ignorecase|precomposeunicode|symlinks|checkstat|trustctime|excludesfile|attributesfile)$/;

const driverKey = /^merge\.(?<name>.+)\.driver$/s;

/**
 * A git directory of our own, beside a repository whose objects it reads. What is written goes here, and what it does not
 * hold git cannot run: none of the repository's configuration, so no filter, merge driver, external diff, monitor or hook,
 * and no remote from which git would fetch what is missing. Gone when disposed, without a trace in the repository.
 */
export class PrivateRepository implements AsyncDisposable {
  /** A temporary directory; what else is temporary has its place here, too. */
  readonly directory: string;
  readonly #own: OwnDirectory;
  readonly #repository: string;
  readonly #settings: Settings;

  private constructor(own: OwnDirectory, repository: string, settings: Settings) {
    this.directory = own.path;
    this.#own = own;
    this.#repository = repository;
    this.#settings = settings;
  }

  /**
   * Makes one, and removes those of runs that were killed.
   * @param at a directory in one of the repository's work trees
   */
  static async open(at: string): Promise<PrivateRepository> {
    await removeLeftovers();
    const own = await OwnDirectory.make();
    try {
      const directory = own.path;
      const gitDirectory = join(directory, "git");
      const format = await askText(at, ["rev-parse", "--show-object-format"]);
      const privateRepository = new PrivateRepository(own, at, await settingsOf(at));
      await git(directory, ["init", "-q", "--bare", "--template=", `--object-format=${format}`, gitDirectory]);
      await readFrom(await pathIn(at, "objects"), gitDirectory);
      for (const name of ["shallow", "info/exclude"])
        await copyIfThere(await pathIn(at, name), join(gitDirectory, name));
      return privateRepository;
    } catch (cause) {
      await own[Symbol.asyncDispose]();
      throw cause;
    }
  }

  get gitDirectory(): string {
    return join(this.directory, "git");
  }

  /** Merge drivers that the repository has programs for. None is run: what they would merge, conflicts here. */
  get drivers(): ReadonlySet<string> {
    return this.#settings.drivers;
  }

  /**
   * Does work for which those attributes count as well that are in no commit: of the repository, and of the user. They have
   * a say in how files are read, and none in how they are merged.
   * @param work gets what it is to add to the environment of its commands
   */
  async withAttributes<Made>(work: (more: Record<string, string>) => Promise<Made>): Promise<Made> {
    const attributes = join(this.gitDirectory, "info", "attributes");
    await copyIfThere(await pathIn(this.#repository, "info/attributes"), attributes);
    try {
      return await work({ GIT_CONFIG_COUNT: String(this.#settings.pairs.length) });
    } finally {
      await rm(attributes, { force: true });
    }
  }

  /** Runs a git command here; `more` is added to its environment, such as GIT_WORK_TREE. */
  async run(words: readonly string[], options: GitOptions = {}, more: Record<string, string> = {}): Promise<GitEnd> {
    const environment = { ...environmentFor(this.gitDirectory, this.#settings), ...more };
    return runGit(more.GIT_WORK_TREE ?? this.directory, words, { timeLimitMs: slowMs, ...options, environment });
  }

  /** The same for what is text, without the line end after it. */
  async text(words: readonly string[], input: string | Uint8Array = "", more: Record<string, string> = {}) {
    const { out } = await this.run(words, { input }, more);
    return new TextDecoder().decode(out).replace(/\n$/, "");
  }

  /** The tree of a commit. */
  treeOf(commit: string): Promise<string> {
    return this.text(["rev-parse", "--verify", `${commit}^{tree}`]);
  }

  /** An index of our own, with the files of a tree, for the commands that get what this gives. */
  async indexOf(tree: string, name: string): Promise<{ GIT_INDEX_FILE: string }> {
    const here = { GIT_INDEX_FILE: join(this.gitDirectory, name) };
    await this.run(["read-tree", tree], {}, here);
    return here;
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

/** What of a repository's configuration counts. */
interface Settings {
  pairs: readonly (readonly [key: string, value: string])[];
  drivers: ReadonlySet<string>;
}

function environmentFor(gitDirectory: string, { pairs }: Settings): GitEnvironment {
  // The last is left out by `withAttributes`.
  const all = [...pairs, ["core.attributesFile", "/dev/null"] as const];
  return {
    ...bareEnvironment(),
    ...Object.fromEntries(all.map(([key], index) => [`GIT_CONFIG_KEY_${index}`, key])),
    ...Object.fromEntries(all.map(([, value], index) => [`GIT_CONFIG_VALUE_${index}`, value])),
    GIT_CONFIG_COUNT: String(all.length),
    GIT_DIR: gitDirectory,
  };
}

async function settingsOf(at: string): Promise<Settings> {
  const wanted = String.raw`^(core\.|merge\..*\.driver$)`;
  const { out } = await ask(at, ["config", "-z", "--get-regexp", wanted], { statuses: [0, 1] });
  const pairs = entriesOf(new TextDecoder().decode(out)).map((entry): [string, string] => {
    const end = entry.indexOf("\n");
    return end === -1 ? [entry, "true"] : [entry.slice(0, end), entry.slice(end + 1)];
  });
  const own: [string, string][] = [
    ["gc.auto", "0"],
    ["advice.addEmbeddedRepo", "false"],
    ["merge.directoryRenames", "false"],
  ];
  const programs = pairs.flatMap(([key]) => driverKey.exec(key)?.groups?.name ?? []);
  // It fails, which to git is a conflict.
  const failing = programs.map((name): [string, string] => [`merge.${name}.driver`, "false"]);
  return { pairs: [...pairs.filter(([key]) => carried.test(key)), ...own, ...failing], drivers: new Set(programs) };
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
    return readFileText(path, limits.inputBytesMax);
  } catch (cause) {
    if ((cause as { code?: string }).code === "ENOENT") return "";
    throw cause;
  }
}

async function copyIfThere(from: string, to: string): Promise<void> {
  const text = await textIfThere(from);
  if (text !== "") await Bun.write(to, text);
}
