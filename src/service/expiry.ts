import type { Context } from "./handler.ts";
import { expire } from "./locks.ts";
import { expiredPerTurnMax, rollBack } from "./nodes.ts";

/** Rolls back nodes and ends locks whose lease is over, the longest overdue first. */
export function expireDue(context: Context): void {
  const { store, nowMs } = context;
  for (const node of store.dueNodes(nowMs, expiredPerTurnMax)) rollBack(node, context);
  for (const lock of store.dueLocks(nowMs, expiredPerTurnMax)) expire(lock, context);
}
