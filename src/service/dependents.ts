import { isRefusal } from "../core/decision.ts";
import { retryNode, skipNode } from "../core/node.ts";
import type { Context } from "./handler.ts";
import { duePerTurnMax } from "./turns.ts";

/** What became of nodes because of others, and whether some are left for later turns. */
interface Followed {
  /** Ids of the nodes that are PENDING again. */
  retried: string[];
  left: boolean;
}

/**
 * Skips what is to be skipped after nodes FAILED, and makes PENDING again what was skipped for nodes that are FAILED no
 * more, and so on down the DAG: so many nodes at once that nobody is held up.
 */
export function followFailures(context: Context): Followed {
  const retried: string[] = [];
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

function retrySome(limit: number, { store, nowMs }: Context): string[] {
  return store.nodesSkippedInVain(limit).map((node) => {
    const { id: nodeId, taskId } = node;
    const retried = retryNode(node, { taskId, nodeId }, [], nowMs);
    if (isRefusal(retried)) throw new Error(retried.message);
    store.changeNode(retried);
    return nodeId;
  });
}
