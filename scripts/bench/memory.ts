import type { OwnDaemon } from "../demo/daemon.ts";
import { finishAll, registerNodes } from "./fill.ts";
import { atMost, type Figure, thousands } from "./report.ts";
import type { Stage } from "./stage.ts";
import { measureStart } from "./starts.ts";
import { usageOf } from "./usage.ts";

/** Megabytes that so many active nodes should take at most, and those that finished: what one look differs from the next by. */
const [activeMbWanted, finishedMbWanted] = [60, 1];
const startMsWanted = 150;

/** What nodes cost in memory and at a start: while they are to be done, and when they are. */
export async function measureMemory(stage: Stage): Promise<Figure[]> {
  const home = "memory";
  const nodes = thousands(stage.pace.manyNodes);
  const idleMb = await restingMb(stage, "memory-idle");
  const registeredMb = await restingMb(stage, home, (daemon) => registerNodes(daemon, stage.pace.manyNodes));
  const activeMb = await restingMb(stage, home);
  await stage.settleDisk();
  const start = await measureStart(stage, home, `${nodes} active nodes`, startMsWanted);
  await restingMb(stage, home, finishAll);
  const finishedMb = await restingMb(stage, home);
  const aboveIdle = (what: string, mb: number, wantedMb: number): Figure => ({
    name: `memory above idle, ${nodes} ${what}`,
    value: `${(mb - idleMb).toFixed(1)} MB`,
    beside: `${idleMb.toFixed(1)} MB idle`,
    number: mb - idleMb,
    wanted: atMost(wantedMb),
  });
  return [
    aboveIdle("active nodes, just registered", registeredMb, activeMbWanted),
    aboveIdle("active nodes, after a restart", activeMb, activeMbWanted),
    aboveIdle("finished nodes, after a restart", finishedMb, finishedMbWanted),
    start,
  ];
}

/** Memory of a daemon started at this home, when it did `work` and was then left alone. */
async function restingMb(stage: Stage, home: string, work?: (daemon: OwnDaemon) => Promise<void>): Promise<number> {
  await using daemon = await stage.daemon(home);
  await daemon.client.call("Health", {});
  await work?.(daemon);
  await Bun.sleep(stage.pace.idleMs);
  return usageOf(daemon.pid).rssMb;
}
