import { closeSync, fstatSync, openSync, statSync } from "node:fs";
import { lockFile } from "../../native/libc.ts";
import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

/**
 * An exclusive lock on a directory, until it is disposed or the process ends, however it does. Process ids would not tell
 * who is alive: in a container they are others.
 */
export class DirectoryLock implements Disposable {
  readonly #fd: number;
  /** False where the file system has no such locks, as some network file systems have none of directories. */
  readonly isLocked: boolean;

  private constructor(fd: number, isLocked: boolean) {
    this.#fd = fd;
    this.isLocked = isLocked;
  }

  /** Null where another process has it, and where the directory is gone. */
  static take(path: string): DirectoryLock | null {
    const fd = openOrNull(path);
    if (fd === null) return null;
    const outcome = lockFile(fd);
    if (outcome !== "held" && isStill(path, fd)) return new DirectoryLock(fd, outcome === "taken");
    closeSync(fd);
    return null;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function openOrNull(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch (cause) {
    if ((cause as { code?: string }).code === "ENOENT") return null;
    throw cause;
  }
}

/** Whoever had the lock before may have removed the directory with it. */
function isStill(path: string, fd: number): boolean {
  const [there, open] = [statSync(path, { throwIfNoEntry: false }), fstatSync(fd)];
  return there?.ino === open.ino && there.dev === open.dev;
}

/** Machines that share a temporary directory may not see each other's locks. */
const prefix = `agentd-bundle-${Bun.hash(hostname()).toString(36)}-`;

/** A temporary directory that is found again when this process does not come to remove it. Removed when disposed. */
export class OwnDirectory implements AsyncDisposable {
  readonly path: string;
  /** Tells other runs that this one is at work. */
  readonly #lock: DirectoryLock;

  private constructor(path: string, lock: DirectoryLock) {
    this.path = path;
    this.#lock = lock;
  }

  static async make(): Promise<OwnDirectory> {
    for (;;) {
      const path = await mkdtemp(join(tmpdir(), prefix));
      const lock = DirectoryLock.take(path);
      // Before it was locked another run may have taken it for a leftover; then that removes it.
      if (lock !== null) return new OwnDirectory(path, lock);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
    this.#lock[Symbol.dispose]();
  }
}

/** Removes the directories of runs that are no more. */
export async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const path = join(tmpdir(), name);
    if (!name.startsWith(prefix) || !(await isOurs(path))) continue;
    using lock = DirectoryLock.take(path);
    if (lock?.isLocked === true) await rm(path, { recursive: true, force: true });
  }
}

async function isOurs(path: string): Promise<boolean> {
  try {
    const found = await lstat(path);
    return found.isDirectory() && found.uid === process.getuid?.();
  } catch {
    // Another run was faster.
    return false;
  }
}
