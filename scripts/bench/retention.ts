import { statSync } from "node:fs";
import type { OwnDaemon } from "../demo/daemon.ts";
import { Bystander } from "./bystander.ts";
import { fillJournal } from "./fill.ts";
import { atMost, type Figure, millis, thousands } from "./report.ts";
import type { Stage } from "./stage.ts";

/** What pruning may delay others by, as any other work of the daemon's own: two turns' length. */
const worstMsMax = 100;

/** How long it takes to archive a journal, how long that keeps another client waiting, and what is left of the file. */
export async function measureRetention(stage: Stage): Promise<Figure[]> {
  const rows = stage.pace.largeJournalRows / 10;
  fillJournal(stage.path("retention"), rows);
  await using daemon = await stage.daemon("retention");
  await cancelAll(daemon);
  const path = stage.path("retention", "agent_state.db");
  using bystander = await Bystander.join(daemon);
  await stage.settleDisk();
  const bytes = statSync(path).size;
  const undisturbed = await bystander.during(() => Bun.sleep(1_000));
  let pruned = 0;
  const { tookMs, worstMs } = await bystander.during(async () => {
    const report = await daemon.client.call("PruneJournal", { older_than_secs: 0 });
    pruned = report.rows;
  });
  const shrinking = await bystander.during(() => untilShrunk(path, bytes / 10));
  const name = `PruneJournal, ${thousands(pruned)} rows`;
  return [
    { name, value: millis(tookMs), beside: `${thousands((pruned / tookMs) * 1000)} rows/s`, number: tookMs },
    {
      name: `${name}; another client's CommitEvent`,
      value: `worst ${millis(Math.max(worstMs, shrinking.worstMs))}`,
      beside: `worst ${millis(undisturbed.worstMs)} undisturbed`,
      number: Math.max(worstMs, shrinking.worstMs),
      wanted: atMost(worstMsMax),
    },
    {
      name: `${name}; the database's file after it`,
      value: `${(statSync(path).size / 1e6).toFixed(1)} MB`,
      beside: `${(bytes / 1e6).toFixed(1)} MB before`,
      number: statSync(path).size / 1e6,
      ratio: statSync(path).size / bytes,
      wanted: atMost(0.1),
    },
  ];
}

async function cancelAll({ client }: OwnDaemon): Promise<void> {
  for (;;) {
    const { tasks } = await client.call("ListTasks", { limit: 100 });
    const open = tasks.filter(({ state }) => state === "ACTIVE");
    if (open.length === 0) return;
    for (const { id } of open) await client.call("CancelTask", { task_id: id, reason: "bench" });
  }
}

/** Pages are given back after the answer, some a turn; the file follows with the next checkpoint. */
async function untilShrunk(path: string, bytes: number): Promise<void> {
  for (let tries = 0; tries < 600 && statSync(path).size > bytes; tries++) await Bun.sleep(50);
}
