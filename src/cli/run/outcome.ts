import { RequestRefused } from "../../client/refusals.ts";
import { type Json, JsonRefused, parseJson } from "../../protocol/json.ts";
import type { AcquiredNode } from "../../protocol/methods/nodes.ts";
import { type Ending, stderrBytesMax, stdoutBytesMax } from "./supervised.ts";
import { claimOf } from "../environment.ts";
import { isLost, type Work } from "./lease.ts";
import { limits } from "../../protocol/limits.ts";

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

/** The end that is kept of an output that is no result. */
const tailChars = 16_384;

/** What a command that succeeded printed, as the result of its node. */
export interface CommandResult {
  value: Json;
  /** What is to be said where that is not the value it printed. */
  loss: string | null;
}

/** The result is what was printed, where that is one JSON value; else the end of it, with why it is that. */
function resultOf({ stdout, exit_code }: Ending): CommandResult {
  const read = valueOf(stdout);
  if ("value" in read) return { value: read.value, loss: null };
  const tail = stdout.text.slice(-tailChars).toWellFormed();
  const truncated = stdout.bytes > stdoutBytesMax || tail.length < stdout.text.length;
  const value = { stdout_tail: tail, exit_code, bytes: stdout.bytes, truncated, why: read.why };
  if (stdout.bytes === 0) return { value, loss: null };
  const kept = truncated
    ? `only the last ${tail.length} characters of its output are kept`
    : "its output is kept as text";
  return { value, loss: `${kept}, as it ${read.why} (${stdout.bytes} bytes)` };
}

/** What a command that failed said, as far as that is kept. */
function errorOf({ stderr }: Ending) {
  const { text, bytes } = stderr;
  return { stderr_tail: text, bytes, truncated: bytes > stderrBytesMax };
}

function valueOf({ text, bytes, isUtf8 }: Ending["stdout"]): { value: Json } | { why: string } {
  if (bytes === 0) return { why: "is empty" };
  if (bytes > stdoutBytesMax) return { why: `is longer than ${stdoutBytesMax} bytes` };
  if (!isUtf8) return { why: "is not UTF-8" };
  try {
    // The request around it is two levels deep.
    return { value: parseJson(text, limits.depthMax - 2) };
  } catch (cause) {
    if (cause instanceof JsonRefused) return { why: `is no JSON value agentd takes: ${cause.message}` };
    throw cause;
  }
}
