import * as v from "valibot";
import { defineMethod } from "../method.ts";
import {
  acquireCount,
  count,
  json,
  labels,
  leaseSecs,
  ok,
  pageLimit,
  owner,
  progress,
  seq,
  spanSecs,
  text,
  unixMs,
  unixSecs,
  uuid,
  waitMs,
} from "../types.ts";
import * as story from "./examples.ts";
import { contextEventView, nodeView, progressView, taskView } from "./views.ts";

const leased = { task_id: uuid, node_id: uuid, lease_id: uuid };
const lease = { task_id: story.task_id, node_id: story.node_id, lease_id: story.lease_id };

/** A dependency with its result; with its status, and the error as result, where it FAILED. Where results are
 * too long together, one is null and said to be left out: TaskStatus tells it. */
const endedDependency = v.object({
  node_id: uuid,
  result_payload: json,
  status: v.optional(v.literal("FAILED")),
  result_omitted: v.optional(v.literal(true)),
});

const acquired = {
  task_id: uuid,
  node_id: uuid,
  lease_id: uuid,
  lease_owner: text,
  lease_expires_at: unixSecs,
  lease_expires_at_ms: unixMs,
  fencing_token: seq,
  seq,
  context: v.object({
    task: taskView,
    node: nodeView,
    completed_dependencies: v.array(endedDependency),
    event_journal_limit: count,
    event_journal: v.array(contextEventView),
  }),
};

/** A node just acquired, with all its worker needs to start. */
export const acquiredNode = v.object(acquired);
export type AcquiredNode = v.InferOutput<typeof acquiredNode>;

export const AcquireNextNode = defineMethod({
  summary:
    "Take the first runnable node under a lease, with all it needs to start, of one task or of any; null if none is runnable (with wait_ms: by then) or none ever will be.",
  mutates: true,
  params: v.object({
    task_id: v.nullish(uuid),
    lease_owner: owner,
    wait_ms: v.nullish(waitMs, 0),
    ttl_secs: v.nullish(leaseSecs),
    labels: v.nullish(labels),
    count: v.nullish(acquireCount),
  }),
  result: v.nullable(v.union([acquiredNode, v.object({ nodes: v.array(acquiredNode), seq })])),
  refusals: ["NOT_FOUND", "LIMIT_EXCEEDED"],
  example: {
    params: { task_id: story.task_id, lease_owner: "codex-1", wait_ms: 600_000 },
    result: {
      task_id: story.task_id,
      node_id: story.node_id,
      lease_id: story.lease_id,
      lease_owner: "codex-1",
      ...story.deadline,
      fencing_token: 4,
      seq: 4,
      context: {
        task: story.task,
        node: story.node,
        completed_dependencies: [{ node_id: story.earlier_node_id, result_payload: { grammar: "parser.y" } }],
        event_journal_limit: 50,
        event_journal: [
          {
            id: story.event_id,
            task_id: story.task_id,
            node_id: story.earlier_node_id,
            action_type: "COMPLETE_NODE",
            payload: { result: { grammar: "parser.y" } },
            timestamp: story.created_at,
          },
        ],
      },
    },
  },
});

/** The answer to an acquire that wished for one node. */
export function oneNode(result: v.InferOutput<typeof AcquireNextNode.result>): AcquiredNode | null {
  return result !== null && "nodes" in result ? (result.nodes[0] ?? null) : result;
}

export const HeartbeatNode = defineMethod({
  summary: "Renew the lease of a running node for its full time from now, and optionally report progress.",
  mutates: true,
  params: v.object({ ...leased, ttl_secs: v.nullish(leaseSecs), progress: v.nullish(progress) }),
  result: v.object({ ok, lease_expires_at: unixSecs, lease_expires_at_ms: unixMs, seq }),
  refusals: ["NOT_FOUND", "INVALID_STATE", "LEASE_LOST"],
  example: {
    params: { ...lease, progress: { percent: 40, message: "lexer done" } },
    result: { ok: true, ...story.deadline, seq: 4 },
  },
});

export const CompleteNode = defineMethod({
  summary: "End a running node with its result; nodes that waited for it may now run.",
  mutates: true,
  params: v.object({ ...leased, result_payload: json }),
  renamedParams: { payload: "result_payload" },
  result: v.object({ event_id: uuid, seq }),
  refusals: ["NOT_FOUND", "INVALID_STATE", "LEASE_LOST", "POLICY_UNMET"],
  example: {
    params: { ...lease, result_payload: { files: ["src/parser.rs"] } },
    result: { event_id: story.event_id, seq: 5 },
  },
});

export const FailNode = defineMethod({
  summary:
    "End a running node with an error, kept as its result; with attempts left the node is PENDING again instead.",
  mutates: true,
  params: v.object({ ...leased, error_payload: json }),
  renamedParams: { payload: "error_payload" },
  result: v.object({
    event_id: uuid,
    status: v.picklist(["FAILED", "PENDING"]),
    not_before_ms: v.nullable(unixMs),
    seq,
  }),
  refusals: ["NOT_FOUND", "INVALID_STATE", "LEASE_LOST"],
  example: {
    params: { ...lease, error_payload: { message: "tests fail" } },
    result: { event_id: story.event_id, status: "FAILED", not_before_ms: null, seq: 5 },
  },
});

export const ListRunningNodes = defineMethod({
  summary: "List the nodes somebody works on, of all tasks; the lease that ends first comes first.",
  mutates: false,
  params: v.object({ limit: v.nullish(pageLimit, 100) }),
  result: v.object({
    nodes: v.array(v.object({ ...nodeView.entries, progress: v.nullable(progressView) })),
    total: count,
  }),
  refusals: [],
  example: {
    params: { limit: 1 },
    result: { nodes: [{ ...story.node, progress: { percent: 40, message: "lexer done" } }], total: 3 },
  },
});

export const ReleaseNode = defineMethod({
  summary: "Release a running node: it is PENDING again, and the attempt does not count.",
  mutates: true,
  params: v.object({ ...leased, delay_secs: v.nullish(spanSecs, 0) }),
  result: v.object({ ok, not_before_ms: v.nullable(unixMs), seq }),
  refusals: ["NOT_FOUND", "INVALID_STATE", "LEASE_LOST"],
  example: { params: lease, result: { ok: true, not_before_ms: null, seq: 5 } },
});

export const RetryNode = defineMethod({
  summary:
    "Make a FAILED node PENDING again with all its attempts, and the nodes skipped because of it. node_ids names those that are PENDING at once; if there are hundreds, the rest follows in a moment.",
  mutates: true,
  params: v.object({ task_id: uuid, node_id: uuid }),
  result: v.object({ ok, node_ids: v.array(uuid), seq }),
  refusals: ["NOT_FOUND", "INVALID_STATE", "LIMIT_EXCEEDED"],
  example: {
    params: { task_id: story.task_id, node_id: story.node_id },
    result: { ok: true, node_ids: [story.node_id], seq: 6 },
  },
});
