import { tooManyActive } from "../../core/dag/dag.ts";
import { policyGiven } from "../../core/dag/node-policy.ts";
import { type Decision, isRefusal, type Refusal, type Unusable } from "../../core/decision.ts";
import type { NewNode } from "../../core/model.ts";
import type { ErrorKind } from "../../protocol/errors.ts";
import type { Json } from "../../protocol/json.ts";
import type { NewNodeParams } from "../../protocol/methods/tasks.ts";
import { type Context, type PendingAnswer, withBudget } from "../handler.ts";
import { nodeResources } from "../nodes/node-locks.ts";
import { nodeWords, type PlanName } from "./plan-names.ts";
import { inTurns } from "../turn/time-budget.ts";

/** So many nodes are read and stored in one turn: to store more takes others' time enough. */
const atOnceMax = 1_000;

/** Reads the nodes of a call, which thousands of resource keys may take several turns, and goes on with `then`. */
export function readNodes<T, Kinds extends ErrorKind>(
  wanted: readonly NewNodeParams[],
  then: (nodes: NewNode[], context: Context) => Decision<T, Kinds>,
  context: Context,
): Decision<T, Kinds | Unusable> | PendingAnswer<T, Kinds | Unusable> {
  const nodes: NewNode[] = [];
  let fault: Refusal<Unusable> | null = null;
  const read = ([index, node]: [number, NewNodeParams], now: Context): boolean => {
    const resources = nodeResources(node.resources, withBudget(now));
    if (isRefusal(resources)) {
      fault = { ...resources, message: `node ${nodeWords(planName(node, index))}: ${resources.message}` };
      return false;
    }
    nodes.push({
      id: node.id ?? now.newId(),
      name: node.name ?? null,
      labels: node.labels,
      priority: node.priority,
      dependencies: node.dependencies,
      payloadSchema: node.payload_schema as Json,
      policy: policyGiven(node),
      resources,
    });
    return true;
  };
  const reply = (now: Context): Decision<T, Kinds | Unusable> => fault ?? then(nodes, now);
  return inTurns(wanted.entries(), read, reply, context, { apart: wanted.length > atOnceMax });
}

/** Refuses nodes for which there is no room in memory, and those that a task which has ended would come back with. */
export function noRoom(taskId: string | null, added: number, { reads, settings }: Context) {
  const more = added + (taskId === null ? 0 : reads.nodes.countEnded(taskId));
  return more === 0 ? null : tooManyActive(reads.nodes.countActive() + more, settings.activeNodesMax);
}

export const planName = ({ id = null, name = null }: NewNodeParams, index: number): PlanName => ({
  name,
  id,
  place: `nodes[${index}]`,
});
