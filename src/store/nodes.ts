import type { Database } from "bun:sqlite";
import type { NewNode, Node, NodeHead } from "../core/model.ts";
import type { LeaseGrant } from "../core/node.ts";
import type { ReplayedNode } from "../core/replay.ts";
import { type Json, parseStored } from "../protocol/json.ts";
import type { NodeStatus } from "../protocol/types.ts";
import { boundedRows } from "./slices.ts";
import type { SliceBounds } from "./store.ts";

interface HeadRow {
  id: string;
  task_id: string;
  status: NodeStatus;
  lease_id: string | null;
  lease_owner: string | null;
  lease_expires_at_ms: number | null;
  lease_ttl_ms: number | null;
  fencing_token: number | null;
}

interface Row extends HeadRow {
  row: number;
  waiting_on: number;
  dependencies: string;
  payload_schema: string;
  result_payload: string | null;
  acquired_at_ms: number | null;
  updated_at_ms: number;
}

const headColumns = "id, task_id, status, lease_id, lease_owner, lease_expires_at_ms, lease_ttl_ms, fencing_token";

const noLease = `
  lease_id = NULL, lease_owner = NULL, lease_expires_at_ms = NULL, lease_ttl_ms = NULL, fencing_token = NULL`;

export function nodeTable(db: Database) {
  const insert = db.prepare<null, [string, string, number, string, string, number]>(`
    INSERT INTO nodes (id, task_id, status, waiting_on, dependencies, payload_schema, updated_at_ms)
    VALUES (?, ?, 'PENDING', ?, ?, ?, ?)`);
  const insertDependent = db.prepare<null, [number, number]>(`
    INSERT INTO node_dependents (dependency, dependent) VALUES (?, ?)`);

  const head = db.prepare<HeadRow, [string]>(`SELECT ${headColumns} FROM nodes WHERE id = ?`);
  const exists = db.prepare<{ 1: 1 }, [string]>("SELECT 1 FROM nodes WHERE id = ?");
  const ofTask = db.prepare<Row, [string]>("SELECT * FROM nodes WHERE task_id = ? ORDER BY row");
  const after = db.prepare<Row & { dependents: number }, [number, number]>(`
    SELECT *, (SELECT count(*) FROM node_dependents WHERE dependency = nodes.row) AS dependents
    FROM nodes WHERE row > ?1 ORDER BY row LIMIT ?2`);
  const result = db.prepare<{ result_payload: string | null }, [string]>(`
    SELECT result_payload FROM nodes WHERE id = ?`);
  // (SELECT ?) hides a value from the planner: SQLite prepares a statement anew whenever a value is bound that could
  // change its plan, and that costs ten times the search.
  const runnable = db.prepare<Row, [string]>(`
    SELECT * FROM nodes WHERE task_id = (SELECT ?) AND status = 'PENDING' AND waiting_on = 0 ORDER BY row LIMIT 1`);
  const hasRunnable = db.prepare<{ 1: 1 }, [string]>(`
    SELECT 1 FROM nodes WHERE task_id = ? AND status = 'PENDING' AND waiting_on = 0 LIMIT 1`);

  const expired = db.prepare<HeadRow, [string, number, number]>(`
    SELECT ${headColumns} FROM nodes
    WHERE task_id = (SELECT ?1) AND status = 'RUNNING' AND lease_expires_at_ms <= ?2
    ORDER BY row LIMIT (SELECT ?3)`);
  const due = db.prepare<HeadRow, [number, number]>(`
    SELECT ${headColumns} FROM nodes
    WHERE status = 'RUNNING' AND lease_expires_at_ms <= ?1 AND lease_ttl_ms > 0
    ORDER BY lease_expires_at_ms LIMIT ?2`);
  const nextDeadline = db.prepare<{ deadline: number }, []>(`
    SELECT lease_expires_at_ms AS deadline FROM nodes
    WHERE status = 'RUNNING' AND lease_ttl_ms > 0
    ORDER BY lease_expires_at_ms LIMIT 1`);
  const countExpired = db.prepare<{ count: number }, [number]>(`
    SELECT count(*) AS count FROM nodes WHERE status = 'RUNNING' AND lease_expires_at_ms <= ?`);

  const acquire = db.prepare<null, [number, string, string, number, number, number, string]>(`
    UPDATE nodes SET
      status = 'RUNNING', result_payload = NULL, acquired_at_ms = ?1, updated_at_ms = ?1,
      lease_id = ?2, lease_owner = ?3, lease_expires_at_ms = ?4, lease_ttl_ms = ?5, fencing_token = ?6
    WHERE id = ?7`);
  const rollBack = db.prepare<null, [number, string]>(`
    UPDATE nodes SET status = 'PENDING', acquired_at_ms = NULL, updated_at_ms = ?1, ${noLease} WHERE id = ?2`);
  const end = db.prepare<{ row: number }, [NodeStatus, string, number, string]>(`
    UPDATE nodes SET status = ?1, result_payload = ?2, updated_at_ms = ?3, ${noLease} WHERE id = ?4 RETURNING row`);
  const release = db.prepare<null, [number]>(`
    UPDATE nodes SET waiting_on = waiting_on - 1
    WHERE row IN (SELECT dependent FROM node_dependents WHERE dependency = ?)`);
  const extend = db.prepare<null, [number, number, number, string]>(`
    UPDATE nodes SET lease_expires_at_ms = ?1, lease_ttl_ms = ?2, updated_at_ms = ?3 WHERE id = ?4`);
  const shift = db.prepare<null, [number]>(`
    UPDATE nodes SET lease_expires_at_ms = lease_expires_at_ms + ? WHERE status = 'RUNNING'`);
  const renew = db.prepare<null, [number]>(`
    UPDATE nodes SET lease_expires_at_ms = ? + lease_ttl_ms WHERE status = 'RUNNING' AND lease_ttl_ms > 0`);

  return {
    insert(taskId: string, nodes: readonly NewNode[], nowMs: number): void {
      const rows = new Map<string, number>();
      for (const node of nodes) {
        const waitingOn = new Set(node.dependencies).size;
        const dependencies = JSON.stringify(node.dependencies);
        const schema = JSON.stringify(node.payloadSchema);
        const { lastInsertRowid } = insert.run(node.id, taskId, waitingOn, dependencies, schema, nowMs);
        rows.set(node.id, Number(lastInsertRowid));
      }
      for (const node of nodes) {
        for (const dependency of new Set(node.dependencies)) {
          insertDependent.run(rows.get(dependency) ?? 0, rows.get(node.id) ?? 0);
        }
      }
    },

    head: (nodeId: string): NodeHead | null => toHead(head.get(nodeId)),
    exists: (nodeId: string): boolean => exists.get(nodeId) !== null,
    ofTask: (taskId: string): Node[] => ofTask.all(taskId).map(toNode),
    hasRunnable: (taskId: string): boolean => hasRunnable.get(taskId) !== null,
    result: (nodeId: string): Json => json(result.get(nodeId)?.result_payload ?? null),
    expired: (taskId: string, nowMs: number, limit: number): NodeHead[] =>
      expired.all(taskId, nowMs, limit).map(toKnownHead),
    due: (nowMs: number, limit: number): NodeHead[] => due.all(nowMs, limit).map(toKnownHead),
    nextDeadlineMs: (): number | null => nextDeadline.get()?.deadline ?? null,
    countExpired: (nowMs: number): number => countExpired.get(nowMs)?.count ?? 0,

    firstRunnable(taskId: string): Node | null {
      const row = runnable.get(taskId);
      return row === null ? null : toNode(row);
    },

    acquire(nodeId: string, grant: LeaseGrant, fencingToken: number, nowMs: number): void {
      acquire.run(nowMs, grant.id, grant.owner, grant.expiresAtMs, grant.ttlMs, fencingToken, nodeId);
    },
    rollBack(nodeId: string, nowMs: number): void {
      rollBack.run(nowMs, nodeId);
    },
    complete(nodeId: string, payload: Json, nowMs: number): void {
      const ended = end.get("COMPLETED", JSON.stringify(payload), nowMs, nodeId);
      if (ended !== null) release.run(ended.row);
    },
    fail(nodeId: string, payload: Json, nowMs: number): void {
      end.get("FAILED", JSON.stringify(payload), nowMs, nodeId);
    },
    extendLease(nodeId: string, expiresAtMs: number, ttlMs: number, nowMs: number): void {
      extend.run(expiresAtMs, ttlMs, nowMs, nodeId);
    },
    shiftDeadlines(byMs: number): void {
      shift.run(byMs);
    },
    renewLeases(nowMs: number): void {
      renew.run(nowMs);
    },

    slice: (afterRow: number, bounds: SliceBounds) =>
      boundedRows(
        after.iterate(afterRow, bounds.rows),
        bounds,
        ({ dependencies, payload_schema: schema, result_payload: payload }) =>
          dependencies.length + schema.length + (payload?.length ?? 0),
      ).map(toReplayed),
  };
}

