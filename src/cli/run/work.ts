import type { Wishes } from "./hold.ts";
import type { PatientClient } from "./patient-client.ts";

/** What a worker works with. */
export interface Work extends Wishes {
  /** Where nothing waits, so that a heartbeat never does. */
  client: PatientClient;
  command: string[];
  ttlSecs: number | undefined;
  graceMs: number;
}
