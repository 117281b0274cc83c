import { ConnectionLost, DaemonUnreachable, RequestRefused } from "../client/refusals.ts";
import { Failure } from "./exits.ts";

/** How long a question puts up with a daemon that went away while it was asked: a restart takes a fraction of it. */
const awayMsMax = 5_000;
const restMs = { first: 50, most: 50 };

/** How a question is asked again while its answer cannot be had. */
export interface Patience {
  /** Whether asking again may help. What has to be put right before is put right here; the next try is `restMs` away. */
  mayPass: (cause: unknown, restMs: number) => boolean | Promise<boolean>;
  /** The pauses between tries, each twice the one before. */
  restMs: { first: number; most: number };
  /** Waits for the next try; a throw ends it all. */
  rest?: (ms: number) => Promise<unknown>;
}

/** Asks until there is an answer, or asking again is of no use; `again` is false the first time. */
export async function askAgain<Answer>(
  ask: (again: boolean) => Promise<Answer>,
  { mayPass, restMs: { first, most }, rest = Bun.sleep }: Patience,
): Promise<Answer> {
  for (let [again, ms] = [false, first]; ; [again, ms] = [true, Math.min(2 * ms, most)]) {
    try {
      return await ask(again);
    } catch (cause) {
      if (!(await mayPass(cause, ms))) throw cause;
    }
    await rest(ms);
  }
}

/**
 * Calls a method by `ask`. Where the daemon goes away meanwhile, one that changes nothing is asked again, until there is an
 * answer or the daemon has been away for too long; `again` tells that the last connection is of no more use.
 */
export async function askPatiently<Answer>(method: string, ask: (again: boolean) => Promise<Answer>): Promise<Answer> {
  let deadline: number | undefined;
  async function mayPass(cause: unknown): Promise<boolean> {
    if (deadline !== undefined) return isAway(cause) && performance.now() <= deadline;
    if (!isLeaving(cause) || !(await isRead(method))) return false;
    deadline = performance.now() + awayMsMax;
    return true;
  }
  return askAgain(ask, { mayPass, restMs });
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
