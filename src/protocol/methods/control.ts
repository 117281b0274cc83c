import * as v from "valibot";
import { defineMethod } from "../method.ts";
import { count, ok, priority, reason, seq, uuid } from "../types.ts";
import * as story from "./examples.ts";

const task = { task_id: story.task_id };

export const CancelTask = defineMethod({
  summary: "End every node of a task that has not ended: PENDING and RUNNING nodes become FAILED.",
  mutates: true,
  params: v.object({ task_id: uuid, reason }),
  result: v.object({ ok, canceled: count, seq }),
  refusals: ["NOT_FOUND", "INVALID_STATE"],
  example: { params: { ...task, reason: "the goal has changed" }, result: { ok: true, canceled: 2, seq: 7 } },
});

export const PauseTask = defineMethod({
  summary: "Stop handing out nodes of a task until ResumeTask; current leases go on.",
  mutates: true,
  params: v.object({ task_id: uuid }),
  result: v.object({ ok, seq }),
  refusals: ["NOT_FOUND"],
  example: { params: task, result: { ok: true, seq: 7 } },
});

export const ResumeTask = defineMethod({
  summary: "Hand out nodes of a paused task again.",
  mutates: true,
  params: v.object({ task_id: uuid }),
  result: v.object({ ok, seq }),
  refusals: ["NOT_FOUND"],
  example: { params: task, result: { ok: true, seq: 8 } },
});

export const SetPriority = defineMethod({
  summary: "Change which node goes first: the priority of a task among tasks, or of a node among nodes.",
  mutates: true,
  params: v.object({ task_id: uuid, node_id: v.nullish(uuid), priority }),
  result: v.object({ ok, seq }),
  refusals: ["NOT_FOUND"],
  example: { params: { ...task, priority: 10 }, result: { ok: true, seq: 7 } },
});
