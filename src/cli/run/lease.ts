import { RequestRefused } from "../../client/refusals.ts";
import { limits } from "../../protocol/limits.ts";
import type { Result } from "../../protocol/methods.ts";
import type { AcquiredNode } from "../../protocol/methods/nodes.ts";
import { pause, unlessAborted } from "./abort.ts";
import type { PatientClient } from "./patient-client.ts";

/** What in the journal may mean the end of a lease; asking the daemon tells whether it was ours. */
const endings = ["CANCEL_TASK", "TIMEOUT_ROLLBACK"];

/** A lease of no time at all must not make a client that never rests; a timer takes no more than 2³¹ ms. */
const restMs = { min: 100, max: 86_400_000 };

/** What names a node under its lease to the daemon. */
export function claimOf({ task_id, node_id, lease_id }: AcquiredNode) {
  return { task_id, node_id, lease_id };
}

/**
 * Renews a node's lease at a third of its time until `done`, and at once when the journal tells that something happened
 * to the node. Gives the daemon's refusal when the lease is lost, nothing when it was kept.
 */
export async function keepLease(
  node: AcquiredNode,
  client: PatientClient,
  watching: PatientClient,
  ttl_secs: number | undefined,
  done: AbortSignal,
): Promise<RequestRefused | undefined> {
  const renew = () => client.call("HeartbeatNode", { ...claimOf(node), ttl_secs }, done);
  try {
    return await Promise.race([renewInTime(node, renew, done), renewOnNews(node, renew, watching, done)]);
  } catch (cause) {
    if (done.aborted) return undefined;
    if (cause instanceof RequestRefused && isLost(cause)) return cause;
    throw cause;
  }
}

/** Whether a refusal means that the node is no longer ours. */
export function isLost({ kind }: RequestRefused): boolean {
  return kind === "LEASE_LOST" || kind === "INVALID_STATE" || kind === "NOT_FOUND";
}

async function renewInTime(
  node: AcquiredNode,
  renew: () => Promise<Result<"HeartbeatNode">>,
  done: AbortSignal,
): Promise<never> {
  let expiresAtMs = node.lease_expires_at_ms;
  for (;;) {
    const third = (expiresAtMs - Date.now()) / 3;
    await pause(Math.min(Math.max(third, restMs.min), restMs.max), done);
    expiresAtMs = (await renew()).lease_expires_at_ms;
  }
}

/** A command must not run for a third of a long lease after its task was canceled. */
async function renewOnNews(
  node: AcquiredNode,
  renew: () => Promise<unknown>,
  watching: PatientClient,
  done: AbortSignal,
): Promise<never> {
  const { task_id, node_id } = node;
  let after_seq = node.seq;
  try {
    for (;;) {
      const filter = { task_id, action_types: endings, after_seq };
      const page = await watching.call("ListEvents", { ...filter, wait_ms: limits.waitMsMax }, done);
      after_seq = page.next_after_seq;
      if (page.events.some((event) => event.node_id === null || event.node_id === node_id)) await renew();
    }
  } catch (cause) {
    if (!(cause instanceof RequestRefused) || isLost(cause)) throw cause;
    // Events pruned, or a daemon that lists none: renewing in time is what counts.
    return unlessAborted(new Promise<never>(() => {}), done);
  }
}
