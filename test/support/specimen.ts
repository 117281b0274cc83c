import type { NewNode, NodeHead, Task } from "../../src/core/model.ts";
import { defaultPolicy } from "../../src/core/policy.ts";

/* What tests of the rules and of the store have to do with, but for what a case is about. */

/** A PENDING node that was never tried. */
export function nodeHead(more: Partial<NodeHead> = {}): NodeHead {
  return {
    id: "node",
    taskId: "task",
    status: "PENDING",
    lease: null,
    policy: defaultPolicy,
    failedAttempts: 0,
    lostAttempts: 0,
    failure: null,
    ...more,
  };
}

export function newNode(more: Partial<NewNode> = {}): NewNode {
  const plain = { name: null, labels: {}, priority: 0, payloadSchema: {}, policy: defaultPolicy };
  return { id: "node", dependencies: [], ...plain, ...more };
}

export function newTask(more: Partial<Task> = {}): Task {
  const plain = { name: null, labels: {}, priority: 0, paused: false };
  return { id: "task", goal: "goal", context: {}, createdAtMs: 1, ...plain, ...more };
}
