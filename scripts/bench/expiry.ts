import { limits } from "../../src/protocol/limits.ts";
import type { OwnDaemon } from "../demo/daemon.ts";
import { Bystander } from "./bystander.ts";
import { atMost, type Figure, millis, thousands } from "./report.ts";
import type { Stage } from "./stage.ts";

/** Long enough to acquire all leases and to start the daemon again before the first is over. */
const ttlSecs = 6;
const undisturbedMs = 500;
/** What others may be delayed by: a turn's length. */
const wantedMs = 50;

/** Very many leases that are due at the same moment: how long until all are rolled back, and who waits for it. */
export async function measureExpiry(stage: Stage): Promise<Figure[]> {
  const { leases } = stage.pace;
  const settings = { AGENTD_CONTEXT_EVENT_LIMIT: "0" };
  const task_id = await acquireMany(stage, settings, leases);
  // A start gives every live lease its full time again, all from the same moment.
  await using daemon = await stage.daemon("expiry", settings);
  using bystander = await Bystander.join(daemon);
  const dueMs = await commonDeadlineMs(daemon, task_id);
  const undisturbed = await bystander.during(() => Bun.sleep(undisturbedMs));
  await Bun.sleep(dueMs - Date.now() - 100);
  const { worstMs } = await bystander.during(() => allRolledBack(daemon));
  const tookMs = Date.now() - dueMs;
  return [
    {
      name: `${thousands(leases)} leases due at once; another client's CommitEvent`,
      value: `all rolled back in ${millis(tookMs)}; worst ${millis(worstMs)}`,
      beside: `worst ${millis(undisturbed.worstMs)} undisturbed`,
      number: worstMs,
      wanted: atMost(wantedMs),
    },
  ];
}

/** A task with so many live leases, left by a daemon that was stopped. */
async function acquireMany(stage: Stage, settings: Record<string, string>, leases: number): Promise<string> {
  await using daemon = await stage.daemon("expiry", settings);
  const { client } = daemon;
  const initial_nodes = Array.from({ length: leases }, () => ({ ttl_secs: ttlSecs }));
  const { task_id } = await client.call("RegisterTask", { goal: "expiry", initial_nodes });
  for (let acquired = 0; acquired < leases; acquired += limits.acquireMax) {
    await client.call("AcquireNextNode", { task_id, count: limits.acquireMax });
  }
  return task_id;
}

async function commonDeadlineMs({ client }: OwnDaemon, task_id: string): Promise<number> {
  const { nodes } = await client.call("TaskStatus", { task_id });
  const deadlines = new Set(nodes.map((node) => node.lease_expires_at_ms ?? 0));
  const [deadlineMs = 0] = deadlines;
  if (deadlines.size !== 1) throw new Error(`the leases are due at ${deadlines.size} different moments`);
  return deadlineMs;
}

async function allRolledBack({ client }: OwnDaemon): Promise<void> {
  // One question a turn: the next is asked when the last was answered.
  while ((await client.call("Metrics", {})).database.running_leases > 0);
}
