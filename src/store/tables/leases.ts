import type { Database } from "bun:sqlite";
import type { LeaseGrant } from "../../core/lease/lease.ts";
import type { Progress } from "../../core/model.ts";

/** What stands on a node only while it is RUNNING. */
export function leaseTable(db: Database) {
  const acquire = db.prepare<null, [number, string, string, number, number, number, number]>(`
    UPDATE nodes SET
      status = 'RUNNING', result_payload = NULL, acquired_at_ms = ?1, updated_at_ms = ?1,
      lease_id = ?2, lease_owner = ?3, lease_expires_at_ms = ?4, lease_ttl_ms = ?5, fencing_token = ?6
    WHERE row = ?7`);
  const extend = db.prepare<null, [number, number, number, number]>(`
    UPDATE nodes SET lease_expires_at_ms = ?1, lease_ttl_ms = ?2, updated_at_ms = ?3 WHERE row = ?4`);
  const setProgress = db.prepare<null, [string, number]>("UPDATE nodes SET progress = ?1 WHERE row = ?2");
  const shift = db.prepare<null, [number, string]>(`
    UPDATE nodes SET lease_expires_at_ms = lease_expires_at_ms + ?1 WHERE row IN (SELECT value FROM json_each(?2))`);
  const renew = db.prepare<null, [number, string]>(`
    UPDATE nodes SET lease_expires_at_ms = ?1 + lease_ttl_ms WHERE row IN (SELECT value FROM json_each(?2))`);

  return {
    acquire(row: number, grant: LeaseGrant, fencingToken: number, nowMs: number): void {
      acquire.run(nowMs, grant.id, grant.owner, grant.expiresAtMs, grant.ttlMs, fencingToken, row);
    },
    extend(row: number, expiresAtMs: number, ttlMs: number, nowMs: number): void {
      extend.run(expiresAtMs, ttlMs, nowMs, row);
    },
    setProgress(row: number, progress: Progress): void {
      setProgress.run(JSON.stringify(progress), row);
    },
    shiftDeadlines(rows: readonly number[], byMs: number): void {
      shift.run(byMs, JSON.stringify(rows));
    },
    renew(rows: readonly number[], nowMs: number): void {
      renew.run(nowMs, JSON.stringify(rows));
    },
  };
}
