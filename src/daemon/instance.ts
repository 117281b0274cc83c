import { closeSync, existsSync, ftruncateSync, lstatSync, openSync, unlinkSync, writeSync } from "node:fs";
import type { Paths } from "../protocol/home.ts";
import { socketAt } from "./home.ts";
import { readFileText } from "../native/read-file.ts";
import { tryLockFile } from "../native/libc.ts";
import { attempt, StartRefused } from "./start-refused.ts";

/** The right to be the one daemon of a home: a lock the system frees however the process ends. */
export interface Instance {
  release(): void;
}

/** @throws {StartRefused} (`held`) when another daemon has this home */
export async function claimHome(paths: Paths): Promise<Instance> {
  const advice = "make it writable for you, or set AGENTD_HOME to a directory that is";
  const fd = attempt(`the lock ${paths.lock} cannot be opened`, advice, () => openSync(paths.lock, "a+", 0o600));
  if (!tryLockFile(fd)) {
    closeSync(fd);
    const pid = await pidOfHolder(paths.lock);
    throw new StartRefused(
      `another agentd${pid === null ? "" : ` (pid ${pid})`} has the home ${paths.home}; \`agentd status\` shows it, \`agentd stop\` ends it`,
      { held: true },
    );
  }
  attempt(`the lock ${paths.lock} cannot be written`, "free some space, or set AGENTD_HOME to another place", () => {
    ftruncateSync(fd, 0);
    writeSync(fd, `${process.pid}\n`);
  });
  return { release: () => closeSync(fd) };
}

/** How long a holder is given to write its pid behind the lock it took, and how often that is looked for. */
const pidMs = { max: 500, every: 5 };

/** The lock comes first, then the pid: in between the file is empty, or still names whoever was killed before. */
async function pidOfHolder(lock: string): Promise<number | null> {
  const deadline = performance.now() + pidMs.max;
  for (;;) {
    const pid = Number(readFileText(lock, 64));
    if (pid > 0 && isAlive(pid)) return pid;
    if (performance.now() >= deadline) return null;
    await Bun.sleep(pidMs.every);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Frees the socket's path of what a killed daemon left. Only the holder of the home's lock may call it.
 * @throws {StartRefused} when somebody answers there, or it is not ours to remove
 */
export async function removeStaleSocket(path: string): Promise<void> {
  if (socketAt(path) === "none") return;
  if (await answers(path)) {
    throw new StartRefused(
      `another daemon answers on ${path}; stop it first, or set AGENTD_SOCKET_PATH to another path`,
      { held: true },
    );
  }
  unlinkSync(path);
}

async function answers(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data: () => undefined } });
    socket.terminate();
    return true;
  } catch {
    return false;
  }
}

/** How often a daemon looks whether its files are still its own. */
const lookEveryMs = 1_000;

/** A file that is known by its identity, and not by its path alone. */
export interface KnownFile {
  path: string;
  /** Whether the path still leads to it; true as well where the system does not tell. */
  isSame(): boolean;
}

export function knownFile(path: string): KnownFile {
  const known = identity(path);
  return {
    path,
    isSame() {
      const now = identity(path);
      return now === known || now === null;
    },
  };
}

/**
 * Looks from time to time whether one of the files was `lost`: removed, replaced, or moved together with any directory
 * above it; or whether the marker was left with which `agentd stop` `asked` for the end. Calls one of the two, once.
 *
 * Nothing else notices all of these: a watch of the system's is told nothing of a directory further up, and cannot be had
 * at all when other programs hold all there are.
 */
export function watchFiles(
  files: readonly KnownFile[],
  stopMarker: string,
  { lost, asked }: { lost: (path: string) => void; asked: () => void },
): void {
  const timer = setInterval(() => {
    const gone = files.find((file) => !file.isSame());
    if (gone === undefined && !existsSync(stopMarker)) return;
    clearInterval(timer);
    if (gone === undefined) asked();
    else lost(gone.path);
  }, lookEveryMs);
  timer.unref();
}

/** Undefined when nothing is there; null when the system does not let this user look. */
function identity(path: string): string | null | undefined {
  try {
    const { dev, ino } = lstatSync(path);
    return `${dev}:${ino}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENOTDIR" ? undefined : null;
  }
}
