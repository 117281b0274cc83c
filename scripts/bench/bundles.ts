import type { Client } from "../../src/client/client.ts";
import { Bystander } from "./bystander.ts";
import { RawClient } from "./raw-client.ts";
import { atMost, type Figure, millis } from "./report.ts";
import type { Stage } from "./stage.ts";
import { median } from "./statistics.ts";
import { request } from "./work.ts";

const bundles = 200;
const filesOfEach = 50;
/** Files there are: each is in some of the bundles. */
const files = 400;
const rounds = 3;
const scope = "bench";
const base = "1".repeat(40);
/** What a comparison may take, and what it may delay others by: a turn's length. */
const wanted = { tookMs: 1_000, worstMs: 50 };

/** How long it takes to compare two hundred bundles each with each, and how long that keeps another client waiting. */
export async function measureBundles(stage: Stage): Promise<Figure[]> {
  await using daemon = await stage.daemon("bundles");
  for (let n = 0; n < bundles; n++) await submit(daemon.client, n);
  using bystander = await Bystander.join(daemon);
  // Megabytes of an answer, parsed in this process, would keep the bystander waiting themselves.
  using raw = await RawClient.connect(daemon.socket);
  const line = request("ComparePatchBundles", { scope });
  const took: number[] = [];
  const worst: number[] = [];
  const undisturbed: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await stage.settleDisk();
    undisturbed.push((await bystander.during(() => Bun.sleep(wanted.worstMs))).worstMs);
    const { tookMs, worstMs } = await bystander.during(() => raw.ask(line));
    took.push(tookMs);
    worst.push(worstMs);
  }
  const name = `ComparePatchBundles, ${bundles} of ${filesOfEach} files`;
  const beside = `worst ${millis(Math.max(...undisturbed))} undisturbed`;
  return [
    { name, value: millis(median(took)), beside: "", number: median(took), wanted: atMost(wanted.tookMs) },
    {
      name: `${name}; another client's CommitEvent`,
      value: `worst ${millis(Math.max(...worst))}`,
      beside,
      number: median(worst),
      wanted: atMost(wanted.worstMs),
    },
  ];
}

/** Bundle `n` changes three places in each of its files. */
async function submit(client: Client, n: number): Promise<void> {
  const paths = Array.from({ length: filesOfEach }, (_, i) => `src/${(n * 7 + i * 13) % files}.ts`);
  const touched_paths = [...new Set(paths)];
  const hunks = [10, 100, 200].map((line) => `@@ -${line + n} +${line + n} @@\n-const a = ${n};\n+const b = ${n};\n`);
  const diff = touched_paths
    .map(
      (path) =>
        `diff --git a/${path} b/${path}\nindex 1111..2222 100644\n--- a/${path}\n+++ b/${path}\n${hunks.join("")}`,
    )
    .join("");
  const about = { provider: "bench", owner: `bench-${n}`, scope, base_revision: base, confidence: "medium" } as const;
  await client.call("SubmitPatchBundle", { ...about, touched_paths, diff, diff_exact: true, diff_summary: "bench" });
}
