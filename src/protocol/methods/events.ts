import * as v from "valibot";
import { limits } from "../limits.ts";
import { defineMethod } from "../method.ts";
import { count, json, key, listOf, pageLimit, seq, text, uuid, waitMs } from "../types.ts";
import * as story from "./examples.ts";
import { journalRowView } from "./views.ts";

export const CommitEvent = defineMethod({
  summary: "Append a client's event to the journal.",
  mutates: true,
  params: v.object({
    task_id: uuid,
    node_id: uuid,
    lease_id: v.nullish(uuid),
    action_type: v.nullish(text, "COMMIT_EVENT"),
    payload: json,
  }),
  renamedParams: { event_payload: "payload" },
  result: v.object({ event_id: uuid, seq }),
  refusals: ["NOT_FOUND", "LEASE_LOST"],
  example: {
    params: {
      task_id: story.task_id,
      node_id: story.node_id,
      lease_id: story.lease_id,
      action_type: "progress",
      payload: { done: "lexer" },
    },
    result: { event_id: story.event_id, seq: 5 },
  },
});

export const ListEvents = defineMethod({
  summary: "Read a page of the journal in seq order; with wait_ms, answer as soon as an event matches.",
  mutates: false,
  params: v.object({
    task_id: v.nullish(uuid),
    node_id: v.nullish(uuid),
    action_types: v.nullish(listOf(key, { max: limits.actionTypesMax, of: ["action type", "action types"] })),
    after_seq: v.nullish(seq, 0),
    limit: v.nullish(pageLimit, 100),
    wait_ms: v.nullish(waitMs, 0),
  }),
  result: v.object({
    events: v.array(journalRowView),
    next_after_seq: seq,
    last_seq: seq,
    pruned_rows: v.optional(count),
  }),
  refusals: ["EVENTS_PRUNED"],
  example: {
    params: { task_id: story.task_id, after_seq: 4, wait_ms: 30_000 },
    result: {
      events: [
        {
          seq: 5,
          id: story.event_id,
          task_id: story.task_id,
          node_id: story.node_id,
          action_type: "progress",
          origin: "client",
          payload: { done: "lexer" },
          timestamp: story.created_at,
        },
      ],
      next_after_seq: 5,
      last_seq: 5,
    },
  },
});
