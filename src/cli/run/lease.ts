import { RequestRefused } from "../../client/refusals.ts";
import { limits } from "../../protocol/limits.ts";
import type { Result } from "../../protocol/methods.ts";
import type { AcquiredNode } from "../../protocol/methods/nodes.ts";
import type { Kind } from "../../protocol/transitions.ts";
import { claimOf } from "../environment.ts";
import { pause, unlessAborted } from "../../client/deadline.ts";
import { PatientClient } from "../patient-client.ts";
import type { Session } from "../session.ts";
import type { Supervised } from "./supervised.ts";

/** A lease of no time at all must not make a client that never rests; a timer takes no more than 2³¹ ms. */
const restMs = { min: 100, max: 86_400_000 };

type Event = Result<"ListEvents">["events"][number];

/** A lease that is to be kept. */
export interface Keeping {
  expiresAtMs: number;
  /** The journal's seq when it was granted. */
  seq: number;
  /** Whose events may tell of its end; undefined: anybody's. */
  task_id?: string;
  /** What in the journal may mean its end; asking the daemon tells whether it does. */
  endings: readonly Kind[];
  concerns(event: Event): boolean;
  renew(done: AbortSignal): Promise<{ lease_expires_at_ms: number }>;
}

/** The lease of a node that was taken. */
export function nodeLease(node: AcquiredNode, client: PatientClient, ttl_secs: number | undefined): Keeping {
  return {
    expiresAtMs: node.lease_expires_at_ms,
    seq: node.seq,
    task_id: node.task_id,
    // Not by a result: a command may tell that by itself, and has some time to end.
    endings: ["CANCEL_TASK", "TIMEOUT_ROLLBACK", "RELEASE_NODE"],
    concerns: ({ node_id }) => node_id === null || node_id === node.node_id,
    renew: (done) => client.call("HeartbeatNode", { ...claimOf(node), ttl_secs }, done),
  };
}

/**
 * Renews a lease at a third of its time until `done`, and at once when the journal tells that something happened to it.
 * Gives the daemon's refusal when the lease is lost, nothing when it was kept.
 */
async function keepLease(
  lease: Keeping,
  watching: PatientClient,
  done: AbortSignal,
): Promise<RequestRefused | undefined> {
  try {
    return await Promise.race([renewInTime(lease, done), renewOnNews(lease, watching, done)]);
  } catch (cause) {
    if (done.aborted) return undefined;
    if (cause instanceof RequestRefused && isLost(cause)) return cause;
    throw cause;
  }
}

/** Whether a refusal means that the lease is no longer ours. */
export function isLost({ kind }: RequestRefused): boolean {
  return kind === "LEASE_LOST" || kind === "INVALID_STATE" || kind === "NOT_FOUND";
}

async function renewInTime(lease: Keeping, done: AbortSignal): Promise<never> {
  let { expiresAtMs } = lease;
  for (;;) {
    const third = (expiresAtMs - Date.now()) / 3;
    await pause(Math.min(Math.max(third, restMs.min), restMs.max), done);
    expiresAtMs = (await lease.renew(done)).lease_expires_at_ms;
  }
}

/** A command must not run for a third of a long lease after that was ended. */
async function renewOnNews(lease: Keeping, watching: PatientClient, done: AbortSignal): Promise<never> {
  let after_seq = lease.seq;
  try {
    for (;;) {
      const filter = { task_id: lease.task_id, action_types: [...lease.endings], after_seq };
      const page = await watching.call("ListEvents", { ...filter, wait_ms: limits.waitMsMax }, done);
      after_seq = page.next_after_seq;
      if (page.events.some((event) => lease.concerns(event))) await lease.renew(done);
    }
  } catch (cause) {
    if (!(cause instanceof RequestRefused) || isLost(cause)) throw cause;
    // Events pruned, or a daemon that lists none: renewing in time is what counts.
    return unlessAborted(new Promise<never>(() => {}), done);
  }
}

/** How a command under a lease is brought to its end, and who is told. */
export interface Controls {
  session: Session;
  /** Aborted when it is to end. */
  stop: AbortSignal;
  /** Aborted when it is to be killed instead. */
  kill: AbortSignal;
  /** Aborted when not even the daemon's last answers are waited for any more. */
  giveUp: AbortSignal;
}

/** Keeps the lease until disposed, and ends the command when it is kept no longer, for whatever reason. */
export function hold(lease: Keeping, { session, giveUp }: Controls, supervised: Supervised) {
  const done = new AbortController();
  const watching = new PatientClient(session);
  let lost: RequestRefused | undefined;
  async function keep() {
    try {
      lost = await keepLease(lease, watching, AbortSignal.any([done.signal, giveUp]));
    } finally {
      supervised.end();
    }
  }
  const kept = keep();
  // Told when it is disposed; until then it is no rejection nobody waits for.
  kept.catch(() => {});
  return {
    get lost() {
      return lost;
    },
    async [Symbol.asyncDispose]() {
      done.abort();
      watching[Symbol.dispose]();
      await kept;
    },
  };
}

/** Lets the user's interruptions reach the command until disposed. */
export function bind(supervised: Supervised, { session, stop, kill }: Controls): Disposable {
  const end = () => {
    session.note("ending the command; interrupt again to kill it at once");
    supervised.end();
  };
  const { kill: killNow } = supervised;
  stop.addEventListener("abort", end);
  kill.addEventListener("abort", killNow);
  if (stop.aborted) end();
  return {
    [Symbol.dispose]() {
      stop.removeEventListener("abort", end);
      kill.removeEventListener("abort", killNow);
    },
  };
}

/** What a worker works with. */
export interface Work extends Controls {
  /** Where nothing waits, so that a heartbeat never does. */
  client: PatientClient;
  command: string[];
  ttlSecs: number | undefined;
  graceMs: number;
}
