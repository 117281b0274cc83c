import { atMost, type Figure, millis } from "./report.ts";
import type { Stage } from "./stage.ts";
import { median } from "./statistics.ts";

/** From starting the binary to its first answer, at a home that is there, beside new ones in turns. */
export async function measureStart(stage: Stage, home: string, what: string, wantedMs: number): Promise<Figure> {
  const found = { empty: [] as number[], filled: [] as number[] };
  for (let n = 0; n < stage.pace.starts; n++) {
    found.empty.push(await timeStart(stage, `beside-${home}-${n}`));
    found.filled.push(await timeStart(stage, home));
  }
  const filledMs = median(found.filled);
  return {
    name: `start to first answer, ${what} beside a new database`,
    value: millis(filledMs),
    beside: millis(median(found.empty)),
    number: filledMs,
    wanted: atMost(wantedMs),
  };
}

async function timeStart(stage: Stage, home: string): Promise<number> {
  const startedAt = performance.now();
  await using daemon = await stage.daemon(home);
  await daemon.client.call("Health", {});
  return performance.now() - startedAt;
}
