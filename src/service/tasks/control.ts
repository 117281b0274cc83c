import { type Decision, isRefusal } from "../../core/decision.ts";
import { ofTask } from "../../core/lease/lease.ts";
import { cancellation, cancelTask, pauseTask, setPriority } from "../../core/dag/task.ts";
import type { Context, Handlers } from "../handler.ts";
import { releaseLease } from "../nodes/node-locks.ts";
import { noTask } from "./tasks.ts";
import { hasTime } from "../turn/time-budget.ts";
import { present } from "../../protocol/present.ts";

export const controlHandlers = {
  CancelTask({ task_id: taskId, reason }, context) {
    const { apply, reads, nowMs } = context;
    const task = reads.tasks.find(taskId);
    if (task === null) return noTask(taskId);
    const { PENDING = 0, RUNNING = 0 } = present(reads.tasks.summary(taskId), "the summary of task", taskId).counts;
    const entry = cancelTask(task, PENDING + RUNNING, reason, nowMs);
    if (isRefusal(entry)) return entry;
    // What there is no time for is over with the task, and ends in later turns.
    const timeLeft = hasTime(context);
    for (const leaseId of reads.locks.leasesOfNodes(taskId)) {
      if (!timeLeft()) break;
      releaseLease(leaseId, context);
    }
    context.caches.forget();
    return {
      ok: true,
      canceled: PENDING + RUNNING,
      seq: apply({ kind: "cancelTask", taskId, error: cancellation(reason), entry }),
    };
  },

  PauseTask: ({ task_id: taskId }, context) => setPaused(taskId, true, context),
  ResumeTask: ({ task_id: taskId }, context) => setPaused(taskId, false, context),

  SetPriority({ task_id: taskId, node_id: nodeId = null, priority }, { apply, reads, nowMs }) {
    const task = reads.tasks.find(taskId);
    if (task === null) return noTask(taskId);
    const entry = setPriority(taskId, nodeId, priority, nowMs);
    if (nodeId === null)
      return {
        ok: true,
        seq: apply({ kind: "steerTask", task: { id: taskId, priority, paused: task.paused }, entry }),
      };
    const node = ofTask(reads.nodes.head(nodeId), { taskId, nodeId });
    return isRefusal(node) ? node : { ok: true, seq: apply({ kind: "setNodePriority", nodeId, priority, entry }) };
  },
} satisfies Partial<Handlers>;

function setPaused(
  taskId: string,
  paused: boolean,
  { apply, reads, nowMs }: Context,
): Decision<{ ok: true; seq: number }, "NOT_FOUND"> {
  const task = reads.tasks.find(taskId);
  if (task === null) return noTask(taskId);
  const entry = pauseTask(task, paused, nowMs);
  return {
    ok: true,
    seq:
      entry === null
        ? reads.head.seq
        : apply({ kind: "steerTask", task: { id: taskId, priority: task.priority, paused }, entry }),
  };
}
