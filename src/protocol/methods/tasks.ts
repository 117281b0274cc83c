import * as v from "valibot";
import { defineMethod } from "../method.ts";
import { iso, json, pageLimit, seq, statusCounts, taskState, text, uuid } from "../types.ts";
import * as story from "./examples.ts";
import { nodeStatusView, taskView } from "./views.ts";

export const RegisterTask = defineMethod({
  summary: "Store a goal and its DAG of nodes, all or nothing.",
  mutates: true,
  params: v.object({
    goal: text,
    context: v.optional(json, {}),
    initial_nodes: v.nullish(
      v.array(
        v.object({
          id: v.nullish(uuid),
          dependencies: v.nullish(v.array(uuid), []),
          payload_schema: v.optional(json, {}),
        }),
      ),
      [],
    ),
  }),
  result: v.object({ task_id: uuid, seq }),
  refusals: ["DUPLICATE_ID", "UNKNOWN_DEPENDENCY", "CYCLE", "LIMIT_EXCEEDED"],
  example: {
    params: {
      goal: "Port the parser",
      context: { repository: "widgets" },
      initial_nodes: [
        { id: story.earlier_node_id, payload_schema: { prompt: "write the grammar" } },
        { id: story.node_id, dependencies: [story.earlier_node_id], payload_schema: { prompt: "write the parser" } },
      ],
    },
    result: { task_id: story.task_id, seq: 1 },
  },
});

export const TaskStatus = defineMethod({
  summary: "Show a task, its derived state and every node in registration order.",
  mutates: false,
  aliases: ["GetTaskStatus", "get_task_status"],
  params: v.object({ task_id: uuid }),
  result: v.object({
    task: taskView,
    state: taskState,
    counts: statusCounts,
    nodes: v.array(nodeStatusView),
  }),
  refusals: ["NOT_FOUND"],
  example: {
    params: { task_id: story.task_id },
    result: {
      task: {
        id: story.task_id,
        goal: "Port the parser",
        context: { repository: "widgets" },
        created_at: story.created_at,
      },
      state: "ACTIVE",
      counts: { RUNNING: 1 },
      nodes: [
        {
          id: story.earlier_node_id,
          task_id: story.task_id,
          status: "RUNNING",
          dependencies: [],
          payload_schema: { prompt: "write the grammar" },
          result_payload: null,
          acquired_at: story.acquired_at,
          lease_id: story.lease_id,
          lease_owner: "codex-1",
          lease_expires_at: story.lease_expires_at,
          lease_expires_at_ms: story.lease_expires_at_ms,
          fencing_token: 2,
          updated_at: story.acquired_at,
          blocked_by: [],
        },
      ],
    },
  },
});

export const ListTasks = defineMethod({
  summary: "List tasks, newest first, a page at a time.",
  mutates: false,
  params: v.object({
    state: v.nullish(taskState),
    limit: v.nullish(pageLimit, 50),
    before: v.nullish(uuid),
  }),
  result: v.object({
    tasks: v.array(v.object({ id: uuid, goal: text, created_at: iso, state: taskState, counts: statusCounts })),
    next_before: v.nullable(uuid),
  }),
  refusals: ["NOT_FOUND"],
  example: {
    params: { state: "ACTIVE", limit: 1 },
    result: {
      tasks: [
        {
          id: story.task_id,
          goal: "Port the parser",
          created_at: story.created_at,
          state: "ACTIVE",
          counts: { PENDING: 1, RUNNING: 1 },
        },
      ],
      next_before: story.task_id,
    },
  },
});
