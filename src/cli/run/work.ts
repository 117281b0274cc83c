import type { Session } from "../session.ts";
import type { PatientClient } from "./patient-client.ts";

/** What a worker works with. */
export interface Work {
  session: Session;
  /** Where nothing waits, so that a heartbeat never does. */
  client: PatientClient;
  command: string[];
  ttlSecs: number | undefined;
  graceMs: number;
  /** Aborted when work is to stop: commands are asked to end, and their nodes released. */
  stop: AbortSignal;
  /** Aborted when commands are to be killed instead. */
  kill: AbortSignal;
  /** Aborted when not even the daemon's last answers are waited for any more. */
  giveUp: AbortSignal;
}
