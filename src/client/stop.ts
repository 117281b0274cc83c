import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { readFileText } from "../native/read-file.ts";
import { fdOf, peerPid } from "../native/libc.ts";
import type { Paths } from "../protocol/home.ts";
import { TIMED_OUT, within } from "./deadline.ts";
import { checkOwnHome, connectAt } from "./find.ts";
import { ConnectionLost, DaemonUnreachable, RequestRefused } from "./refusals.ts";

/** How long the daemon may take to tell what it is, and then to end. */
const patience = { answerMs: 2_000, drainMs: 10_000 };
const pollMs = 5;

/**
 * How a stop ended. `replaced`: the process has ended, and another one answers. `unknown`: what listens is not known to
 * be agentd's daemon. `pid` is null for a process in another PID namespace, which has no number here.
 */
export type Stopped =
  | { outcome: "stopped" | "draining"; pid: number | null }
  | { outcome: "replaced"; pid: number }
  | { outcome: "not running" }
  | { outcome: "unknown" };

/**
 * Asks the daemon to drain and waits until its process is gone and nothing answers, at most `drainMs`; it is never killed.
 * Leaves the marker that keeps automatic starts away, and that a running daemon takes for the request to end.
 *
 * Whom to signal is asked of the socket: a number that somebody tells, or that stands in a file, may be another process's
 * here.
 */
export async function stopDaemon(paths: Paths, limits: Partial<typeof patience> = {}): Promise<Stopped> {
  const { answerMs, drainMs } = { ...patience, ...limits };
  if (checkOwnHome(paths)) {
    leaveMarker(paths.stopMarker);
  }
  const found = await findProcess(paths, answerMs);
  if (found.outcome !== "running") return found;
  const { pid } = found;
  if (pid !== null) signal(pid);
  const deadline = Date.now() + drainMs;
  for (;;) {
    const hasEnded = pid !== null && !isAlive(pid);
    const answered = (pid === null || hasEnded) && (await answers(paths));
    if (hasEnded && answered) return { outcome: "replaced", pid };
    if (!answered && (pid === null || hasEnded)) return { outcome: "stopped", pid };
    if (Date.now() > deadline) return { outcome: "draining", pid };
    await Bun.sleep(pollMs);
  }
}

/** What stands there instead of a file, a pipe perhaps, is not waited for. */
function leaveMarker(path: string): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOFOLLOW, 0o600);
  try {
    writeSync(fd, "stopped by `agentd stop`; `agentd start` removes this file\n");
  } finally {
    closeSync(fd);
  }
}

function signal(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ESRCH") throw cause;
  }
}

type FoundDaemon = { outcome: "running"; pid: number | null } | { outcome: "not running" } | { outcome: "unknown" };

async function findProcess(paths: Paths, answerMs: number): Promise<FoundDaemon> {
  try {
    // Untrusted sockets are told apart here, before the second connection.
    const kind = await kindOf(paths, answerMs);
    const pid = await listenerAt(paths.socket);
    // Who does not answer is known by the lock, which only a daemon writes its number to.
    const isOurs = kind === "agentd" || (kind === "silent" && pid !== null && pid === lockHolder(paths));
    return isOurs ? { outcome: "running", pid } : { outcome: "unknown" };
  } catch (cause) {
    if (cause instanceof DaemonUnreachable) return { outcome: "not running" };
    throw cause;
  }
}

/** What listens. The original tells no version, and is not stopped: nothing says that it is the original. */
async function kindOf(paths: Paths, answerMs: number): Promise<"agentd" | "stranger" | "silent"> {
  using client = await connectAt(paths);
  try {
    const health = await within(client.call("Health", {}), answerMs);
    if (health === TIMED_OUT) return "silent";
    return (health as Partial<typeof health>).version === undefined ? "stranger" : "agentd";
  } catch (cause) {
    if (cause instanceof RequestRefused || cause instanceof ConnectionLost) return "silent";
    throw cause;
  }
}

async function listenerAt(path: string): Promise<number | null> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data: () => undefined } });
    try {
      return peerPid(fdOf(socket));
    } finally {
      socket.terminate();
    }
  } catch (cause) {
    throw new DaemonUnreachable(path, cause);
  }
}

async function answers(paths: Paths): Promise<boolean> {
  try {
    (await connectAt(paths)).close();
    return true;
  } catch (cause) {
    if (cause instanceof DaemonUnreachable) return false;
    throw cause;
  }
}

/** The pid in the lock file, which outlives its daemon: only to be trusted while something listens. */
export function lockHolder(paths: Paths): number | undefined {
  try {
    const pid = Number.parseInt(readFileText(paths.lock, 64), 10);
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
