import { type ReplayedLock, type ReplayedNode, withAttempt } from "../../core/journal/replayed.ts";
import type { LockSliceRow, NodeSliceRow } from "../../store/tables/verification-reads.ts";
import { brief } from "./differences.ts";

/* What rows must say, where that is more than the journal tells of them. */

export interface Placed {
  place: number;
}

/** What is compared field by field: of places only the order counts. */
export function fieldsOf<Replayed extends Placed>(replayed: Replayed): Omit<Replayed, "place"> {
  const { place: _, ...fields } = replayed;
  return fields;
}

/** A lease ends its length from when it was last renewed, on a clock that may have been put right a little since. */
const endsInTime = (expiresAtMs: number, ttlMs: number, nowMs: number): boolean =>
  expiresAtMs <= nowMs + ttlMs + ttlMs / 100 + 60_000;

/** A node's fields. */
export function expectedNode(node: ReplayedNode, found: NodeSliceRow) {
  const { notBeforeMs, updatedAtMs, ...replayed } = fieldsOf(node);
  const isRunning = replayed.status === "RUNNING";
  return {
    ...replayed,
    // When a delay ends is not journalled, but it is not drawn out.
    notBeforeMs: found.notBeforeMs === null || notBeforeMs === null ? null : Math.min(found.notBeforeMs, notBeforeMs),
    // Heartbeats are not journalled.
    updatedAtMs: updatedAtMs === null || isRunning ? found.updatedAtMs : updatedAtMs,
    hasProgress: found.hasProgress && isRunning,
    leaseExpiresAtMs: isRunning ? (found.leaseExpiresAtMs ?? "some time") : null,
    leaseTtlMs: isRunning ? (found.leaseTtlMs ?? "some time") : null,
    leaseEndsInTime: true,
  };
}

/** A node's row as it is compared: its attempts told as a replay tells them. */
export function comparedNode({ attempts, ...row }: NodeSliceRow, nowMs: number) {
  const told = attempts.map(({ leaseOwner, error, ...attempt }) => ({
    ...attempt,
    leaseOwner: leaseOwner === null ? null : brief(leaseOwner),
    error: error === null ? null : brief(error),
  }));
  // One without the other is found by itself.
  const { leaseExpiresAtMs, leaseTtlMs } = row;
  return {
    ...row,
    attempts: told.reduce((all, attempt) => withAttempt(all, attempt, brief), ""),
    leaseEndsInTime:
      leaseExpiresAtMs === null || leaseTtlMs === null || endsInTime(leaseExpiresAtMs, leaseTtlMs, nowMs),
  };
}

/** A lock's fields, and those that follow from the node it is held for. */
export function expectedLock(lock: ReplayedLock, found: LockSliceRow) {
  const replayed = fieldsOf(lock);
  const ofNode = replayed.endsWithNode ? { expiresAtMs: found.nodeExpiresAtMs, ttlMs: found.nodeTtlMs } : {};
  return { ...replayed, leaseEndsInTime: true, ...ofNode };
}

export const comparedLock = (row: LockSliceRow, nowMs: number) => ({
  ...row,
  leaseEndsInTime: endsInTime(row.expiresAtMs, row.ttlMs, nowMs),
});
