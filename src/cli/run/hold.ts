import type { RequestRefused } from "../../client/refusals.ts";
import type { Session } from "../session.ts";
import type { Supervised } from "./supervised.ts";
import { type Keeping, keepLease } from "./lease.ts";
import { PatientClient } from "../patient-client.ts";

/** Whose wishes a command under a lease follows. */
export interface Wishes {
  session: Session;
  /** Aborted when it is to end. */
  stop: AbortSignal;
  /** Aborted when it is to be killed instead. */
  kill: AbortSignal;
  /** Aborted when not even the daemon's last answers are waited for any more. */
  giveUp: AbortSignal;
}

/** Keeps the lease until disposed, and ends the command when it is kept no longer, for whatever reason. */
export function hold(lease: Keeping, { session, giveUp }: Wishes, supervised: Supervised) {
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
export function bind(supervised: Supervised, { session, stop, kill }: Wishes): Disposable {
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
export interface Work extends Wishes {
  /** Where nothing waits, so that a heartbeat never does. */
  client: PatientClient;
  command: string[];
  ttlSecs: number | undefined;
  graceMs: number;
}
