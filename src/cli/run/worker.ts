import type { Result } from "../../protocol/methods.ts";
import type { AcquiredNode } from "../../protocol/methods/nodes.ts";
import type { NodeChoice } from "../node/choice.ts";
import { pause } from "../../client/deadline.ts";
import { attempt, type Finished } from "./attempt.ts";
import { nodesIn, PatientClient } from "../patient-client.ts";
import { nameAndId } from "../node/text.ts";
import type { Work } from "./lease.ts";

/** Which nodes a worker takes, and how long it waits for one. */
export interface NodeSelection extends NodeChoice {
  /** Who is to hold the next node. Nodes that are worked on at once are not one owner's: their locks are not, either. */
  nextOwner: () => string;
  waitMs: number;
}

/** Why there was no further node: the task's state, or that none came in time. */
export type End = Result<"TaskStatus">["state"] | "NONE_CAME";

/** A daemon that answers a wait at once, as one without `wait_ms` would, is asked this often at most. */
const restMs = 100;

/** Takes nodes and runs the command for each, one after the other: a single one, or `all` until the task is COMPLETED or FAILED. */
export async function takeNodes(
  work: Work,
  selection: NodeSelection,
  all: boolean,
  show: (finished: Finished) => Promise<void>,
): Promise<End | undefined> {
  for (;;) {
    const taken = await take(work, selection);
    if (typeof taken === "string") return taken;
    work.session.note(`took node ${nameAndId(taken.node_id, taken.context.node.name)}`);
    await show(await attempt(taken, work));
    if (!all || work.stop.aborted) return undefined;
  }
}

async function take(
  { session, client, ttlSecs, stop }: Work,
  { waitMs, nextOwner, ...choice }: NodeSelection,
): Promise<AcquiredNode | End> {
  const wanted = { ...choice, lease_owner: nextOwner() };
  using waiting = new PatientClient(session);
  const deadline = performance.now() + waitMs;
  for (;;) {
    const params = { ...wanted, ttl_secs: ttlSecs };
    const taken = await waiting.take("AcquireNextNode", params, { giveUp: stop, deadline });
    const [node] = taken === null ? [] : nodesIn(taken);
    if (node !== undefined) return node;
    if (wanted.task_id !== undefined) {
      const task = await client.callInTime("TaskStatus", { task_id: wanted.task_id }, { giveUp: stop, deadline });
      if (task !== null && task.state !== "ACTIVE") return task.state;
    }
    if (performance.now() >= deadline) return "NONE_CAME";
    await pause(restMs, stop);
  }
}
