import type { Database } from "bun:sqlite";
import { present } from "../../protocol/present.ts";
import type { FailureCause, NewNode, NodeHead } from "../../core/model.ts";
import type { After } from "../../core/dag/node.ts";
import { defaultPolicy } from "../../core/dag/node-policy.ts";
import { resourcePayload } from "../../core/dag/task.ts";
import { policyFields } from "../../protocol/node-fields.ts";
import type { Json } from "../../protocol/json.ts";
import type { NodeStatus } from "../../protocol/types.ts";
import {
  activeColumns,
  type ActiveRow,
  type HeadRow,
  headColumns,
  json,
  type ReplayedRow,
  type Row,
  toHead,
  toReplayed,
} from "./node-rows.ts";
import { boundedRows, type SliceBounds } from "./slices.ts";
import type { Outcome } from "../reads.ts";

const noLease = `
  lease_id = NULL, lease_owner = NULL, lease_expires_at_ms = NULL, lease_ttl_ms = NULL, fencing_token = NULL,
  progress = NULL`;

/** What is stored of it, by column. */
type ArrivingRow = Record<string, (node: NewNode) => number | string | null>;

const plainRow: ArrivingRow = {
  id: ({ id }) => id,
  name: ({ name }) => name,
  dependencies: ({ dependencies }) => JSON.stringify(dependencies),
};
const wholeRow: ArrivingRow = {
  ...plainRow,
  labels: ({ labels }) => JSON.stringify(labels),
  priority: ({ priority }) => priority,
  ...Object.fromEntries(
    policyFields.map(({ stored, property }) => [stored, ({ policy }: NewNode) => policy[property]]),
  ),
};

/** Whether its plain row says it all, as the other columns have by themselves what it has. */
const isPlain = ({ labels, priority, policy }: NewNode): boolean =>
  priority === 0 && policy === defaultPolicy && Object.keys(labels).length === 0;

type AfterValues = [
  status: NodeStatus,
  result: string | null,
  failure: FailureCause | null,
  failedAttempts: number,
  lostAttempts: number,
  notBeforeMs: number | null,
  nowMs: number,
  row: number,
];

