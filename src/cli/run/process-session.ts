import { readdirSync, readFileSync } from "node:fs";

const pollMs = 20;
/** How long the kernel may take to end what was killed; only a process stuck in it takes longer. */
const killMs = 5_000;

/**
 * Ends every process of the session `id`: SIGTERM, then SIGKILL to what still lives after `graceMs`.
 *
 * A command started in a session of its own takes its children along, also orphaned ones. On Linux all of the session
 * is found, elsewhere the process group of its leader. Whatever opened a session of its own, as a daemon does on
 * purpose (agentd's is started by any command), is left alone.
 */
export async function endSession(id: number, graceMs: number): Promise<void> {
  const steps = [
    ["SIGTERM", graceMs],
    ["SIGKILL", killMs],
  ] as const;
  for (const [signal, patienceMs] of steps) {
    if (!sessionLives(id)) return;
    signalSession(id, signal);
    const deadline = performance.now() + patienceMs;
    while (sessionLives(id) && performance.now() < deadline) await Bun.sleep(pollMs);
  }
}

export function signalSession(id: number, signal: NodeJS.Signals): void {
  signalOne(-id, signal);
  // A shell with job control gives each of its jobs a group.
  for (const { pid, group } of livingMembers(id) ?? []) if (group !== id) signalOne(pid, signal);
}

function sessionLives(id: number): boolean {
  // Zombies still count as a group, and with no init to reap them they stay; /proc tells them apart.
  return (livingMembers(id)?.length ?? Number(signalOne(-id, 0))) > 0;
}

interface Member {
  pid: number;
  group: number;
}

/** The session's processes that are no zombies; undefined where there is no Linux /proc to tell. */
function livingMembers(session: number): Member[] | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return pids.flatMap((pid) => memberOf(session, Number(pid)));
  } catch {
    return undefined;
  }
}

function memberOf(session: number, pid: number): Member[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name before the last parenthesis may hold anything.
    const [state = "", , group, ofSession] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return Number(ofSession) === session && !"ZX".includes(state) ? [{ pid, group: Number(group) }] : [];
  } catch {
    return [];
  }
}

/** False when there is nothing to signal. */
function signalOne(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (cause) {
    // A set-uid program is there, and not ours to signal.
    return (cause as { code?: string }).code === "EPERM";
  }
}
