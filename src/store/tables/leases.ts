import type { Database } from "bun:sqlite";
import { present } from "../../protocol/present.ts";
import type { LeaseGrant } from "../../core/lease/lease.ts";
import type { NodeHead, Progress } from "../../core/model.ts";
import { expectChange } from "./changes.ts";
import { type HeadRow, headColumns, toHead } from "./node-rows.ts";

/** What stands on a node only while it is RUNNING. */
export function leaseTable(db: Database) {
  const acquire = db.prepare<null, [number, string, string, number, number, number, string]>(`
    UPDATE nodes SET
      status = 'RUNNING', result_payload = NULL, acquired_at_ms = ?1, updated_at_ms = ?1,
      lease_id = ?2, lease_owner = ?3, lease_expires_at_ms = ?4, lease_ttl_ms = ?5, fencing_token = ?6
    WHERE id = ?7 AND status = 'PENDING'`);
  const extend = db.prepare<{ lease_id: string | null }, [number, number, number, string]>(`
    UPDATE nodes SET lease_expires_at_ms = ?1, lease_ttl_ms = ?2, updated_at_ms = ?3
    WHERE id = ?4 AND status = 'RUNNING'
    RETURNING lease_id`);
  const setProgress = db.prepare<null, [string, string]>(`
    UPDATE nodes SET progress = ?1 WHERE id = ?2 AND status = 'RUNNING'`);
  const shift = db.prepare<null, [number]>(`
    UPDATE nodes SET lease_expires_at_ms = lease_expires_at_ms + ? WHERE status = 'RUNNING'`);
  const renew = db.prepare<null, [number]>(`
    UPDATE nodes SET lease_expires_at_ms = ? + lease_ttl_ms WHERE status = 'RUNNING' AND lease_ttl_ms > 0`);

  // (SELECT ?) hides a value from the planner: see ready.ts.
  const byId = db.prepare<HeadRow, [string, string]>(`
    SELECT ${headColumns} FROM nodes WHERE status = 'RUNNING' AND task_id = (SELECT ?1) AND lease_id = ?2`);
  const expired = db.prepare<HeadRow, [string, number, number]>(`
    SELECT ${headColumns} FROM nodes
    WHERE task_id = (SELECT ?1) AND status = 'RUNNING' AND lease_expires_at_ms <= (SELECT ?2)
    ORDER BY row LIMIT (SELECT ?3)`);
  const expiredAnywhere = db.prepare<HeadRow, [number, number]>(`
    SELECT ${headColumns} FROM nodes
    WHERE status = 'RUNNING' AND lease_ttl_ms > 0 AND lease_expires_at_ms <= (SELECT ?1)
    UNION ALL
    SELECT ${headColumns} FROM nodes
    WHERE status = 'RUNNING' AND lease_ttl_ms = 0 AND lease_expires_at_ms <= (SELECT ?1)
    LIMIT (SELECT ?2)`);
  const due = db.prepare<HeadRow, [number, number]>(`
    SELECT ${headColumns} FROM nodes
    WHERE status = 'RUNNING' AND lease_expires_at_ms <= (SELECT ?1) AND lease_ttl_ms > 0
    ORDER BY lease_expires_at_ms LIMIT (SELECT ?2)`);
  const nextDeadline = db.prepare<{ deadline: number }, []>(`
    SELECT lease_expires_at_ms AS deadline FROM nodes
    WHERE status = 'RUNNING' AND lease_ttl_ms > 0
    ORDER BY lease_expires_at_ms LIMIT 1`);
  const countExpired = db.prepare<{ count: number }, [number]>(`
    SELECT count(*) AS count FROM nodes WHERE status = 'RUNNING' AND lease_expires_at_ms <= ?`);

  return {
    acquire(nodeId: string, grant: LeaseGrant, fencingToken: number, nowMs: number): void {
      const { id, owner, expiresAtMs, ttlMs } = grant;
      const acquired = acquire.run(nowMs, id, owner, expiresAtMs, ttlMs, fencingToken, nodeId);
      expectChange(acquired, "PENDING node", nodeId);
    },
    /** The lease that was extended; null where nobody can present it. */
    extend: (nodeId: string, expiresAtMs: number, ttlMs: number, nowMs: number): string | null =>
      present(extend.get(expiresAtMs, ttlMs, nowMs, nodeId), "RUNNING node", nodeId).lease_id,
    setProgress(nodeId: string, progress: Progress): void {
      expectChange(setProgress.run(JSON.stringify(progress), nodeId), "RUNNING node", nodeId);
    },
    shiftDeadlines(byMs: number): void {
      shift.run(byMs);
    },
    renew(nowMs: number): void {
      renew.run(nowMs);
    },

    /** The task's node under this lease. */
    find(taskId: string, leaseId: string): NodeHead | null {
      const row = byId.get(taskId, leaseId);
      return row === null ? null : toHead(row);
    },
    expired: (taskId: string | null, nowMs: number, limit: number): NodeHead[] =>
      (taskId === null ? expiredAnywhere.all(nowMs, limit) : expired.all(taskId, nowMs, limit)).map(toHead),
    due: (nowMs: number, limit: number): NodeHead[] => due.all(nowMs, limit).map(toHead),
    nextDeadlineMs: (): number | null => nextDeadline.get()?.deadline ?? null,
    countExpired: (nowMs: number): number => present(countExpired.get(nowMs), "the count of expired leases").count,
  };
}
