import { TIMED_OUT, within } from "../../client/deadline.ts";
import type { LockHolderView } from "../../protocol/methods/views.ts";
import type { Result } from "../../protocol/methods.ts";
import { toFailure } from "../failures.ts";

/** How long finding out may take, the start of a daemon included. */
const checkMs = 15_000;

export type WaitingView = Result<"CheckResourceLocks">["locks"][number]["waiting"][number];

/** A path others hold, or wait for in front of whoever asks. */
export interface Held {
  /** From the work tree's top, or absolute outside of one. */
  path: string;
  holders: readonly LockHolderView[];
  waiting: readonly WaitingView[];
}

/** What a guard found. What could not be checked is refused as well, but by another name: the way on is another. */
export type Verdict =
  { outcome: "allowed" } | { outcome: "refused"; held: readonly Held[] } | { outcome: "unchecked"; why: string };

/** The verdict on paths of which `find` gives those that others hold. It throws nothing: what fails was not checked. */
export async function verdictOf(find: () => Promise<readonly Held[]>): Promise<Verdict> {
  try {
    const held = await within(find(), checkMs);
    if (held === TIMED_OUT) return unchecked(`there was no answer within ${checkMs / 1000} s; see: agentd doctor`);
    return held.length === 0 ? { outcome: "allowed" } : { outcome: "refused", held };
  } catch (cause) {
    return unchecked(reasonOf(cause));
  }
}

export function unchecked(why: string): Verdict {
  return { outcome: "unchecked", why };
}

function reasonOf(cause: unknown): string {
  const { kind, message } = toFailure(cause);
  return kind === "UNKNOWN_METHOD" ? `the daemon that runs is older than this agentd; run: agentd restart` : message;
}
