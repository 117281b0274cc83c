import { RequestRefused } from "../../client/refusals.ts";
import type { Json } from "../../protocol/json.ts";
import type { AcquiredNode } from "../../protocol/methods/nodes.ts";
import type { Ending } from "./supervised.ts";
import { claimOf } from "../environment.ts";
import { isLost } from "./lease.ts";
import { errorOf, resultOf } from "./result.ts";
import type { Work } from "./hold.ts";

/** What became of a node that was taken. */
export interface Outcome {
  outcome: "COMPLETED" | "FAILED" | "RELEASED" | "LEASE_LOST";
  /** Why, where the command's end does not say it. */
  reason: string | null;
}

/** Ends the node as its command ended: exit status 0 completes it, interruption releases it, all else fails it. */
export async function settle(node: AcquiredNode, work: Work, ending: Ending): Promise<Outcome> {
  if (ending.interrupted) return release(node, work, "interrupted");
  const { exit_code, signal } = ending;
  try {
    if (exit_code !== 0) return await fail(node, work, { exit_code, signal, ...errorOf(ending) });
    const { value, loss } = resultOf(ending);
    if (loss !== null) work.session.warn(`node ${node.node_id}: ${loss}`);
    return await complete(node, work, value);
  } catch (cause) {
    if (!(cause instanceof RequestRefused)) throw cause;
    if (isLost(cause)) return asLost(cause);
    // A daemon with narrower limits than the contract's, or a bug of its own: the node must not run again and again.
    const message = `the command's result was refused: ${cause.message}`;
    return fail(node, work, { exit_code, signal, message });
  }
}

async function complete(node: AcquiredNode, { client, giveUp }: Work, result_payload: unknown): Promise<Outcome> {
  await client.callOnce("CompleteNode", { ...claimOf(node), result_payload }, giveUp);
  return { outcome: "COMPLETED", reason: null };
}

async function fail(
  node: AcquiredNode,
  { client, giveUp }: Work,
  error_payload: { message?: string; [fact: string]: Json | undefined },
): Promise<Outcome> {
  const { status } = await client.callOnce("FailNode", { ...claimOf(node), error_payload }, giveUp);
  const { message = null } = error_payload;
  return { outcome: "FAILED", reason: status === "PENDING" ? (message ?? "it has attempts left") : message };
}

export function asLost(refusal: RequestRefused): Outcome {
  return { outcome: "LEASE_LOST", reason: refusal.message };
}

/** Gives the node back, so that it can be taken again at once. */
export async function release(node: AcquiredNode, { client, giveUp }: Work, reason: string): Promise<Outcome> {
  try {
    await client.callOnce("ReleaseNode", claimOf(node), giveUp);
    return { outcome: "RELEASED", reason };
  } catch (cause) {
    if (cause instanceof RequestRefused && isLost(cause)) return asLost(cause);
    throw cause;
  }
}

/**
 * Notes in the journal what happens to the node's command. Gives the refusal when the node is no longer ours; what else
 * is wrong with a note must not stop the work.
 */
export async function journal(
  node: AcquiredNode,
  { client, giveUp }: Work,
  action_type: "START_COMMAND" | "END_COMMAND",
  payload: Json,
): Promise<RequestRefused | undefined> {
  try {
    await client.callOnce("CommitEvent", { ...claimOf(node), action_type, payload }, giveUp);
  } catch (cause) {
    if (!(cause instanceof RequestRefused)) throw cause;
    if (isLost(cause)) return cause;
  }
  return undefined;
}
