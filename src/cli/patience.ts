import { ConnectionLost, DaemonUnreachable, RequestRefused } from "../client/refusals.ts";
import { Failure } from "./exits.ts";

/** How long a question puts up with a daemon that went away while it was asked: a restart takes a fraction of it. */
const awayMsMax = 5_000;
const retryMs = 50;

/**
 * Calls a method by `ask`. Where the daemon goes away meanwhile, one that changes nothing is asked again, until there is an
 * answer or the daemon has been away for too long; `again` tells that the last connection is of no more use.
 */
export async function askPatiently<Answer>(method: string, ask: (again: boolean) => Promise<Answer>): Promise<Answer> {
  try {
    return await ask(false);
  } catch (cause) {
    if (!isLeaving(cause) || !(await isRead(method))) throw cause;
  }
  const deadline = performance.now() + awayMsMax;
  for (;;) {
    await Bun.sleep(retryMs);
    try {
      return await ask(true);
    } catch (cause) {
      if (!isAway(cause) || performance.now() > deadline) throw cause;
    }
  }
}

/** The table of methods costs a client command a fifth of its start, and is loaded here only. */
async function isRead(method: string): Promise<boolean> {
  return (await import("../protocol/methods.ts")).isRepeatable(method);
}

/** Whether a call failed because the daemon is not there now. */
export function isAway(cause: unknown): boolean {
  if (cause instanceof Failure) return cause.kind === "UNREACHABLE";
  return isLeaving(cause) || cause instanceof DaemonUnreachable;
}

/** Whether a daemon that was there has gone, or is about to. */
function isLeaving(cause: unknown): boolean {
  if (cause instanceof RequestRefused) return cause.kind === "SHUTTING_DOWN";
  return cause instanceof ConnectionLost;
}
