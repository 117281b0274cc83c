import type { Json } from "../../protocol/json.ts";
import type { Payload } from "../../protocol/transitions.ts";
import { type Decision, refuse } from "../decision.ts";
import { type EntryOf, entryOf } from "../journal/journal.ts";
import type { NewNode, NodeResource, Task } from "../model.ts";
import { policyPayload } from "./node-policy.ts";
import { demandsAny, taskPolicyPayload } from "./task-policy.ts";

/** The journal entry that records a new task, with all that replaying it needs. */
export function registerTask(task: Task, nodes: readonly NewNode[]): EntryOf<"REGISTER_TASK"> {
  const { goal, context, name, labels, priority, policy } = task;
  const payload: Payload<"REGISTER_TASK"> = {
    goal,
    context,
    ...(name === null ? {} : { name }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(priority === 0 ? {} : { priority }),
    ...(demandsAny(policy) ? { policy: taskPolicyPayload(policy) } : {}),
    nodes: nodes.map(nodePayload),
  };
  return entryOf("REGISTER_TASK", { taskId: task.id, nodeId: null }, payload, task.createdAtMs);
}

/** The entry that records nodes added to a task, which those of `expandBefore` wait for from then on. */
export function addNodes(
  taskId: string,
  nodes: readonly NewNode[],
  expandBefore: readonly string[],
  by: { nodeId: string; leaseId: string } | null,
  nowMs: number,
): EntryOf<"ADD_NODES"> {
  const payload = {
    nodes: nodes.map(nodePayload),
    expand_before: [...expandBefore],
    ...(by === null ? {} : { lease_id: by.leaseId }),
  };
  return entryOf("ADD_NODES", { taskId, nodeId: by?.nodeId ?? null }, payload, nowMs);
}

/** Everything that has not ended FAILED. */
export function cancelTask(
  task: Task,
  unended: number,
  reason: string,
  nowMs: number,
): Decision<EntryOf<"CANCEL_TASK">, "INVALID_STATE"> {
  if (unended > 0) return entryOf("CANCEL_TASK", { taskId: task.id, nodeId: null }, { reason }, nowMs);
  const message = `task ${task.id} cannot be canceled: none of its nodes is PENDING or RUNNING; TaskStatus shows how they ended`;
  return refuse("INVALID_STATE", message, { task_id: task.id });
}

/** The error of a node that a cancellation ended. */
export function cancellation(reason: string): Json {
  return { kind: "CANCELED", reason };
}

/** The entry that records that a task hands out nothing from now on, or again; null where it is so already. */
export function pauseTask(task: Task, paused: boolean, nowMs: number): EntryOf<"PAUSE_TASK" | "RESUME_TASK"> | null {
  if (task.paused === paused) return null;
  return entryOf(paused ? "PAUSE_TASK" : "RESUME_TASK", { taskId: task.id, nodeId: null }, {}, nowMs);
}

/** The entry that records the priority of a task, or of one of its nodes. */
export function setPriority(
  taskId: string,
  nodeId: string | null,
  priority: number,
  nowMs: number,
): EntryOf<"SET_PRIORITY"> {
  return entryOf("SET_PRIORITY", { taskId, nodeId }, { priority }, nowMs);
}

/** A node as the journal tells it: beside what the original knew, only what is not the default. */
function nodePayload(node: NewNode): Payload<"ADD_NODES">["nodes"][number] {
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
