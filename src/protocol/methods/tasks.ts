import * as v from "valibot";
import { defineMethod } from "../method.ts";
import { limits } from "../limits.ts";
import { defaultPolicyView, policyParams } from "../node-fields.ts";
import {
  json,
  labels,
  listOf,
  name,
  nodeRef,
  nodeResources,
  noList,
  pageLimit,
  priority,
  seq,
  statusCounts,
  taskPolicy,
  taskState,
  text,
  uuid,
} from "../types.ts";
import * as story from "./examples.ts";
import { nodeStatusView, taskView } from "./views.ts";

/** A node as it is registered or added. */
export const newNode = noList(
  v.object({
    id: v.nullish(uuid),
    name: v.nullish(name),
    dependencies: v.nullish(v.array(nodeRef), []),
    payload_schema: v.optional(json, {}),
    labels: v.nullish(labels, {}),
    priority: v.nullish(priority, 0),
    ...policyParams,
    resources: v.nullish(nodeResources, []),
  }),
);
export type NewNodeParams = v.InferOutput<typeof newNode>;

const registeredNodes = v.array(v.object({ id: uuid, name: v.nullable(text) }));

export const RegisterTask = defineMethod({
  summary: "Store a goal and its DAG of nodes, all or nothing.",
  mutates: true,
  params: v.object({
    goal: text,
    context: v.optional(json, {}),
    name: v.nullish(name),
    labels: v.nullish(labels, {}),
    priority: v.nullish(priority, 0),
    policy: v.nullish(taskPolicy, {}),
    initial_nodes: v.nullish(v.array(newNode), []),
  }),
  renamedParams: { nodes: "initial_nodes" },
  newNodes: "initial_nodes",
  result: v.object({ task_id: uuid, nodes: registeredNodes, seq }),
  refusals: ["DUPLICATE_ID", "UNKNOWN_DEPENDENCY", "CYCLE", "LIMIT_EXCEEDED", "FILES_UNREACHABLE"],
  example: {
    params: {
      goal: "Port the parser",
      context: { repository: "widgets" },
      initial_nodes: [
        { id: story.earlier_node_id, name: "grammar", payload_schema: { prompt: "write the grammar" } },
        {
          id: story.node_id,
          name: "parser",
          dependencies: ["grammar"],
          payload_schema: { prompt: "write the parser" },
          max_attempts: 3,
          backoff_secs: 10,
          resources: [{ resource_key: "dir:src/parser", cwd: story.cwd }],
        },
      ],
    },
    result: {
      task_id: story.task_id,
      nodes: [
        { id: story.earlier_node_id, name: "grammar" },
        { id: story.node_id, name: "parser" },
      ],
      seq: 1,
    },
  },
});

export const AddNodes = defineMethod({
  summary: "Extend a task's DAG while it runs, all or nothing; existing nodes may be made to wait for the new ones.",
  mutates: true,
  params: v.object({
    task_id: uuid,
    nodes: v.pipe(v.array(newNode), v.minLength(1, "at least 1 node")),
    expand_before: v.nullish(listOf(nodeRef, { max: limits.taskNodesMax, of: ["node", "nodes"] }), []),
    lease_id: v.nullish(uuid),
  }),
  newNodes: "nodes",
  result: v.object({ nodes: registeredNodes, seq }),
  refusals: [
    "NOT_FOUND",
    "INVALID_STATE",
    "LEASE_LOST",
    "DUPLICATE_ID",
    "UNKNOWN_DEPENDENCY",
    "CYCLE",
    "LIMIT_EXCEEDED",
    "FILES_UNREACHABLE",
  ],
  example: {
    params: {
      task_id: story.task_id,
      nodes: [{ id: story.earlier_node_id, name: "lexer", payload_schema: { prompt: "write the lexer" } }],
      expand_before: ["parser"],
    },
    result: { nodes: [{ id: story.earlier_node_id, name: "lexer" }], seq: 3 },
  },
});

export const TaskStatus = defineMethod({
  summary: "Show a task, its derived state and every node in registration order, or one of them.",
  mutates: false,
  aliases: ["GetTaskStatus", "get_task_status"],
  params: v.object({ task_id: uuid, node_id: v.nullish(uuid), attempts: v.nullish(v.boolean(), false) }),
  result: v.object({
    task: taskView,
    state: taskState,
    counts: statusCounts,
    nodes: v.array(nodeStatusView),
  }),
  refusals: ["NOT_FOUND", "LIMIT_EXCEEDED"],
  example: {
    params: { task_id: story.task_id, node_id: story.node_id },
    result: {
      task: story.task,
      state: "ACTIVE",
      counts: { COMPLETED: 1, RUNNING: 1 },
      nodes: [
        {
          ...story.node,
          ...defaultPolicyView,
          max_attempts: 3,
          backoff_secs: 10,
          not_before_ms: null,
          progress: { percent: 40, message: "lexer done" },
          blocked_by: [],
          held_back_by: null,
        },
      ],
    },
  },
});

/** A task in a list: all but its context, which may be long. */
const { context: _, ...listedTask } = taskView.entries;
const { context: _told, ...listedExample } = story.task;

export const ListTasks = defineMethod({
  summary: "List tasks, newest first, a page at a time.",
  mutates: false,
  params: v.object({
    state: v.nullish(taskState),
    labels: v.nullish(labels),
    running: v.nullish(v.boolean(), false),
    limit: v.nullish(pageLimit, 50),
    before: v.nullish(uuid),
  }),
  result: v.object({
    tasks: v.array(v.object({ ...listedTask, state: taskState, counts: statusCounts })),
    next_before: v.nullable(uuid),
  }),
  refusals: ["NOT_FOUND"],
  example: {
    params: { state: "ACTIVE", limit: 1 },
    result: {
      tasks: [{ ...listedExample, state: "ACTIVE", counts: { PENDING: 1, RUNNING: 1 } }],
      next_before: story.task_id,
    },
  },
});
