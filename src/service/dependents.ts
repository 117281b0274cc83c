import { isRefusal, type Refusal } from "../core/decision.ts";
import { retryNode, skipNode } from "../core/node.ts";
import type { Context } from "./handler.ts";

/** After a node FAILED: those to be skipped for it, and so on down the DAG. */
export function skipDependents(failedId: string, context: Context): void {
  const failed = [failedId];
  for (const id of failed) {
    for (const node of context.store.dependentsOf(id, "skip")) {
      if (node.status !== "PENDING") continue;
      skip(node.id, context);
      failed.push(node.id);
    }
  }
}

/** Skips the node if one of its dependencies is FAILED already, and what depends on it. */
export function skipIfHopeless(nodeId: string, context: Context): void {
  const { store } = context;
  if (store.nodeHead(nodeId)?.status !== "PENDING" || store.failedDependencies(nodeId).length === 0) return;
  skip(nodeId, context);
  skipDependents(nodeId, context);
}

function skip(nodeId: string, { store, nowMs }: Context): void {
  const node = store.nodeHead(nodeId);
  if (node !== null) store.changeNode(skipNode(node, store.failedDependencies(nodeId), nowMs));
}

/**
 * Makes a FAILED node PENDING again, and every node that was skipped because of it and of nothing else: all their ids.
 * Refusals: NOT_FOUND, INVALID_STATE.
 */
export function retryWithSkipped(claim: { taskId: string; nodeId: string }, context: Context): string[] | Refusal {
  const { store, nowMs } = context;
  const { taskId, nodeId } = claim;
  const first = retryNode(store.nodeHead(nodeId), claim, store.failedDependencies(nodeId), nowMs);
  if (isRefusal(first)) return first;
  store.changeNode(first);
  const retried = [nodeId];
  for (const id of retried) {
    for (const node of store.dependentsOf(id, "skip")) {
      if (node.failure !== "skipped") continue;
      const next = retryNode(node, { taskId, nodeId: node.id }, store.failedDependencies(node.id), nowMs);
      if (isRefusal(next)) continue;
      store.changeNode(next);
      retried.push(node.id);
    }
  }
  return retried;
}
