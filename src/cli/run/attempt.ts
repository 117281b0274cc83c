import type { AcquiredNode } from "../../protocol/methods/nodes.ts";
import { type Ending, type RunRequest, runSupervised } from "./supervised.ts";
import { bind, hold, nodeLease, type Work } from "./lease.ts";
import { claimOf } from "../environment.ts";
import { asLost, journal, type Outcome, release, settle } from "./outcome.ts";

/** A node that was taken, and what became of it. */
export interface Finished extends Outcome {
  task_id: string;
  node_id: string;
  /** Null where its plan gave it none. */
  name: string | null;
  lease_id: string;
  exit_code: number | null;
  signal: string | null;
  duration_ms: number;
}

/**
 * Runs the command for one node: journals its start, keeps the lease while it runs, journals its end, and ends the node
 * accordingly. The command is ended when the lease is lost, when work is to stop, and when anything breaks here.
 * @throws {Failure} when it did not run to an end of its own making; its node is released then, for others to try.
 */
export async function attempt(node: AcquiredNode, work: Work): Promise<Finished> {
  const startedAt = performance.now();
  const refusal = await journal(node, work, "START_COMMAND", { command: work.command });
  if (refusal !== undefined) return finished(node, startedAt, notRun, asLost(refusal));
  const request = await requestFor(node, work);
  const supervised = await orRelease(node, work, async () => runSupervised(work.session.host.program, request));
  using _bound = bind(supervised, work);
  await using lease = hold(nodeLease(node, work.client, work.ttlSecs), work, supervised);
  const ending = await orRelease(node, work, supervised.ended);
  const { exit_code, signal, interrupted } = ending;
  const ended_by = lease.lost === undefined ? (interrupted ? "INTERRUPT" : null) : "LEASE_LOST";
  await journal(node, work, "END_COMMAND", { exit_code, signal, ended_by });
  const outcome = lease.lost === undefined ? await settle(node, work, ending) : asLost(lease.lost);
  return finished(node, startedAt, ending, outcome);
}

const notRun = { exit_code: null, signal: null };

function finished(
  node: AcquiredNode,
  startedAt: number,
  { exit_code, signal }: Pick<Ending, "exit_code" | "signal">,
  outcome: Outcome,
): Finished {
  return {
    ...claimOf(node),
    name: node.context.node.name,
    ...outcome,
    exit_code,
    signal,
    duration_ms: Math.round(performance.now() - startedAt),
  };
}

/** Does one step of running the command; where it fails, nobody is to wait for the lease of a node nobody works on. */
async function orRelease<Value>(node: AcquiredNode, work: Work, step: () => Promise<Value>): Promise<Value> {
  try {
    return await step();
  } catch (cause) {
    // What failed first is what there is to tell.
    await giveBack(node, work).catch(() => {});
    throw cause;
  }
}

async function giveBack(node: AcquiredNode, work: Work): Promise<void> {
  await journal(node, work, "END_COMMAND", { exit_code: null, signal: null, ended_by: "FAILURE" });
  await release(node, work, "its command was not run");
}

async function requestFor(node: AcquiredNode, { session, command, graceMs }: Work): Promise<RunRequest> {
  const { paths } = await session.locate();
  return {
    command,
    context: JSON.stringify(node.context),
    grace_ms: graceMs,
    environment: {
      AGENTD_HOME: paths.home,
      AGENTD_SOCKET_PATH: paths.socket,
      AGENTD_TASK_ID: node.task_id,
      AGENTD_NODE_ID: node.node_id,
      AGENTD_LEASE_ID: node.lease_id,
      AGENTD_OWNER: node.lease_owner,
    },
  };
}
