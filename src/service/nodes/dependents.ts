import { isRefusal } from "../../core/decision.ts";
import { nodeChanged } from "../../core/effects.ts";
import type { NodeHead } from "../../core/model.ts";
import { retryNode, skipNode } from "../../core/dag/node.ts";
import type { Context } from "../handler.ts";
import { duePerTurnMax, hasTime } from "../turn/time-budget.ts";

/**
 * Follows the changes of nodes down the DAG: skips what is to be skipped after nodes of the task, or of any, FAILED, and
 * makes PENDING again what was skipped for nodes that are FAILED no more. Nobody is held up by many of them: what is left is
 * done in later turns. Returns the nodes that are PENDING again.
 */
export function followChanges(taskId: string | null, context: Context): NodeHead[] {
  const { dag } = context.reads;
  const retried: NodeHead[] = [];
  const timeLeft = hasTime(context);
  for (let done = 0; done < duePerTurnMax && timeLeft(); done++) {
    const hopeless = dag.toSkip(taskId);
    const skipped = hopeless === null ? dag.skippedInVain(taskId) : null;
    if (hopeless !== null) skip(hopeless, context);
    else if (skipped !== null) retried.push(retry(skipped, context));
    else break;
  }
  return retried;
}

function skip(node: NodeHead, { apply, reads, nowMs }: Context): void {
  apply(nodeChanged(skipNode(node, reads.dag.failedOf(node.id), nowMs)));
}

function retry(node: NodeHead, { apply, nowMs }: Context): NodeHead {
  const retried = retryNode(node, { taskId: node.taskId, nodeId: node.id }, [], nowMs);
  if (isRefusal(retried)) throw new Error(retried.message);
  apply(nodeChanged(retried));
  return node;
}
