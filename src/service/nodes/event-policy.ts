import { refuse } from "../../core/decision.ts";
import type { JournalFilter } from "../../core/journal/journal.ts";
import type { NodeHead } from "../../core/model.ts";
import { checkPolicy, demandedActions, demandsAny, noPolicy } from "../../core/dag/task-policy.ts";
import { describe } from "../../protocol/envelope.ts";
import { eventKind, eventPayloadFault } from "../../protocol/event-kinds.ts";
import { limits } from "../../protocol/limits.ts";
import type { Params } from "../../protocol/methods.ts";
import type { Context } from "../handler.ts";
import { present } from "../../protocol/present.ts";

/** What is wrong with the payload of an event that means the same to every agent. */
export function payloadFault(
  { task_id: taskId, action_type: actionType, payload }: Params<"CommitEvent">,
  { reads }: Context,
) {
  const kind = eventKind(actionType);
  if (kind === undefined) return null;
  const policy = reads.tasks.find(taskId)?.policy ?? noPolicy;
  const fault = eventPayloadFault(kind, payload, { inFull: demandsAny(policy) });
  if (fault === null) return null;
  const { expected } = fault;
  const path = ["params.payload", fault.path].filter(Boolean).join(".");
  const received = describe(fault.received);
  const message = `${path}: expected ${expected} of an event ${kind}, got ${received}; DescribeInterface shows its payload`;
  return refuse("INVALID_PARAMS", message, { path, expected, received });
}

/** What the task of a running node demands and its worker has not told under its lease. */
export function unmetPolicy({ id: nodeId, taskId, lease }: NodeHead, { reads }: Context) {
  const { policy } = present(reads.tasks.find(taskId), "the task of node", nodeId);
  if (!demandsAny(policy)) return null;
  const filter: JournalFilter = { taskId, nodeId, actionTypes: new Set<string>(demandedActions(policy)) };
  const chars = { scanCharsMax: limits.pageCharsMax, payloadCharsMax: limits.pageCharsMax };
  const bounds = { limit: limits.pageMax, scanMax: limits.pageScanMax, ...chars };
  const told = new Set<string>();
  let after = present(lease, "the lease of node", nodeId).fencingToken;
  do {
    const page = reads.journal.page(filter, after, bounds);
    for (const { actionType } of page.rows) told.add(actionType);
    after = page.nextAfterSeq;
  } while (after < reads.head.seq && checkPolicy(policy, nodeId, told) !== null);
  return checkPolicy(policy, nodeId, told);
}
