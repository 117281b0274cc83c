import type { NewNode, NodeHead, Task } from "../../src/core/model.ts";
import { noPolicy } from "../../src/core/dag/task-policy.ts";
import { defaultPolicyView, policyFields, type PolicyParams } from "../../src/protocol/node-fields.ts";
import { defaultPolicy } from "../../src/core/dag/node-policy.ts";
import type { NodeStatusView } from "../../src/protocol/methods/views.ts";

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
  const plain = { name: null, labels: {}, priority: 0, payloadSchema: {}, policy: defaultPolicy, resources: [] };
  return { id: "node", dependencies: [], ...plain, ...more };
}

export function newTask(more: Partial<Task> = {}): Task {
  const plain = { name: null, labels: {}, priority: 0, paused: false, policy: noPolicy };
  return { id: "task", goal: "goal", context: {}, createdAtMs: 1, ...plain, ...more };
}

/** A task's policy that demands nothing, as it is shown. */
export const noPolicyView = {
  require_intent: false,
  require_progress: false,
  require_result: false,
  require_bundle: false,
};

/** How a node is tried, as a client gives it, with no field at its default. */
export const policyOtherwise: PolicyParams = Object.fromEntries(
  policyFields.map(({ name, fallback, factor, options }) => [
    name,
    typeof fallback === "string" ? options.find((option) => option !== fallback) : (fallback ?? 0) / factor + 7,
  ]),
);

/** A PENDING node as TaskStatus shows it. */
export function nodeStatusView(more: Partial<NodeStatusView> = {}): NodeStatusView {
  return {
    id: "node",
    task_id: "task",
    status: "PENDING",
    dependencies: [],
    payload_schema: {},
    result_payload: null,
    acquired_at: null,
    lease_id: null,
    lease_owner: null,
    lease_expires_at: null,
    lease_expires_at_ms: null,
    fencing_token: null,
    updated_at: 0,
    name: null,
    labels: {},
    priority: 0,
    failed_attempts: 0,
    lost_attempts: 0,
    resources: [],
    ...defaultPolicyView,
    not_before_ms: null,
    progress: null,
    held_back_by: null,
    blocked_by: [],
    ...more,
  };
}
