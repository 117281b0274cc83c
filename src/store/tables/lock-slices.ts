import type { Database } from "bun:sqlite";
import type { ReplayedLock } from "../../core/journal/replayed.ts";
import { readResourceKey } from "../../core/locks/resource-key.ts";
import type { LockRow } from "./locks.ts";
import type { LockSliceRow, Misfit } from "./verification-reads.ts";

/** Locks as they are compared, with what of them must follow from their keys and from their nodes. */
export function lockSlices(db: Database) {
  const after = db.prepare<LockRow & { node_deadline: number | null; node_ttl: number | null }, [number, number]>(`
    SELECT *,
      (SELECT lease_expires_at_ms FROM nodes WHERE id = node_id) AS node_deadline,
      (SELECT lease_ttl_ms FROM nodes WHERE id = node_id) AS node_ttl
    FROM locks WHERE row > ?1 ORDER BY row LIMIT ?2`);

  return {
    slice: (afterRow: number, limit: number): LockSliceRow[] =>
      after.all(afterRow, limit).map((row) => ({
        ...toReplayed(row),
        misfit: misfitIn(row),
        expiresAtMs: row.lease_expires_at_ms,
        ttlMs: row.lease_ttl_ms,
        nodeExpiresAtMs: row.node_deadline,
        nodeTtlMs: row.node_ttl,
        updatedAtMs: row.updated_at_ms,
      })),
  };
}

function toReplayed(row: LockRow): Omit<ReplayedLock, "place"> & { row: number } {
  return {
    row: row.row,
    leaseId: row.lease_id,
    resourceKey: row.resource_key,
    scope: row.scope,
    mode: row.mode,
    ignoreCase: row.ignore_case === 1,
    endsWithNode: row.ends_with_node === 1,
    owner: row.owner,
    provider: row.provider,
    taskId: row.task_id,
    nodeId: row.node_id,
    metadata: row.metadata,
    acquiredAtMs: row.acquired_at_ms,
    fencingToken: row.fencing_token,
  };
}

/** Of what a search goes by: the form of its key. */
function misfitIn(row: LockRow): Misfit | null {
  const { normal: expected } = readResourceKey(row.resource_key, {
    ignoreCase: row.ignore_case === 1,
    scope: "global",
  });
  return row.normal_key === expected ? null : { field: "normalKey", expected, found: row.normal_key };
}
