import type { Database } from "bun:sqlite";
import type { HeldKey, LockGrant } from "../../core/model.ts";
import { type Json, parseStored } from "../../protocol/json.ts";
import type { LockMode } from "../../protocol/types.ts";
import { present } from "../../protocol/present.ts";
import type { StoredLock } from "../heads/held-locks.ts";
import { expectChange } from "./changes.ts";

interface HeadRow {
  row: number;
  resource_key: string;
  normal_key: string;
  scope: string;
  mode: LockMode;
  ignore_case: 0 | 1;
  lease_id: string;
  owner: string;
  provider: string | null;
  task_id: string | null;
  node_id: string | null;
  ends_with_node: 0 | 1;
  acquired_at_ms: number;
  lease_expires_at_ms: number;
  lease_ttl_ms: number;
  fencing_token: number;
  updated_at_ms: number;
}

/** A row of the table. */
export interface LockRow extends HeadRow {
  metadata: string;
}

/** Puts what may be large behind the rest, so that this is read without it. */
export function moveMetadata(db: Database): void {
  db.run("ALTER TABLE locks ADD COLUMN moved TEXT NOT NULL DEFAULT '{}'");
  db.run("UPDATE locks SET moved = metadata");
  db.run("ALTER TABLE locks DROP COLUMN metadata");
  db.run("ALTER TABLE locks RENAME COLUMN moved TO metadata");
}

type InsertValues = [
  resourceKey: string,
  normalKey: string,
  scope: string,
  mode: LockMode,
  ignoreCase: number,
  leaseId: string,
  owner: string,
  provider: string | null,
  taskId: string | null,
  nodeId: string | null,
  metadata: string,
  endsWithNode: number,
  acquiredAtMs: number,
  expiresAtMs: number,
  ttlMs: number,
  fencingToken: number,
];

type RegrantValues = [
  mode: LockMode,
  taskId: string | null,
  nodeId: string | null,
  metadata: string,
  endsWithNode: number,
  fencingToken: number,
  nowMs: number,
  row: number,
];

/** Keys that are held. Who holds what, and what overlaps, is known in memory: see heads/. */
export function lockTable(db: Database) {
  const insert = db.prepare<null, InsertValues>(`
    INSERT INTO locks (
      resource_key, normal_key, scope, mode, ignore_case, lease_id, owner, provider, task_id, node_id, metadata,
      ends_with_node, acquired_at_ms, lease_expires_at_ms, lease_ttl_ms, fencing_token, updated_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?13)`);
  const regrant = db.prepare<null, RegrantValues>(`
    UPDATE locks SET
      mode = ?1, task_id = ?2, node_id = ?3, metadata = ?4, ends_with_node = ?5, fencing_token = ?6, updated_at_ms = ?7
    WHERE row = ?8`);
  const remove = db.prepare<null, [number]>("DELETE FROM locks WHERE row = ?");
  // Bytes of metadata are known without reading it.
  const all = db.prepare<HeadRow & { bytes: number }, [number]>(`
    SELECT row, resource_key, normal_key, scope, mode, ignore_case, lease_id, owner, provider, task_id, node_id,
      ends_with_node, acquired_at_ms, lease_expires_at_ms, lease_ttl_ms, fencing_token, updated_at_ms,
      octet_length(metadata) AS bytes
    FROM locks WHERE row > ? ORDER BY row`);
  const metadata = db.prepare<{ metadata: string }, [number]>("SELECT metadata FROM locks WHERE row = ?");
  const count = db.prepare<{ all: number }, []>(`SELECT count(*) AS "all" FROM locks`);
  const among = "row IN (SELECT value FROM json_each(?))";
  const outlive = db.prepare<null, [number, string]>(`
    UPDATE locks SET ends_with_node = 0, lease_expires_at_ms = ?, lease_ttl_ms = 0 WHERE ${among}`);
  const extend = db.prepare<null, [number, number, number, string]>(`
    UPDATE locks SET lease_expires_at_ms = ?, lease_ttl_ms = ?, updated_at_ms = ? WHERE ${among}`);
  const shift = db.prepare<null, [number]>("UPDATE locks SET lease_expires_at_ms = lease_expires_at_ms + ?");
  const renew = db.prepare<null, [number]>(`
    UPDATE locks SET lease_expires_at_ms = ? + lease_ttl_ms WHERE lease_ttl_ms > 0`);

  return {
    /** Its row. */
    insert(grant: LockGrant, key: HeldKey, fencingToken: number): number {
      const { lastInsertRowid } = insert.run(
        key.resourceKey,
        key.normalKey,
        key.scope,
        key.mode,
        Number(key.ignoreCase),
        grant.leaseId,
        grant.owner,
        grant.provider,
        grant.taskId,
        grant.nodeId,
        JSON.stringify(grant.metadata),
        Number(grant.endsWithNode),
        grant.acquiredAtMs,
        grant.expiresAtMs,
        grant.ttlMs,
        fencingToken,
      );
      return Number(lastInsertRowid);
    },
    /** A key is granted once more to the lease that holds it. */
    regrant(row: number, grant: LockGrant, { mode }: HeldKey, fencingToken: number): void {
      const { taskId, nodeId, endsWithNode, acquiredAtMs } = grant;
      const told = JSON.stringify(grant.metadata);
      expectChange(
        regrant.run(mode, taskId, nodeId, told, Number(endsWithNode), fencingToken, acquiredAtMs, row),
        "lock",
      );
    },
    remove(row: number): void {
      expectChange(remove.run(row), "lock");
    },
    extend(rows: readonly number[], expiresAtMs: number, ttlMs: number, nowMs: number): void {
      extend.run(expiresAtMs, ttlMs, nowMs, JSON.stringify(rows));
    },
    /** Locks that were to end with nodes are over, and end by themselves. */
    outlive(rows: readonly number[], nowMs: number): void {
      outlive.run(nowMs, JSON.stringify(rows));
    },
    shiftDeadlines(byMs: number): void {
      shift.run(byMs);
    },
    renewLeases(nowMs: number): void {
      renew.run(nowMs);
    },

    /** What comes into memory, of those after a row: all but metadata. */
    all: (afterRow: number): Iterable<StoredLock> =>
      Iterator.from(all.iterate(afterRow)).map((row) => ({
        row: row.row,
        state: { ...toHead(row), metadataBytes: row.bytes },
      })),
    metadata: (row: number): Json => parseStored(present(metadata.get(row), "the metadata of a lock").metadata),
    count: (): number => present(count.get(), "the count of locks").all,
  };
}

function toHead(row: HeadRow) {
  return {
    resourceKey: row.resource_key,
    normalKey: row.normal_key,
    scope: row.scope,
    mode: row.mode,
    ignoreCase: row.ignore_case === 1,
    leaseId: row.lease_id,
    owner: row.owner,
    provider: row.provider,
    taskId: row.task_id,
    nodeId: row.node_id,
    endsWithNode: row.ends_with_node === 1,
    acquiredAtMs: row.acquired_at_ms,
    expiresAtMs: row.lease_expires_at_ms,
    ttlMs: row.lease_ttl_ms,
    fencingToken: row.fencing_token,
    updatedAtMs: row.updated_at_ms,
  };
}
