import * as v from "valibot";
import { defineMethod } from "../method.ts";
import { count, json, ok, owner, seq, text, ttlSecs, unixMs, unixSecs, uuid, waitMs } from "../types.ts";
import * as story from "./examples.ts";
import { contextEventView, nodeView, taskView } from "./views.ts";

const leased = { task_id: uuid, node_id: uuid, lease_id: uuid };
const lease = { task_id: story.task_id, node_id: story.node_id, lease_id: story.lease_id };

export const AcquireNextNode = defineMethod({
  summary:
    "Take the task's first runnable node under a lease, with all it needs to start; null when none is runnable (with wait_ms, by then) or none will ever be.",
  mutates: true,
  params: v.object({
    task_id: uuid,
    lease_owner: owner,
    wait_ms: v.nullish(waitMs, 0),
    ttl_secs: v.nullish(ttlSecs),
  }),
  result: v.nullable(
    v.object({
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
        completed_dependencies: v.array(v.object({ node_id: uuid, result_payload: json })),
        event_journal_limit: count,
        event_journal: v.array(contextEventView),
      }),
    }),
  ),
  refusals: ["NOT_FOUND"],
  example: {
    params: { task_id: story.task_id, lease_owner: "codex-1" },
    result: {
      task_id: story.task_id,
      node_id: story.node_id,
      lease_id: story.lease_id,
      lease_owner: "codex-1",
      lease_expires_at: story.lease_expires_at,
      lease_expires_at_ms: story.lease_expires_at_ms,
      fencing_token: 4,
      seq: 4,
      context: {
        task: {
          id: story.task_id,
          goal: "Port the parser",
          context: { repository: "widgets" },
          created_at: story.created_at,
        },
        node: {
          id: story.node_id,
          task_id: story.task_id,
          status: "RUNNING",
          dependencies: [story.earlier_node_id],
          payload_schema: { prompt: "write the parser" },
          result_payload: null,
          acquired_at: story.acquired_at,
          lease_id: story.lease_id,
          lease_owner: "codex-1",
          lease_expires_at: story.lease_expires_at,
          lease_expires_at_ms: story.lease_expires_at_ms,
          fencing_token: 4,
          updated_at: story.acquired_at,
        },
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

export const HeartbeatNode = defineMethod({
  summary: "Keep a running node: its lease then runs a full timeout from now.",
  mutates: true,
  params: v.object({ ...leased, ttl_secs: v.nullish(ttlSecs) }),
  result: v.object({ ok, lease_expires_at: unixSecs, lease_expires_at_ms: unixMs, seq }),
  refusals: ["NOT_FOUND", "INVALID_STATE", "LEASE_LOST"],
  example: {
    params: lease,
    result: {
      ok: true,
      lease_expires_at: story.lease_expires_at,
      lease_expires_at_ms: story.lease_expires_at_ms,
      seq: 4,
    },
  },
});

export const CompleteNode = defineMethod({
  summary: "End a running node with its result; nodes that waited for it may now run.",
  mutates: true,
  params: v.object({ ...leased, result_payload: json }),
  renamedParams: { payload: "result_payload" },
  result: v.object({ event_id: uuid, seq }),
  refusals: ["NOT_FOUND", "INVALID_STATE", "LEASE_LOST"],
  example: {
    params: { ...lease, result_payload: { files: ["src/parser.rs"] } },
    result: { event_id: story.event_id, seq: 5 },
  },
});

export const FailNode = defineMethod({
  summary: "End a running node with an error, kept as its result.",
  mutates: true,
  params: v.object({ ...leased, error_payload: json }),
  renamedParams: { payload: "error_payload" },
  result: v.object({ event_id: uuid, seq }),
  refusals: ["NOT_FOUND", "INVALID_STATE", "LEASE_LOST"],
  example: {
    params: { ...lease, error_payload: { message: "tests fail" } },
    result: { event_id: story.event_id, seq: 5 },
  },
});
