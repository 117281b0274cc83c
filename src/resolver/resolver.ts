import { basename, dirname, join, relative } from "node:path";
import {
  globUnder,
  type KeyWord,
  type PathKind,
  readKeyWord,
  type ResolvedKey,
  Unresolvable,
} from "../protocol/key-words.ts";
import { Files, type FileSystem } from "./files.ts";
import { Repositories, type WorkTree } from "./repositories.ts";

const wildcard = /[*?[\]{}\\]/;

/**
 * Says what words for locks stand for, the same for every command and on the wire: paths from a directory, links followed,
 * inside git by the repository's scope and the path from the work tree's top, outside of it by absolute path.
 */
export class Resolver {
  readonly #files: Files;
  readonly #repositories: Repositories;
  readonly #directories = new Map<string, Promise<string>>();

  /** @param giveUp aborted when nobody waits for the answer any more. */
  constructor(giveUp?: AbortSignal, system?: FileSystem) {
    this.#files = new Files(giveUp, system);
    this.#repositories = new Repositories(this.#files);
  }

  /**
   * The key a word stands for, read from the directory `cwd`.
   * @throws {Unresolvable} when it stands for nothing.
   */
  async key(written: string, cwd: string): Promise<ResolvedKey> {
    const word = readKeyWord(written);
    if ("fault" in word) throw refused(written, word.fault);
    try {
      return await this.#keyOf(word, written, await this.#directory(cwd));
    } catch (cause) {
      throw cause instanceof Unresolvable ? refused(written, cause.message) : cause;
    }
  }

  /**
   * The files a change of `path` changes: the one it leads to, and where it is a link that itself, as some programs write
   * through links and others replace them.
   */
  async edited(path: string, cwd: string): Promise<ResolvedKey[]> {
    const from = await this.#directory(cwd);
    const absolute = from(path);
    const itself = join(await this.#files.real(dirname(absolute)), basename(absolute));
    const files = new Set([itself, await this.#files.real(absolute)]);
    return Promise.all(Array.from(files, (file) => this.#placed("file", file, dirname(file), "")));
  }

  /** The work tree around a directory; null outside of one. */
  async workTree(cwd: string): Promise<WorkTree | null> {
    return this.#repositories.around(await this.#files.real(cwd));
  }

  /** Reads paths from a directory that must be there: a misspelt one would place keys where nobody looks. */
  async #directory(cwd: string): Promise<(path: string) => string> {
    const found = this.#directories.get(cwd) ?? this.#findDirectory(cwd);
    this.#directories.set(cwd, found);
    const real = await found;
    return (path) => (path.startsWith("/") ? path : `${real}/${path}`);
  }

  async #findDirectory(cwd: string): Promise<string> {
    if (!cwd.startsWith("/")) throw new Unresolvable(`the directory it is read from, ${cwd}, is not absolute`);
    const real = await this.#files.real(cwd);
    if (real === "/" || (await this.#files.entry(real)) === "directory") return real;
    throw new Unresolvable(`the directory it is read from, ${cwd}, is not there`);
  }

  async #standing(from: (path: string) => string) {
    const tree = await this.#repositories.around(await this.#files.real(from("")));
    return { scope: tree?.scope ?? null, top: tree?.top ?? null };
  }

  async #keyOf(word: KeyWord, written: string, from: (path: string) => string): Promise<ResolvedKey> {
    if (word.kind === "name") return { ...(await this.#standing(from)), resource_key: written, guardsNothing: null };
    if (word.kind === "glob") return this.#glob(word.path, from);
    if (word.kind === "dir") return this.#deep("dir", await this.#files.real(from(word.path)), "");
    return word.kind === "file" ? this.#file(word.path, from) : this.#path(word.path, from);
  }

  async #path(path: string, from: (path: string) => string): Promise<ResolvedKey> {
    const real = await this.#files.real(from(path));
    const entry = await this.#files.entry(real);
    if (entry === "directory" || namesDirectory(path)) return this.#deep("dir", real, "");
    if (entry === null && /[*?]/.test(path))
      throw new Unresolvable(`no such file is there; write glob:${path} for a pattern, file:${path} for a file`);
    return this.#placed("file", real, dirname(real), "");
  }

  async #file(path: string, from: (path: string) => string): Promise<ResolvedKey> {
    const real = await this.#files.real(from(path));
    const key = await this.#placed("file", real, dirname(real), "");
    const isDirectory = (await this.#files.entry(real)) === "directory" || real === "/";
    // To its repository a submodule is one path, and may be locked as one.
    const isSubmodule = isDirectory && key.scope !== null && (await this.#repositories.at(real)) !== null;
    if (isSubmodule || !(isDirectory || namesDirectory(path))) return key;
    return { ...key, guardsNothing: `it is a directory; write dir:${path} for all that is in it` };
  }

  /** Of a glob the names before the first wildcard are a directory; what follows is the pattern there. */
  async #glob(pattern: string, from: (path: string) => string): Promise<ResolvedKey> {
    const names = pattern.split("/");
    const wild = names.findIndex((name) => wildcard.test(name));
    const split = wild === -1 ? names.length - 1 : wild;
    const literal = names.slice(0, split).join("/");
    const directory = pattern.startsWith("/") ? `/${literal}` : literal;
    return this.#deep("glob", await this.#files.real(from(directory)), names.slice(split).join("/"));
  }

  /** What lies under a directory is of the repository inside it, if one begins there. */
  async #deep(kind: "dir" | "glob", directory: string, pattern: string): Promise<ResolvedKey> {
    return this.#placed(kind, directory, directory, pattern);
  }

  async #placed(kind: PathKind, real: string, around: string, pattern: string): Promise<ResolvedKey> {
    const tree = await this.#repositories.around(around);
    const inside = tree === null ? real : relative(tree.top, real);
    const resource_key =
      kind === "glob" ? `glob:${globUnder(inside, pattern)}` : `${kind}:${inside === "" ? "." : inside}`;
    return { resource_key, scope: tree?.scope ?? null, top: tree?.top ?? null, guardsNothing: null };
  }
}

function namesDirectory(path: string): boolean {
  return /(?:^|\/)(?:\.{0,2})$/.test(path);
}

function refused(written: string, why: string): Unresolvable {
  const shown = written.length > 200 ? `${written.slice(0, 200)}…` : written;
  return new Unresolvable(`${JSON.stringify(shown)} cannot be locked: ${why}`);
}
