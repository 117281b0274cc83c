import { dirname, join, resolve } from "node:path";
import type { Files } from "./files.ts";
import { Unresolvable } from "../protocol/key-words.ts";

/** A git work tree, as locks see it. */
export interface WorkTree {
  /** Its top, an absolute real path. */
  top: string;
  /** The scope of its locks: the common git directory, an absolute real path, the same in all its work trees. */
  scope: string;
}

const pointerBytesMax = 8_192;
const configBytesMax = 65_536;

/** Finds git work trees as git does, by what lies in their directories, without running git. */
export class Repositories {
  readonly #files: Files;
  readonly #tops = new Map<string, Promise<WorkTree | "bare" | null>>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** The innermost work tree around a directory, by its real path; null where there is none. */
  async around(directory: string): Promise<WorkTree | null> {
    for (let at = directory; ; at = dirname(at)) {
      const found = await this.at(at);
      if (found !== null) return found === "bare" ? null : found;
      if (at === dirname(at)) return null;
    }
  }

  /**
   * The work tree whose top this is; `bare` where git keeps a repository without one. Null where none begins here.
   * @throws {Unresolvable} where one should, and its git directory is gone.
   */
  async at(top: string): Promise<WorkTree | "bare" | null> {
    const known = this.#tops.get(top);
    if (known !== undefined) return known;
    const found = this.#lookAt(top);
    this.#tops.set(top, found);
    return found;
  }

  async #lookAt(top: string): Promise<WorkTree | "bare" | null> {
    const dotGit = join(top, ".git");
    const entry = await this.#files.followed(dotGit);
    if (entry === "directory") return this.#workTree(top, dotGit);
    const text = entry === "file" ? await this.#files.text(dotGit, pointerBytesMax) : null;
    const [, named] = /^gitdir: ([^\0]*?)\n*$/.exec(text ?? "") ?? [];
    if (named === undefined) return null;
    const gitDirectory = resolve(top, named);
    const found = await this.#workTree(top, gitDirectory);
    if (found !== null) return found;
    throw new Unresolvable(`${dotGit} leads to ${gitDirectory}, where no repository is; see: git worktree repair`);
  }

  async #workTree(top: string, gitDirectory: string): Promise<WorkTree | "bare" | null> {
    const files = this.#files;
    if ((await files.entry(join(gitDirectory, "HEAD"))) === null) return null;
    const pointer = await files.text(join(gitDirectory, "commondir"), pointerBytesMax);
    const common = pointer === null ? gitDirectory : resolve(gitDirectory, pointer.replace(/\n+$/, ""));
    for (const part of ["objects", "refs"]) {
      if ((await files.followed(join(common, part))) !== "directory") return null;
    }
    if (pointer === null && isBare((await files.text(join(common, "config"), configBytesMax)) ?? "")) return "bare";
    return { top, scope: await files.spelled(common) };
  }
}

/** Whether the settings say that a repository has no work tree of its own. */
function isBare(config: string): boolean {
  let section = "";
  let bare = false;
  for (const line of config.split("\n")) {
    const [header = "", named] = /^\s*\[([^\]]*)\]/.exec(line) ?? [];
    section = named?.trim().toLowerCase() ?? section;
    const [setting, value = "true"] =
      /^\s*bare\s*(?:=\s*"?(\w*)"?\s*)?(?:[#;].*)?$/i.exec(line.slice(header.length)) ?? [];
    if (section === "core" && setting !== undefined) bare = /^(?:true|yes|on|1)$/i.test(value);
  }
  return bare;
}
