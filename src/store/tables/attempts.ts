import type { Database } from "bun:sqlite";
import type { Attempt } from "../../core/model.ts";
import type { ReplayedAttempt } from "../../core/journal/replayed.ts";
import { type Json, parseStored } from "../../protocol/json.ts";
import { boundedRows, type SliceBounds } from "./slices.ts";
import type { AttemptOutcome } from "../../protocol/types.ts";

interface Row {
  node: number;
  fencing_token: number;
  lease_id: string | null;
  lease_owner: string | null;
  started_at_ms: number;
  ended_at_ms: number;
  outcome: AttemptOutcome;
  error: string | null;
}

const fromNode = "SELECT row, fencing_token, lease_id, lease_owner, coalesce(acquired_at_ms, 0), ?1, ?2, ?3 FROM nodes";

/** Leases that have ended, taken from their nodes before these forget them. */
export function attemptTable(db: Database) {
  const end = db.prepare<null, [number, AttemptOutcome, string | null, number]>(`
    INSERT INTO attempts ${fromNode} WHERE row = ?4`);
  const endAll = db.prepare<null, [number, AttemptOutcome, string | null, string]>(`
    INSERT INTO attempts ${fromNode} WHERE task_id = ?4 AND status = 'RUNNING'`);
  const ofNode = db.prepare<Row, [string, number, number]>(`
    SELECT attempts.* FROM nodes JOIN attempts ON attempts.node = nodes.row
    WHERE nodes.id = ?1 AND attempts.fencing_token < (SELECT ?2) ORDER BY attempts.fencing_token DESC LIMIT (SELECT ?3)`);
  const byNodeRow = db.prepare<Row, [number]>("SELECT * FROM attempts WHERE node = ? ORDER BY fencing_token");
  const byLease = db.prepare<Row, [string, string]>(`
    SELECT attempts.* FROM nodes JOIN attempts ON attempts.node = nodes.row
    WHERE nodes.id = ? AND attempts.lease_id = ?`);

  return {
    /** The attempt that runs on the node ends. */
    end(row: number, outcome: AttemptOutcome, error: Json | undefined, nowMs: number): void {
      end.run(nowMs, outcome, stored(error), row);
    },
    /** As `end`, for all that runs of a task. */
    endAll(taskId: string, outcome: AttemptOutcome, error: Json | undefined, nowMs: number): void {
      endAll.run(nowMs, outcome, stored(error), taskId);
    },
    /** The newest ones that began before a fencing token was given, oldest first. */
    ofNode: (nodeId: string, beforeToken: number, bounds: SliceBounds): Attempt[] =>
      boundedRows(ofNode.iterate(nodeId, beforeToken, bounds.rows), bounds)
        .toReversed()
        .map(toAttempt),
    byLease(nodeId: string, leaseId: string): Attempt | null {
      const row = byLease.get(nodeId, leaseId);
      return row === null ? null : toAttempt(row);
    },
    replayedOf: (nodeRow: number): ReplayedAttempt[] =>
      byNodeRow.all(nodeRow).map((row) => ({
        fencingToken: row.fencing_token,
        leaseId: row.lease_id,
        leaseOwner: row.lease_owner,
        startedAtMs: row.started_at_ms,
        endedAtMs: row.ended_at_ms,
        outcome: row.outcome,
        error: row.error,
      })),
  };
}

const stored = (error: Json | undefined): string | null => (error === undefined ? null : JSON.stringify(error));

function toAttempt(row: Row): Attempt {
  return {
    leaseId: row.lease_id,
    owner: row.lease_owner,
    fencingToken: row.fencing_token,
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms,
    outcome: row.outcome,
    error: row.error === null ? null : parseStored(row.error),
  };
}
