import type { Database } from "bun:sqlite";
import type { Lock, LockRequest } from "../core/model.ts";
import type { ReplayedLock } from "../core/replayed.ts";
import { parseStored } from "../protocol/json.ts";

interface Row {
  resource_key: string;
  lease_id: string;
  owner: string;
  provider: string | null;
  task_id: string | null;
  node_id: string | null;
  metadata: string;
  acquired_at_ms: number;
  lease_expires_at_ms: number;
  lease_ttl_ms: number;
  fencing_token: number;
  updated_at_ms: number;
}

type PutValues = [
  resourceKey: string,
  leaseId: string,
  owner: string,
  provider: string | null,
  taskId: string | null,
  nodeId: string | null,
  metadata: string,
  acquiredAtMs: number,
  expiresAtMs: number,
  ttlMs: number,
  fencingToken: number,
  updatedAtMs: number,
];

export function lockTable(db: Database) {
  const put = db.prepare<null, PutValues>("REPLACE INTO locks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const byKey = db.prepare<Row, [string]>("SELECT * FROM locks WHERE resource_key = ?");
  const all = db.prepare<Row, []>("SELECT * FROM locks ORDER BY resource_key");
  const after = db.prepare<Row, [string, number]>(`
    SELECT * FROM locks WHERE resource_key > ?1 ORDER BY resource_key LIMIT ?2`);
  const due = db.prepare<Row, [number, number]>(`
    SELECT * FROM locks WHERE lease_expires_at_ms <= (SELECT ?1) ORDER BY lease_expires_at_ms LIMIT (SELECT ?2)`);
  const nextDeadline = db.prepare<{ deadline: number }, []>(`
    SELECT lease_expires_at_ms AS deadline FROM locks ORDER BY lease_expires_at_ms LIMIT 1`);
  const count = db.prepare<{ all: number; expired: number }, [number]>(`
    SELECT count(*) AS "all", count(*) FILTER (WHERE lease_expires_at_ms <= ?) AS expired FROM locks`);
  const extend = db.prepare<null, [number, number, number, string]>(`
    UPDATE locks SET lease_expires_at_ms = ?1, lease_ttl_ms = ?2, updated_at_ms = ?3 WHERE resource_key = ?4`);
  const remove = db.prepare<null, [string]>("DELETE FROM locks WHERE resource_key = ?");
  const shift = db.prepare<null, [number]>("UPDATE locks SET lease_expires_at_ms = lease_expires_at_ms + ?");
  const renew = db.prepare<null, [number]>(`
    UPDATE locks SET lease_expires_at_ms = ? + lease_ttl_ms WHERE lease_ttl_ms > 0`);

  return {
    put(lock: LockRequest, fencingToken: number): void {
      put.run(
        lock.resourceKey,
        lock.leaseId,
        lock.owner,
        lock.provider,
        lock.taskId,
        lock.nodeId,
        JSON.stringify(lock.metadata),
        lock.acquiredAtMs,
        lock.expiresAtMs,
        lock.ttlMs,
        fencingToken,
        lock.updatedAtMs,
      );
    },

    find(resourceKey: string): Lock | null {
      const row = byKey.get(resourceKey);
      return row === null ? null : toLock(row);
    },

    all: (): Lock[] => all.all().map(toLock),
    due: (nowMs: number, limit: number): Lock[] => due.all(nowMs, limit).map(toLock),
    nextDeadlineMs: (): number | null => nextDeadline.get()?.deadline ?? null,
    count: (nowMs: number) => count.get(nowMs) ?? { all: 0, expired: 0 },

    extend(resourceKey: string, expiresAtMs: number, ttlMs: number, nowMs: number): void {
      extend.run(expiresAtMs, ttlMs, nowMs, resourceKey);
    },
    remove(resourceKey: string): void {
      remove.run(resourceKey);
    },
    shiftDeadlines(byMs: number): void {
      shift.run(byMs);
    },
    renewLeases(nowMs: number): void {
      renew.run(nowMs);
    },

    slice: (afterKey: string, limit: number) => after.all(afterKey, limit).map(toReplayed),
  };
}

function toLock(row: Row): Lock {
  return {
    resourceKey: row.resource_key,
    leaseId: row.lease_id,
    owner: row.owner,
    provider: row.provider,
    taskId: row.task_id,
    nodeId: row.node_id,
    metadata: parseStored(row.metadata),
    acquiredAtMs: row.acquired_at_ms,
    expiresAtMs: row.lease_expires_at_ms,
    ttlMs: row.lease_ttl_ms,
    fencingToken: row.fencing_token,
    updatedAtMs: row.updated_at_ms,
  };
}

function toReplayed(row: Row): ReplayedLock & { resourceKey: string } {
  return {
    resourceKey: row.resource_key,
    leaseId: row.lease_id,
    owner: row.owner,
    provider: row.provider,
    taskId: row.task_id,
    nodeId: row.node_id,
    metadata: row.metadata,
    acquiredAtMs: row.acquired_at_ms,
    fencingToken: row.fencing_token,
  };
}
