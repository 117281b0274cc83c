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
  const retried: NodeHead[] = [];
  const timeLeft = hasTime(context);
  for (let done = 0; done < duePerTurnMax && timeLeft();) {
    // A few at a time: one alone may have thousands behind it.
    const skipped = skipSome(taskId, context);
    const again = retrySome(taskId, context);
    if (skipped + again.length === 0) break;
    retried.push(...again);
    done += skipped + again.length;
  }
  return retried;
}

const atOnce = 16;

function skipSome(taskId: string | null, { apply, reads, nowMs }: Context): number {
  const hopeless = reads.dag.toSkip(taskId, atOnce);
  for (const node of hopeless) apply(nodeChanged(skipNode(node, reads.dag.failedOf(node.id), nowMs)));
  return hopeless.length;
}

function retrySome(taskId: string | null, { apply, reads, nowMs }: Context): NodeHead[] {
  const skipped = reads.dag.skippedInVain(taskId, atOnce);
  for (const node of skipped) {
    const retried = retryNode(node, { taskId: node.taskId, nodeId: node.id }, [], nowMs);
    if (isRefusal(retried)) throw new Error(retried.message);
    apply(nodeChanged(retried));
  }
  return skipped;
}
