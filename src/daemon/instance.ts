import { closeSync, ftruncateSync, openSync, readFileSync, statSync, unlinkSync, watch, writeSync } from "node:fs";
import type { Paths } from "../protocol/paths.ts";
import { socketAt } from "./home.ts";
import { tryLockFile } from "./libc.ts";
import { StartRefused } from "./start-refused.ts";

/** The right to be the one daemon of a home: a lock the system frees however the process ends. */
export interface Instance {
  release(): void;
}

/** @throws {StartRefused} (`held`) when another daemon has this home */
export function claimHome(paths: Paths): Instance {
  const fd = openSync(paths.lock, "a+", 0o600);
  if (!tryLockFile(fd)) {
    const pid = readFileSync(paths.lock, "utf8").trim();
    closeSync(fd);
    throw new StartRefused(
      `another agentd${pid === "" ? "" : ` (pid ${pid})`} has the home ${paths.home}; \`agentd status\` shows it, \`agentd stop\` ends it`,
      { held: true },
    );
  }
  ftruncateSync(fd, 0);
  writeSync(fd, `${process.pid}\n`);
  return { release: () => closeSync(fd) };
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

/** Calls `gone` once when a file is removed or replaced, and tells at any time whether it is still the same. */
export function watchIdentity(path: string, gone: () => void): () => boolean {
  const { ino } = statSync(path);
  const isSame = () => statSync(path, { throwIfNoEntry: false })?.ino === ino;
  const watcher = watch(path, () => {
    if (isSame()) return;
    watcher.close();
    gone();
  });
  watcher.unref();
  return isSame;
}
