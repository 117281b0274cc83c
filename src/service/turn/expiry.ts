import { rollBack } from "../nodes/acquire.ts";
import { followChanges } from "../nodes/dependents.ts";
import type { Context } from "../handler.ts";
import { expireLeases } from "../locks/conflicts.ts";
import { duePerTurnMax, hasTime } from "./time-budget.ts";

/**
 * Rolls back nodes, ends locks and hands out again nodes whose time is over, the longest overdue first, and goes on with
 * what follows from failures.
 */
export function expireDue(context: Context): void {
  const { apply, reads, nowMs } = context;
  const timeLeft = hasTime(context);
  for (const node of reads.leases.due(nowMs, duePerTurnMax)) {
    rollBack(node, context);
    if (!timeLeft()) break;
  }
  for (const leaseId of reads.leases.dueLocks(nowMs, duePerTurnMax)) {
    expireLeases([leaseId], context);
    if (!timeLeft()) break;
  }
  followChanges(null, context);
  apply({ kind: "endDelays", nowMs, limit: duePerTurnMax });
}
