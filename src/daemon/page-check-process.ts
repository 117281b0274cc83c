import { constants, setPriority } from "node:os";
import type { CheckPages, PageCheck } from "../service/verification/page-verdict.ts";

/** How a process is started that checks a file and prints what it finds. */
export type CheckCommand = (path: string) => { cmd: string[]; argv0?: string };

/**
 * Has files checked by a process of their own: SQLite checks 80 MB a second and cannot be interrupted, so that in the
 * daemon everybody would wait. A thread would not do, as closing the file in this process drops the locks on it.
 */
export function pageChecks(command: CheckCommand, ended: () => void): CheckPages {
  return (path) => {
    let outcome: PageCheck["outcome"] = null;
    const checker = new AbortController();
    const end = (its: PageCheck["outcome"]) => {
      outcome = its;
      ended();
    };
    run(command(path), checker.signal).then(
      (faults) => end({ faults }),
      (error: unknown) => end({ failed: error instanceof Error ? error.message : String(error) }),
    );
    return {
      get outcome() {
        return outcome;
      },
      cancel: () => checker.abort(),
    };
  };
}

async function run({ cmd, argv0 }: ReturnType<CheckCommand>, signal: AbortSignal): Promise<string[]> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("BUN_"));
  const child = Bun.spawn(cmd, {
    ...(argv0 === undefined ? {} : { argv0 }),
    cwd: "/",
    env: Object.fromEntries(kept),
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  politely(child.pid);
  const [text, complaint, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (status !== 0) {
    const why = complaint.trim().slice(-500);
    throw new Error(`the process that looks at the pages ended with ${child.signalCode ?? status}: ${why}`);
  }
  return JSON.parse(text) as string[];
}

/** Who asks the daemon goes before. */
function politely(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended already, or the system does not let it: it works all the same.
  }
}
