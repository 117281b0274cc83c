import { parseArgs } from "node:util";
import { measureCommand, measureIdle } from "./bench/footprint.ts";
import { measureLargeJournal, measureLargeTask } from "./bench/growth.ts";
import { type Figure, isMet, table } from "./bench/report.ts";
import { type Pace, Stage } from "./bench/stage.ts";
import { measureThroughput } from "./bench/throughput.ts";
import { freshBinary } from "./demo/binary.ts";

/*
 * Measures the built binary, every commit synced to the disk, each figure beside what bounds it and in the same run, as
 * only ratios survive a change of machine. docs/performance.md tells what bounds each.
 */

const usage = `Measures dist/agentd and prints a table.

  bun run bench                 everything, in under four minutes
  bun run bench --quick         a first look, in half a minute
  bun run bench --json FILE     also writes the figures to FILE

A figure that misses what is wanted of it is marked; it does not change the exit status.`;

const paces = {
  full: {
    warmUpMs: 400,
    measureMs: 1_500,
    rounds: 3,
    largeJournalRows: 1_000_000,
    largeTaskNodes: 10_000,
    cliRuns: 40,
    starts: 10,
    idleMs: 5_000,
  },
  quick: {
    warmUpMs: 200,
    measureMs: 400,
    rounds: 1,
    largeJournalRows: 50_000,
    largeTaskNodes: 3_000,
    cliRuns: 10,
    starts: 3,
    idleMs: 1_000,
  },
} satisfies Record<string, Pace>;

/** What is measured, in the table's order. */
const measures = [measureThroughput, measureLargeTask, measureLargeJournal, measureIdle, measureCommand];

async function main(): Promise<void> {
  const { help, quick, json } = readArguments();
  if (help) return console.log(usage);
  const startedAt = performance.now();
  const figures = await measure(quick ? paces.quick : paces.full);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`\n${table(figures)}\n\n${seconds} s on ${navigator.hardwareConcurrency} cores`);
  const all = figures.map((figure) => ({ ...figure, met: isMet(figure) }));
  if (json !== undefined) await Bun.write(json, `${JSON.stringify({ seconds, figures: all }, null, 2)}\n`);
}

async function measure(pace: Pace): Promise<Figure[]> {
  await using stage = new Stage(await freshBinary(), pace);
  const figures: Figure[] = [];
  for (const measured of measures) {
    console.error(`${measured.name} …`);
    figures.push(...(await measured(stage)));
  }
  return figures;
}

function readArguments() {
  try {
    const options = {
      help: { type: "boolean", short: "h", default: false },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
    } as const;
    return parseArgs({ args: Bun.argv.slice(2), options }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(1);
  }
}

await main();