export function nodeTable(db: Database) {
  const insertPlain = inserting(plainRow, db);
  const insertWhole = inserting(wholeRow, db);
  const insertBodies = db.prepare<null, [string, number]>(`
    INSERT INTO node_bodies SELECT ?2 + key, value ->> 0, value ->> 1 FROM json_each(?1)`);
  const active = db.prepare<ActiveRow, []>(`
    SELECT ${activeColumns}, task FROM (SELECT row AS task, id AS its_id FROM tasks WHERE pending + running > 0)
    CROSS JOIN nodes ON nodes.task_id = its_id ORDER BY task, nodes.row`);
  const activeOf = db.prepare<ActiveRow, [number]>(`
    SELECT ${activeColumns}, task FROM (SELECT row AS task, id AS its_id FROM tasks WHERE row = ?)
    CROSS JOIN nodes ON nodes.task_id = its_id ORDER BY nodes.row`);

  // A task that leaves takes its nodes with it, some at a time: nobody sees them any more.
  const isThere = "NOT EXISTS (SELECT 1 FROM departing_tasks WHERE departing_tasks.task_id = nodes.task_id)";
  const head = db.prepare<HeadRow, [string]>(`SELECT ${headColumns} FROM nodes WHERE id = ? AND ${isThere}`);
  const taken = db.prepare<{ id: string }, [string]>(`
    SELECT value AS id FROM json_each(?) WHERE EXISTS (SELECT 1 FROM nodes WHERE id = value) LIMIT 1`);
  const nameOf = db.prepare<{ name: string | null }, [string]>("SELECT name FROM nodes WHERE id = ?");
  const byName = db.prepare<{ id: string }, [string, string]>("SELECT id FROM nodes WHERE task_id = ? AND name = ?");
  const whole = "SELECT nodes.*, payload_schema, resources FROM nodes CROSS JOIN node_bodies ON node = row";
  const one = db.prepare<Row, [string]>(`${whole} WHERE id = ? AND ${isThere}`);
  const atRow = db.prepare<Row, [number]>(`${whole} WHERE row = ?`);
  const ofTask = db.prepare<Row, [string]>(`${whole} WHERE task_id = ? ORDER BY row`);
  const after = db.prepare<Row, [number, number]>(`${whole} WHERE row > ?1 ORDER BY row LIMIT ?2`);
  // Its bytes are known without reading it.
  const payloadBytes = db.prepare<{ bytes: number }, [string]>(`
    SELECT coalesce(sum(
      octet_length(payload_schema) + octet_length(labels) + octet_length(resources)
      + coalesce(octet_length(result_payload), 0) + coalesce(octet_length(lease_owner), 0)), 0) AS bytes
    FROM nodes CROSS JOIN node_bodies ON node = row WHERE task_id = ?`);
  const outcome = db.prepare<{ status: NodeStatus; bytes: number; result_payload: string | null }, [string, number]>(`
    SELECT status, coalesce(octet_length(result_payload), 0) AS bytes,
      iif(octet_length(result_payload) <= ?2, result_payload, NULL) AS result_payload
    FROM nodes WHERE id = ?1`);

  const change = db.prepare<null, AfterValues>(`
    UPDATE nodes SET
      status = ?1, result_payload = ?2, failure = ?3, failed_attempts = ?4, lost_attempts = ?5, not_before_ms = ?6,
      acquired_at_ms = iif(?1 = 'PENDING', NULL, acquired_at_ms), updated_at_ms = ?7, ${noLease}
    WHERE row = ?8`);
  const cancel = db.prepare<null, [string, number, string]>(`
    UPDATE nodes SET
      status = 'FAILED', failure = 'canceled', result_payload = ?1, updated_at_ms = ?2, not_before_ms = NULL, ${noLease}
    WHERE row IN (SELECT value FROM json_each(?3))`);
  const extend = db.prepare<null, [string, string]>(`
    UPDATE nodes SET
      dependencies = rtrim(dependencies, ']') || iif(dependencies = '[]', '', ',') || ltrim(?2, '[')
    WHERE row IN (SELECT value FROM json_each(?1))`);
  const setPriority = db.prepare<null, [number, number]>("UPDATE nodes SET priority = ?1 WHERE row = ?2");
  const endDelay = db.prepare<null, [number]>("UPDATE nodes SET not_before_ms = NULL WHERE row = ?");
  const shiftDelays = db.prepare<null, [number, string]>(`
    UPDATE nodes SET not_before_ms = not_before_ms + ?1 WHERE row IN (SELECT value FROM json_each(?2))`);

  return {
    /** In their order; the row of the first, which those of the others follow. */
    insert(taskId: string, nodes: readonly NewNode[], nowMs: number): number {
      const first = (nodes.every(isPlain) ? insertPlain : insertWhole)(taskId, nodes, nowMs);
      insertBodies.run(JSON.stringify(nodes.map(bodyOf)), first);
      return first;
    },

    /** What comes into memory of tasks that have not ended, or of one that has. */
    active: (task: number | null): Iterable<ActiveRow> => (task === null ? active.iterate() : activeOf.all(task)),

    head: (nodeId: string): NodeHead | null => known(head.get(nodeId)),
    idByName: (taskId: string, name: string): string | null => byName.get(taskId, name)?.id ?? null,
    taken: (nodeIds: readonly string[]): string | null => taken.get(JSON.stringify(nodeIds))?.id ?? null,
    find: (nodeId: string): Row | null => one.get(nodeId),
    at: (row: number): Row => present(atRow.get(row), "a node's row", String(row)),
    /** Undefined where there is no such node. */
    nameOf: (nodeId: string): string | null | undefined => nameOf.get(nodeId)?.name,
    ofTask: (taskId: string): Row[] => ofTask.all(taskId),
    payloadBytes: (taskId: string): number => present(payloadBytes.get(taskId), "the sum of payloads").bytes,
    outcome(nodeId: string, bytesMax: number): Outcome | null {
      const row = outcome.get(nodeId, bytesMax);
      if (row === null) return null;
      const { status, bytes, result_payload: result } = row;
      return { status, bytes, result: bytes > bytesMax ? null : { told: json(result) } };
    },

    /** What becomes of a node that runs no more, or never did. */
    change(row: number, to: After, nowMs: number): void {
      const payload = to.status === "PENDING" ? null : JSON.stringify(to.resultPayload);
      const { status, failure, failedAttempts, lostAttempts, notBeforeMs } = to;
      change.run(status, payload, failure, failedAttempts, lostAttempts, notBeforeMs, nowMs, row);
    },
    cancel(rows: readonly number[], error: Json, nowMs: number): void {
      cancel.run(JSON.stringify(error), nowMs, JSON.stringify(rows));
    },
    /** Makes nodes wait for further ones. */
    extend(rows: readonly number[], added: readonly string[]): void {
      extend.run(JSON.stringify(rows), JSON.stringify(added));
    },
    setPriority(row: number, priority: number): void {
      setPriority.run(priority, row);
    },
    endDelay(row: number): void {
      endDelay.run(row);
    },
    shiftDelays(rows: readonly number[], byMs: number): void {
      shiftDelays.run(byMs, JSON.stringify(rows));
    },

    slice: (afterRow: number, bounds: SliceBounds): ReplayedRow[] =>
      boundedRows(after.iterate(afterRow, bounds.rows), bounds).map(toReplayed),
  };
}

/** Many at once: to bind the values of each would take as long as to insert them, and so would columns nobody tells. */
function inserting(row: ArrivingRow, db: Database) {
  const [columns, values] = [Object.keys(row), Object.values(row)];
  const insert = db.prepare<null, [string, string, number]>(`
    INSERT INTO nodes (${columns.join(", ")}, task_id, updated_at_ms, status)
    SELECT ${columns.map((_, place) => `value ->> ${place}`).join(", ")}, ?2, ?3, 'PENDING' FROM json_each(?1)`);
  return (taskId: string, nodes: readonly NewNode[], nowMs: number): number => {
    const rows = JSON.stringify(nodes.map((node) => values.map((valueOf) => valueOf(node))));
    return Number(insert.run(rows, taskId, nowMs).lastInsertRowid) - nodes.length + 1;
  };
}

const bodyOf = ({ payloadSchema, resources }: NewNode): [payloadSchema: string, resources: string] => [
  JSON.stringify(payloadSchema),
  JSON.stringify(resources.map(resourcePayload)),
];

const known = (row: HeadRow | null): NodeHead | null => (row === null ? null : toHead(row));
