import type { Database } from "bun:sqlite";
import type { FailureCause, NewNode, Node, NodeHead, Task } from "../core/model.ts";
import type { After } from "../core/node.ts";
import { resourcePayload } from "../core/task.ts";
import type { Json } from "../protocol/json.ts";
import type { DependencyPolicy, NodeStatus } from "../protocol/types.ts";
import {
  type HeadRow,
  headColumns,
  json,
  type ReplayedRow,
  type Row,
  toHead,
  toNode,
  toReplayed,
  type SliceRow,
} from "./node-rows.ts";
import type { Standing } from "./dependencies.ts";
import { boundedRows, type SliceBounds } from "./slices.ts";

const noLease = `
  lease_id = NULL, lease_owner = NULL, lease_expires_at_ms = NULL, lease_ttl_ms = NULL, fencing_token = NULL,
  progress = NULL, held_back_by = NULL`;

type NewNodeValues = [
  id: string,
  taskId: string,
  name: string | null,
  labels: string,
  priority: number,
  dependencies: string,
  payloadSchema: string,
  maxAttempts: number,
  maxLostAttempts: number | null,
  backoffMs: number,
  backoffMaxMs: number,
  ttlMs: number | null,
  onDependencyFailure: DependencyPolicy,
  taskPriority: number,
  taskPaused: number,
  nowMs: number,
  waitingOn: number,
  failingOn: number,
  labelSet: number | null,
  resources: string,
];

type AfterValues = [
  status: NodeStatus,
  result: string | null,
  failure: FailureCause | null,
  failedAttempts: number,
  lostAttempts: number,
  notBeforeMs: number | null,
  nowMs: number,
  nodeId: string,
];

