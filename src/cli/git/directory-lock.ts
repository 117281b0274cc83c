import { closeSync, fstatSync, openSync, statSync } from "node:fs";
import { lockFile } from "../../native/libc.ts";

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
