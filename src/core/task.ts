import type { Json } from "../protocol/json.ts";
import { type Decision, refuse } from "./decision.ts";
import { actions, type Entry } from "./journal.ts";
import type { NewNode, NodeResource, Task } from "./model.ts";
import { policyPayload } from "./policy.ts";

/** The journal entry that records a new task, with all that replaying it needs. */
export function registerTask(task: Task, nodes: readonly NewNode[]): Entry {
  const { goal, context, name, labels, priority } = task;
  const payload: Json = {
    goal,
    context,
    ...(name === null ? {} : { name }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(priority === 0 ? {} : { priority }),
    nodes: nodes.map(nodePayload),
  };
  return entryOf(task.id, null, actions.registerTask, payload, task.createdAtMs);
}

/** The entry that records nodes added to a task, which those of `expandBefore` wait for from then on. */
export function addNodes(
  taskId: string,
  nodes: readonly NewNode[],
  expandBefore: readonly string[],
  by: { nodeId: string; leaseId: string } | null,
  nowMs: number,
): Entry {
  const payload = {
    nodes: nodes.map(nodePayload),
    expand_before: [...expandBefore],
    ...(by === null ? {} : { lease_id: by.leaseId }),
  };
  return entryOf(taskId, by?.nodeId ?? null, actions.addNodes, payload, nowMs);
}

/** Everything that has not ended FAILED. Refusal: INVALID_STATE when all has. */
export function cancelTask(task: Task, unended: number, reason: string, nowMs: number): Decision<Entry> {
  if (unended > 0) return entryOf(task.id, null, actions.cancelTask, { reason }, nowMs);
  const message = `task ${task.id} cannot be canceled: none of its nodes is PENDING or RUNNING; TaskStatus shows how they ended`;
  return refuse("INVALID_STATE", message, { task_id: task.id });
}

/** The error of a node that a cancellation ended. */
export function cancellation(reason: string): Json {
  return { kind: "CANCELED", reason };
}

/** The entry that records that a task hands out nothing from now on, or again; null where it is so already. */
export function pauseTask(task: Task, paused: boolean, nowMs: number): Entry | null {
  if (task.paused === paused) return null;
  return entryOf(task.id, null, paused ? actions.pauseTask : actions.resumeTask, {}, nowMs);
}

/** The entry that records the priority of a task, or of one of its nodes. */
export function setPriority(taskId: string, nodeId: string | null, priority: number, nowMs: number): Entry {
  return entryOf(taskId, nodeId, actions.setPriority, { priority }, nowMs);
}

/** A node as the journal tells it: beside what the original knew, only what is not the default. */
function nodePayload(node: NewNode): Json {
  const { id, name, labels, priority, dependencies, payloadSchema, policy, resources } = node;
  return {
    id,
    dependencies,
    payload_schema: payloadSchema,
    ...(name === null ? {} : { name }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(priority === 0 ? {} : { priority }),
    ...policyPayload(policy),
    ...(resources.length === 0 ? {} : { resources: resources.map(resourcePayload) }),
  };
}

/** A resource key as journal and tables tell it. */
export function resourcePayload({ resourceKey, mode, scope }: NodeResource) {
  return {
    resource_key: resourceKey,
    ...(mode === "exclusive" ? {} : { mode }),
    ...(scope === "" ? {} : { scope }),
  };
}

function entryOf(taskId: string, nodeId: string | null, actionType: string, payload: Json, timestampMs: number): Entry {
  return { id: null, taskId, nodeId, actionType, origin: "daemon", payload, timestampMs };
}
