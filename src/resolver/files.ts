import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, readlink, realpath, stat } from "node:fs/promises";
import { limits } from "../protocol/limits.ts";
import { Unresolvable } from "../protocol/key-words.ts";

/** What lies at a path: `other` is a device, a socket and the like; null is nothing. */
export type Entry = "file" | "directory" | "link" | "other" | null;

/** The kernel follows as many on Linux. */
const linksMax = 40;
/** After this many steps others have their turn. */
const stepsAtOnce = 250;

/** What a resolver asks of the file system. */
export interface FileSystem {
  lstat(path: string): Promise<Stats>;
  stat(path: string): Promise<Stats>;
  readlink(path: string): Promise<string>;
  realpath(path: string): Promise<string>;
  open(path: string, flags: number): Promise<FileHandle>;
}

const realFileSystem: FileSystem = { lstat, stat, readlink, realpath, open };

/**
 * The file system as one request sees it: each path is looked at once, and only so many in all. Nothing is opened but
 * what git keeps to say where a repository is, and of that only regular files.
 */
export class Files {
  readonly #system: FileSystem;
  readonly #giveUp: AbortSignal | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #targets = new Map<string, string>();
  #steps = 0;

  constructor(giveUp?: AbortSignal, system: FileSystem = realFileSystem) {
    this.#giveUp = giveUp;
    this.#system = system;
  }

  /** What lies at an absolute path, a link itself. */
  async entry(path: string): Promise<Entry> {
    const known = this.#entries.get(path);
    if (known !== undefined) return known;
    const found = await this.#entryOf(path, () => this.#system.lstat(path));
    this.#entries.set(path, found);
    return found;
  }

  /** What lies there once links are followed. */
  async followed(path: string): Promise<Entry> {
    const entry = await this.entry(path);
    return entry === "link" ? this.#entryOf(path, () => this.#system.stat(path)) : entry;
  }

  /**
   * Where an absolute path leads as the kernel would follow it, the last name included; what does not exist is taken
   * as written.
   * @throws {Unresolvable} when links run in a circle, and when it takes too long a way.
   */
  async real(path: string): Promise<string> {
    const ahead = path.split("/").toReversed();
    let at = "";
    let links = 0;
    let exists = true;
    for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
      if (name === "" || name === ".") continue;
      await this.#step(path);
      if (name === "..") {
        at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
        exists = true;
        continue;
      }
      const next = `${at}/${name}`;
      const entry: Entry = exists ? await this.entry(next) : null;
      exists = entry !== null;
      if (entry !== "link") {
        at = next;
        continue;
      }
      if (++links > linksMax) throw new Unresolvable(`${next} is one of more than ${linksMax} links in a row`);
      const target = await this.#target(next);
      ahead.push(...target.split("/").toReversed());
      if (target.startsWith("/")) at = "";
    }
    return at === "" ? "/" : at;
  }

  /** A path's one spelling, where the file system takes several. */
  async spelled(path: string): Promise<string> {
    return this.#ask(path, () => this.#system.realpath(path));
  }

  /** The beginning of a regular file; null where there is none. */
  async text(path: string, bytesMax: number): Promise<string | null> {
    if ((await this.followed(path)) !== "file") return null;
    return this.#ask(path, async () => {
      // It may have become a FIFO since.
      const file = await this.#system.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        if (!(await file.stat()).isFile()) return null;
        const { buffer, bytesRead } = await file.read(Buffer.alloc(bytesMax), 0, bytesMax, 0);
        return buffer.toString("utf8", 0, bytesRead);
      } finally {
        await file.close();
      }
    });
  }

  async #entryOf(path: string, look: () => Promise<Stats>): Promise<Entry> {
    return this.#ask(path, async () => {
      try {
        const found = await look();
        if (found.isSymbolicLink()) return "link";
        if (found.isDirectory()) return "directory";
        return found.isFile() ? "file" : "other";
      } catch (cause) {
        if (isAbsence(cause)) return null;
        throw cause;
      }
    });
  }

  /** What the system refuses, in words. */
  async #ask<T>(path: string, question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (cause) {
      const { code } = cause as { code?: string };
      if (code === undefined) throw cause;
      throw new Unresolvable(`${path} cannot be looked at (${code})`);
    }
  }

  async #target(link: string): Promise<string> {
    const known = this.#targets.get(link);
    if (known !== undefined) return known;
    const target = await this.#ask(link, () => this.#system.readlink(link));
    this.#targets.set(link, target);
    return target;
  }

  async #step(path: string): Promise<void> {
    this.#giveUp?.throwIfAborted();
    this.#steps++;
    if (this.#steps > limits.resolutionStepsMax) {
      const shown = path.length > 80 ? `${path.slice(0, 80)}…` : path;
      throw new Unresolvable(`with ${shown} the paths of one request go over ${limits.resolutionStepsMax} directories`);
    }
    if (this.#steps % stepsAtOnce === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

function isAbsence(cause: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes((cause as { code?: string }).code ?? "");
}
