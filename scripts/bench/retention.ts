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
  const bytes = fillJournal(stage.path("retention"), Math.max(20_000, stage.pace.largeJournalRows / 10));
  const daemon = await stage.daemon("retention");
  await cancelAll(daemon);
  using bystander = await Bystander.join(daemon);
  await stage.settleDisk();
  const undisturbed = await bystander.during(() => Bun.sleep(1_000));
  let pruned = 0;
  const { tookMs, worstMs } = await bystander.during(async () => {
    const report = await daemon.client.call("PruneJournal", { older_than_secs: 0 });
    pruned = report.rows;
  });
  // Pages are given back after the answer, some a turn.
  const shrinking = await bystander.during(() => Bun.sleep(1_000));
  await daemon[Symbol.asyncDispose]();
  const left = statSync(stage.path("retention", "agent_state.db")).size;
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
      value: `${(left / 1e6).toFixed(1)} MB`,
      beside: `${(bytes / 1e6).toFixed(1)} MB before`,
      number: left / 1e6,
      ratio: left / bytes,
      wanted: atMost(0.2),
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
