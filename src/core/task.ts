import type { Json } from "../protocol/json.ts";
import { actions, type Entry } from "./journal.ts";
import type { NewNode, Task } from "./model.ts";

/** The journal entry that records a new task, with all that replaying it needs. */
export function registerTask(task: Task, nodes: readonly NewNode[]): Entry {
  const payload: Json = {
    goal: task.goal,
    context: task.context,
    nodes: nodes.map(({ id, dependencies, payloadSchema }) => ({ id, dependencies, payload_schema: payloadSchema })),
  };
  return {
    id: null,
    taskId: task.id,
    nodeId: null,
    actionType: actions.registerTask,
    origin: "daemon",
    payload,
    timestampMs: task.createdAtMs,
  };
}
