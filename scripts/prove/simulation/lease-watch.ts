import type { Row } from "../../../test/service/model/journal.ts";
import { type Params, text } from "../../../test/service/model/views.ts";
import type { Operation } from "./history.ts";

/** What ends a lease that nobody gave back. */
const expiries = new Set(["TIMEOUT_ROLLBACK", "EXPIRE_RESOURCE_LOCK"]);

/**
 * No lease is taken from its holder before its time, however the clocks jump and the service dies: its time on the clock
 * that never steps, from when it was last heard that it was granted or renewed.
 */
export class LeaseWatch {
  readonly #leases = new Map<string, { ttlMs: number; heardMs: number }>();

  /** New rows, and the request each grant was asked with. */
  see(rows: readonly Row[], operations: ReadonlyMap<string, Operation>, monotonicMs: number): void {
    for (const { action_type, payload } of rows) {
      const told = payload as Params;
      const lease = text(told.lease_id);
      const key = action_type === "ACQUIRE_NODE" ? told.lease_owner : (told.metadata as Params | undefined)?.key;
      const ttlSecs = operations.get(text(key))?.ask.params.ttl_secs;
      if (expiries.has(action_type) || told.cause === "lost") this.#end(lease, monotonicMs);
      else if (ttlSecs !== undefined && !this.#leases.has(lease))
        this.#leases.set(lease, { ttlMs: Number(ttlSecs) * 1000, heardMs: monotonicMs });
    }
  }

  /** A heartbeat was acknowledged. */
  renew(leaseId: string, monotonicMs: number): void {
    const lease = this.#leases.get(leaseId);
    if (lease !== undefined) lease.heardMs = monotonicMs;
  }

  #end(leaseId: string, monotonicMs: number): void {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) return;
    const ranMs = monotonicMs - lease.heardMs;
    if (ranMs < lease.ttlMs) throw new Error(`lease ${leaseId} of ${lease.ttlMs} ms expired after ${ranMs} ms`);
    this.#leases.delete(leaseId);
  }
}
