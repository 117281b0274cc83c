import * as v from "valibot";
import * as story from "../methods/examples.ts";
import { policyTold } from "../node-fields.ts";
import { defineTransition } from "../transition.ts";
import { integer, lockMode, nodeStatus, text, unixMs } from "../types.ts";
import { anything, counted, id, inWords } from "./values.ts";

const labels = v.record(v.string(), text);

/** What a node is beside its id; only what is not the default. */
const newNode = {
  id,
  dependencies: v.array(id),
  payload_schema: anything,
  name: v.optional(text),
  labels: v.optional(labels),
  priority: v.optional(integer),
  ...policyTold,
  resources: v.optional(v.array(v.object({ resource_key: text, mode: v.optional(lockMode), scope: v.optional(text) }))),
};
const demanded = v.optional(v.literal(true));
const policy = v.object({
  require_intent: demanded,
  require_progress: demanded,
  require_result: demanded,
  require_bundle: demanded,
});

const examples = [
  { id: story.earlier_node_id, dependencies: [], payload_schema: { prompt: "write the lexer" }, name: "lexer" },
  {
    id: story.node_id,
    dependencies: [story.earlier_node_id],
    payload_schema: { prompt: "write the parser" },
    name: "parser",
    max_attempts: 3,
    resources: [{ resource_key: "dir:src/parser", scope: story.scope }],
  },
];

export const REGISTER_TASK = defineTransition({
  summary: "A task was registered, with its nodes.",
  subject: "task",
  payload: v.object({
    goal: text,
    context: anything,
    name: v.optional(text),
    labels: v.optional(labels),
    priority: v.optional(integer),
    policy: v.optional(policy),
    nodes: v.array(v.object(newNode)),
  }),
  topics: ["work"],
  sentence: ({ goal, name, nodes }) =>
    `registered${name === undefined ? "" : ` as "${name}"`} with ${counted(nodes.length, "node")}${inWords(goal)}`,
  example: { goal: "Port the parser", context: { repository: "widgets" }, name: "port", nodes: examples },
});

export const ADD_NODES = defineTransition({
  summary: "Nodes were added to a task, by the worker of the row's node where it names one.",
  subject: "task",
  payload: v.object({
    nodes: v.array(v.object(newNode)),
    expand_before: v.array(id),
    lease_id: v.optional(id),
  }),
  topics: ["work"],
  sentence: ({ nodes, expand_before: before, lease_id: lease }, brief) =>
    `${counted(nodes.length, "node")} added${lease === undefined ? "" : ` under lease ${brief(lease)}`}${before.length === 0 ? "" : `, before ${before.map(brief).join(", ")}`}`,
  example: { nodes: examples.slice(0, 1), expand_before: [story.node_id], lease_id: story.lease_id },
});

export const CANCEL_TASK = defineTransition({
  summary: "A task was canceled: all of its nodes that had not ended FAILED.",
  subject: "task",
  moves: [
    ["PENDING", "FAILED"],
    ["RUNNING", "FAILED"],
  ],
  payload: v.object({ reason: text }),
  topics: ["work", "lease"],
  sentence: ({ reason }) => `canceled${inWords(reason)}`,
  example: { reason: "the grammar is thrown away" },
});

export const PAUSE_TASK = defineTransition({
  summary: "A task was paused: none of its nodes is handed out.",
  subject: "task",
  payload: v.object({}),
  sentence: () => "paused",
  example: {},
});

export const RESUME_TASK = defineTransition({
  summary: "A paused task goes on.",
  subject: "task",
  payload: v.object({}),
  topics: ["work"],
  sentence: () => "resumed",
  example: {},
});

export const SET_PRIORITY = defineTransition({
  summary: "The priority of a task was set, or of one of its nodes where the row names it.",
  subject: "task",
  payload: v.object({ priority: integer }),
  sentence: ({ priority }) => `has priority ${priority}`,
  example: { priority: 10 },
});

export const ADOPT_TASK = defineTransition({
  summary: "A task came from a database of the original agentd, with its nodes as they stood.",
  subject: "task",
  payload: v.object({
    goal: text,
    context: anything,
    created_at_ms: unixMs,
    nodes: v.array(
      v.object({
        id,
        dependencies: v.array(id),
        payload_schema: anything,
        status: nodeStatus,
        result_payload: v.optional(anything),
        acquired_at_ms: v.optional(unixMs),
        lease_id: v.optional(v.nullable(id)),
        lease_owner: v.optional(v.nullable(text)),
      }),
    ),
  }),
  topics: ["work"],
  sentence: ({ goal, nodes }) => `adopted with ${counted(nodes.length, "node")}${inWords(goal)}`,
  example: {
    goal: "Port the parser",
    context: null,
    created_at_ms: story.deadline.lease_expires_at_ms,
    nodes: [{ id: story.node_id, dependencies: [], payload_schema: {}, status: "PENDING" }],
  },
});