const json = (text: string | null): Json => (text === null ? null : parseStored(text));

function toHead(row: HeadRow | null): NodeHead | null {
  return row === null ? null : toKnownHead(row);
}

function toKnownHead(row: HeadRow): NodeHead {
  const running = row.status === "RUNNING";
  return {
    id: row.id,
    taskId: row.task_id,
    status: row.status,
    lease: running
      ? {
          id: row.lease_id,
          owner: row.lease_owner,
          expiresAtMs: row.lease_expires_at_ms ?? 0,
          ttlMs: row.lease_ttl_ms ?? 0,
          fencingToken: row.fencing_token ?? 0,
        }
      : null,
  };
}

function toNode(row: Row): Node {
  return {
    ...toKnownHead(row),
    dependencies: JSON.parse(row.dependencies) as string[],
    payloadSchema: parseStored(row.payload_schema),
    resultPayload: json(row.result_payload),
    acquiredAtMs: row.acquired_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}

function toReplayed(row: Row & { dependents: number }): ReplayedNode & { id: string; row: number; waitingOn: number } {
  return {
    row: row.row,
    id: row.id,
    waitingOn: row.waiting_on,
    taskId: row.task_id,
    status: row.status,
    dependencies: row.dependencies,
    payloadSchema: row.payload_schema,
    resultPayload: row.result_payload,
    acquiredAtMs: row.acquired_at_ms,
    leaseId: row.lease_id,
    leaseOwner: row.lease_owner,
    fencingToken: row.fencing_token,
    dependents: row.dependents,
  };
}