export function nodeTable(db: Database) {
  const insert = db.prepare<null, NewNodeValues>(`
    INSERT INTO nodes (
      id, task_id, name, labels, priority, dependencies, payload_schema, max_attempts, max_lost_attempts, backoff_ms,
      backoff_max_ms, ttl_ms, on_dependency_failure, task_priority, task_paused, updated_at_ms, waiting_on, failing_on,
      label_set, resources, status)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'PENDING')`);

  // A task that leaves takes its nodes with it, some at a time: nobody sees them any more.
  const isThere = "NOT EXISTS (SELECT 1 FROM departing_tasks WHERE departing_tasks.task_id = nodes.task_id)";
  const head = db.prepare<HeadRow, [string]>(`SELECT ${headColumns} FROM nodes WHERE id = ? AND ${isThere}`);
  const exists = db.prepare<{ 1: 1 }, [string]>("SELECT 1 FROM nodes WHERE id = ?");
  const byName = db.prepare<{ id: string }, [string, string]>("SELECT id FROM nodes WHERE task_id = ? AND name = ?");
  const one = db.prepare<Row, [string]>(`SELECT * FROM nodes WHERE id = ? AND ${isThere}`);
  const ofTask = db.prepare<Row, [string]>("SELECT * FROM nodes WHERE task_id = ? ORDER BY row");
  const after = db.prepare<SliceRow, [number, number]>(`
    SELECT *,
      EXISTS (SELECT 1 FROM node_dependents WHERE dependency = nodes.row) AS has_dependents,
      iif(label_set IS NULL, '{}', (SELECT labels FROM label_sets WHERE id = nodes.label_set)) AS found_by,
      held_back_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM locks WHERE lease_id = held_back_by) AS held_in_vain
    FROM nodes WHERE row > ?1 ORDER BY row LIMIT ?2`);
  const outcome = db.prepare<{ status: NodeStatus; result_payload: string | null }, [string]>(`
    SELECT status, result_payload FROM nodes WHERE id = ?`);

  const change = db.prepare<{ row: number }, AfterValues>(`
    UPDATE nodes SET
      status = ?1, result_payload = ?2, failure = ?3, failed_attempts = ?4, lost_attempts = ?5, not_before_ms = ?6,
      acquired_at_ms = iif(?1 = 'PENDING', NULL, acquired_at_ms), updated_at_ms = ?7, ${noLease}
    WHERE id = ?8
    RETURNING row`);
  const canceled = `
    UPDATE nodes SET
      status = 'FAILED', failure = 'canceled', result_payload = ?1, updated_at_ms = ?2, not_before_ms = NULL, ${noLease}
    WHERE task_id = ?3`;
  const cancel = db.prepare<null, [string, number, string]>(`${canceled} AND status IN ('PENDING', 'RUNNING')`);
  const cancelInVain = db.prepare<null, [string, number, string]>(`${canceled} AND in_vain`);
  const setPriority = db.prepare<null, [number, string]>("UPDATE nodes SET priority = ?1 WHERE id = ?2");
  const repeatTask = db.prepare<null, [number, number, string]>(`
    UPDATE nodes SET task_priority = ?1, task_paused = ?2 WHERE task_id = ?3 AND status <> 'COMPLETED'`);

  return {
    /** The row of the new node. */
    insert(
      task: Task,
      node: NewNode,
      { waitingOn, failingOn }: Standing,
      labelSet: number | null,
      nowMs: number,
    ): number {
      const { policy } = node;
      const { lastInsertRowid } = insert.run(
        node.id,
        task.id,
        node.name,
        JSON.stringify(node.labels),
        node.priority,
        JSON.stringify(node.dependencies),
        JSON.stringify(node.payloadSchema),
        policy.maxAttempts,
        policy.maxLostAttempts,
        policy.backoffMs,
        policy.backoffMaxMs,
        policy.ttlMs,
        policy.onDependencyFailure,
        task.priority,
        Number(task.paused),
        nowMs,
        waitingOn,
        failingOn,
        labelSet,
        JSON.stringify(node.resources.map(resourcePayload)),
      );
      return Number(lastInsertRowid);
    },

    head: (nodeId: string): NodeHead | null => known(head.get(nodeId)),
    idByName: (taskId: string, name: string): string | null => byName.get(taskId, name)?.id ?? null,
    exists: (nodeId: string): boolean => exists.get(nodeId) !== null,
    one(nodeId: string): Node | null {
      const row = one.get(nodeId);
      return row === null ? null : toNode(row);
    },
    ofTask: (taskId: string): Node[] => ofTask.all(taskId).map(toNode),
    outcome(nodeId: string): { status: NodeStatus; result: Json } | null {
      const row = outcome.get(nodeId);
      return row === null ? null : { status: row.status, result: json(row.result_payload) };
    },

    /** What becomes of a node that runs no more, or never did; its row. */
    change(nodeId: string, to: After, nowMs: number): number {
      const payload = to.status === "PENDING" ? null : JSON.stringify(to.resultPayload);
      const changed = change.get(
        to.status,
        payload,
        to.failure,
        to.failedAttempts,
        to.lostAttempts,
        to.notBeforeMs,
        nowMs,
        nodeId,
      );
      return changed?.row ?? 0;
    },
    /** Everything that has not ended. */
    cancel(taskId: string, error: Json, nowMs: number): void {
      cancel.run(JSON.stringify(error), nowMs, taskId);
    },
    /** What was skipped, and would be PENDING again in a moment. */
    cancelInVain(taskId: string, error: Json, nowMs: number): void {
      cancelInVain.run(JSON.stringify(error), nowMs, taskId);
    },
    setPriority(nodeId: string, priority: number): void {
      setPriority.run(priority, nodeId);
    },
    /** Repeats on its nodes what a task says of its own. */
    repeatTask({ id, priority, paused }: Task): void {
      repeatTask.run(priority, Number(paused), id);
    },

    slice: (afterRow: number, bounds: SliceBounds): ReplayedRow[] =>
      boundedRows(
        after.iterate(afterRow, bounds.rows),
        bounds,
        ({ dependencies, payload_schema: schema, result_payload: payload }) =>
          dependencies.length + schema.length + (payload?.length ?? 0),
      ).map(toReplayed),
  };
}

const known = (row: HeadRow | null): NodeHead | null => (row === null ? null : toHead(row));
