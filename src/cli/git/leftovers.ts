import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { DirectoryLock } from "./directory-lock.ts";

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
