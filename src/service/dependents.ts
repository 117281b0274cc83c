import { isRefusal } from "../core/decision.ts";
import type { NodeHead } from "../core/model.ts";
import { retryNode, skipNode } from "../core/node.ts";
import type { Context } from "./handler.ts";
import { duePerTurnMax } from "./turns.ts";

/** What became of nodes because of others, and whether some are left for later turns. */
interface Followed {
  /** Nodes that are PENDING again, of any task. */
  retried: NodeHead[];
  left: boolean;
}

/**
 * Skips what is to be skipped after nodes FAILED, and makes PENDING again what was skipped for nodes that are FAILED no
 * more, and so on down the DAG: so many nodes at once that nobody is held up.
 */
export function followFailures(context: Context): Followed {
  const retried: NodeHead[] = [];
  for (let room = duePerTurnMax; room > 0;) {
    const skipped = skipSome(room, context);
    const again = retrySome(room - skipped, context);
    if (skipped + again.length === 0) return { retried, left: false };
    retried.push(...again);
    room -= skipped + again.length;
  }
  return { retried, left: true };
}

function skipSome(limit: number, { store, nowMs }: Context): number {
  const hopeless = store.nodesToSkip(limit);
  for (const node of hopeless) store.changeNode(skipNode(node, store.failedDependencies(node.id), nowMs));
  return hopeless.length;
}

function retrySome(limit: number, { store, nowMs }: Context): NodeHead[] {
  const skipped = store.nodesSkippedInVain(limit);
  for (const node of skipped) {
    const retried = retryNode(node, { taskId: node.taskId, nodeId: node.id }, [], nowMs);
    if (isRefusal(retried)) throw new Error(retried.message);
    store.changeNode(retried);
  }
  return skipped;
}
