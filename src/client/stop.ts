import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Paths } from "../protocol/paths.ts";
import type { Client } from "./client.ts";
import { TIMED_OUT, within } from "./deadline.ts";
import { connectAt } from "./find.ts";
import { ConnectionLost, DaemonUnreachable, RequestRefused } from "./refusals.ts";

/** How long the daemon may take to tell its pid, and then to end. */
const patience = { answerMs: 2_000, drainMs: 10_000 };
const pollMs = 5;

/** How a stop ended. `unknown`: something listens but does not say which process it is. */
export type Stopped =
  { outcome: "stopped" | "draining"; pid: number } | { outcome: "not running" } | { outcome: "unknown" };

/**
 * Asks the daemon to drain and waits until its process is gone, at most `drainMs`; it is never killed. Leaves the marker
 * that keeps automatic starts away.
 */
export async function stopDaemon(paths: Paths, limits: Partial<typeof patience> = {}): Promise<Stopped> {
  const { answerMs, drainMs } = { ...patience, ...limits };
  if (existsSync(paths.home)) {
    writeFileSync(paths.stopMarker, "stopped by `agentd stop`; `agentd start` removes this file\n", { mode: 0o600 });
  }
  const found = await findProcess(paths, answerMs);
  if (found.outcome !== "running") return found;
  const { pid } = found;
  try {
    process.kill(pid, "SIGTERM");
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ESRCH") throw cause;
  }
  const deadline = Date.now() + drainMs;
  while (isAlive(pid)) {
    if (Date.now() > deadline) return { outcome: "draining", pid };
    await Bun.sleep(pollMs);
  }
  return { outcome: "stopped", pid };
}

type Found = { outcome: "running"; pid: number } | { outcome: "not running" } | { outcome: "unknown" };

async function findProcess(paths: Paths, answerMs: number): Promise<Found> {
  try {
    using client = await connectAt(paths);
    // Something listens, so the lock's holder lives and the pid it wrote there is its own.
    const pid = (await askPid(client, answerMs)) ?? lockHolder(paths);
    return pid === undefined ? { outcome: "unknown" } : { outcome: "running", pid };
  } catch (cause) {
    if (cause instanceof DaemonUnreachable) return { outcome: "not running" };
    throw cause;
  }
}

/** The pid Health tells; undefined from a daemon that does not answer, or that is the original, which tells none. */
async function askPid(client: Client, answerMs: number): Promise<number | undefined> {
  try {
    const health = await within(client.call("Health", {}), answerMs);
    return health === TIMED_OUT ? undefined : health.pid;
  } catch (cause) {
    if (cause instanceof RequestRefused || cause instanceof ConnectionLost) return undefined;
    throw cause;
  }
}

/** The pid in the lock file, which outlives its daemon: only to be trusted while something listens. */
export function lockHolder(paths: Paths): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(paths.lock, "utf8"), 10);
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    return (cause as { code?: string }).code === "EPERM";
  }
  return !isZombie(pid);
}

/** A process that ended but whose parent has not asked for its status; only Linux says so. */
function isZombie(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
