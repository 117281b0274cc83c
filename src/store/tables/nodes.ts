import type { Database } from "bun:sqlite";
import { present } from "../../protocol/present.ts";
import type { SteeredTask } from "../../core/effects.ts";
import type { FailureCause, NewNode, Node, NodeHead } from "../../core/model.ts";
import type { After } from "../../core/dag/node.ts";
import { resourcePayload } from "../../core/dag/task.ts";
import { policyFields } from "../../protocol/node-fields.ts";
import type { Json } from "../../protocol/json.ts";
import type { NodeStatus } from "../../protocol/types.ts";
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
import { expectChange } from "./changes.ts";
import { boundedRows, type SliceBounds } from "./slices.ts";
import type { Outcome } from "../reads.ts";

const noLease = `
  lease_id = NULL, lease_owner = NULL, lease_expires_at_ms = NULL, lease_ttl_ms = NULL, fencing_token = NULL,
  progress = NULL, held_back_by = NULL`;

/** A node that is not stored yet, and what of it follows from what is. */
export interface ArrivingNode extends Standing {
  node: NewNode;
  labelSet: number | null;
}

/** What is stored of it, by column. */
const arrivingRow: Record<string, (arriving: ArrivingNode) => number | string | null> = {
  id: ({ node }) => node.id,
  name: ({ node }) => node.name,
  labels: ({ node }) => JSON.stringify(node.labels),
  priority: ({ node }) => node.priority,
  dependencies: ({ node }) => JSON.stringify(node.dependencies),
  payload_schema: ({ node }) => JSON.stringify(node.payloadSchema),
  ...Object.fromEntries(
    policyFields.map(({ stored, property }) => [stored, ({ node }: ArrivingNode) => node.policy[property]]),
  ),
  resources: ({ node }) => JSON.stringify(node.resources.map(resourcePayload)),
  waiting_on: ({ waitingOn }) => waitingOn,
  failing_on: ({ failingOn }) => failingOn,
  label_set: ({ labelSet }) => labelSet,
};
const arrivingColumns = Object.keys(arrivingRow);
const arrivingValues = Object.values(arrivingRow);

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
  // Many at once: to bind the values of each would take as long as to insert them.
  const insert = db.prepare<null, [string, string, number, number, number]>(`
    INSERT INTO nodes (
      ${arrivingColumns.join(", ")},
      task_id, task_priority, task_paused, updated_at_ms, status)
    SELECT ${arrivingColumns.map((_, place) => `value ->> ${place}`).join(", ")}, ?2, ?3, ?4, ?5, 'PENDING'
    FROM json_each(?1)`);

  // A task that leaves takes its nodes with it, some at a time: nobody sees them any more.
  const isThere = "NOT EXISTS (SELECT 1 FROM departing_tasks WHERE departing_tasks.task_id = nodes.task_id)";
  const head = db.prepare<HeadRow, [string]>(`SELECT ${headColumns} FROM nodes WHERE id = ? AND ${isThere}`);
  const exists = db.prepare<{ 1: 1 }, [string]>("SELECT 1 FROM nodes WHERE id = ?");
  const nameOf = db.prepare<{ name: string | null }, [string]>("SELECT name FROM nodes WHERE id = ?");
  const byName = db.prepare<{ id: string }, [string, string]>("SELECT id FROM nodes WHERE task_id = ? AND name = ?");
  const one = db.prepare<Row, [string]>(`SELECT * FROM nodes WHERE id = ? AND ${isThere}`);
  // The index alone says which come first; only those are read.
  const running = db.prepare<Row, [number]>(`
    SELECT nodes.* FROM (
      SELECT row FROM nodes WHERE status = 'RUNNING' ORDER BY lease_expires_at_ms, row LIMIT ?1) AS first
    CROSS JOIN nodes ON nodes.row = first.row`);
  const ofTask = db.prepare<Row, [string]>("SELECT * FROM nodes WHERE task_id = ? ORDER BY row");
  const after = db.prepare<SliceRow, [number, number]>(`
    SELECT *,
      EXISTS (SELECT 1 FROM node_dependents WHERE dependency = nodes.row) AS has_dependents,
      iif(label_set IS NULL, '{}', (SELECT labels FROM label_sets WHERE id = nodes.label_set)) AS found_by,
      held_back_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM locks WHERE lease_id = held_back_by) AS held_in_vain,
      (SELECT priority FROM tasks WHERE tasks.id = nodes.task_id) AS its_priority,
      (SELECT paused FROM tasks WHERE tasks.id = nodes.task_id) AS its_paused
    FROM nodes WHERE row > ?1 ORDER BY row LIMIT ?2`);
  // Its bytes are known without reading it.
  const payloadBytes = db.prepare<{ bytes: number }, [string]>(`
    SELECT coalesce(sum(
      octet_length(payload_schema) + octet_length(labels) + octet_length(resources)
      + coalesce(octet_length(result_payload), 0) + coalesce(octet_length(lease_owner), 0)), 0) AS bytes
    FROM nodes WHERE task_id = ?`);
  const outcome = db.prepare<{ status: NodeStatus; bytes: number; result_payload: string | null }, [string, number]>(`
    SELECT status, coalesce(octet_length(result_payload), 0) AS bytes,
      iif(octet_length(result_payload) <= ?2, result_payload, NULL) AS result_payload
    FROM nodes WHERE id = ?1`);

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
    /** In their order; the row of the first, which those of the others follow. */
    insert(task: SteeredTask, arriving: readonly ArrivingNode[], nowMs: number): number {
      const values = JSON.stringify(arriving.map(valuesOf));
      const { lastInsertRowid } = insert.run(values, task.id, task.priority, Number(task.paused), nowMs);
      return Number(lastInsertRowid) - arriving.length + 1;
    },

    head: (nodeId: string): NodeHead | null => known(head.get(nodeId)),
    idByName: (taskId: string, name: string): string | null => byName.get(taskId, name)?.id ?? null,
    exists: (nodeId: string): boolean => exists.get(nodeId) !== null,
    find(nodeId: string): Node | null {
      const row = one.get(nodeId);
      return row === null ? null : toNode(row);
    },
    /** Undefined where there is no such node. */
    nameOf: (nodeId: string): string | null | undefined => nameOf.get(nodeId)?.name,
    running: (bounds: SliceBounds): Node[] => boundedRows(running.iterate(bounds.rows), bounds).map(toNode),
    ofTask(taskId: string): Iterable<Node> {
      const rows = ofTask.all(taskId);
      return Iterator.from(rows).map(toNode);
    },
    payloadBytes: (taskId: string): number => present(payloadBytes.get(taskId), "the sum of payloads").bytes,
    outcome(nodeId: string, bytesMax: number): Outcome | null {
      const row = outcome.get(nodeId, bytesMax);
      if (row === null) return null;
      const { status, bytes, result_payload: result } = row;
      return { status, bytes, result: bytes > bytesMax ? null : { told: json(result) } };
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
      return present(changed, "the row of node", nodeId).row;
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
      expectChange(setPriority.run(priority, nodeId), "node", nodeId);
    },
    /** Repeats on its nodes what a task says of its own. */
    repeatTask({ id, priority, paused }: SteeredTask): void {
      repeatTask.run(priority, Number(paused), id);
    },

    slice: (afterRow: number, bounds: SliceBounds): ReplayedRow[] =>
      boundedRows(after.iterate(afterRow, bounds.rows), bounds).map(toReplayed),
  };
}

const known = (row: HeadRow | null): NodeHead | null => (row === null ? null : toHead(row));

const valuesOf = (arriving: ArrivingNode) => arrivingValues.map((valueOf) => valueOf(arriving));
