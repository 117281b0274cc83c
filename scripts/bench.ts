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
    measureMs: 1_200,
    rounds: 5,
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

async function main(): Promise<void> {
  const wanted = readArguments();
  if (wanted === null) return;
  const startedAt = performance.now();
  await using stage = new Stage(await freshBinary(), wanted.quick ? paces.quick : paces.full);
  const figures = await Promise.race([measure(stage), interruption()]);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`\n${table(figures)}\n\n${seconds} s on ${navigator.hardwareConcurrency} cores`);
  const all = figures.map((figure) => ({ ...figure, met: isMet(figure) }));
  if (wanted.json !== undefined)
    await Bun.write(wanted.json, `${JSON.stringify({ seconds, figures: all }, null, 2)}\n`);
}

async function measure(stage: Stage): Promise<Figure[]> {
  await stage.settleDisk();
  // Left alone until all else is measured.
  const idle = await stage.daemon("idle");
  const figures: Figure[] = [];
  for (const measured of [measureThroughput, measureLargeTask, measureLargeJournal, measureCommand]) {
    console.error(`${measured.name} …`);
    figures.push(...(await measured(stage)));
  }
  console.error("measureIdle …");
  return [...figures, ...(await measureIdle(idle, stage.pace))];
}

/** Rejects when the user has seen enough, so that everything is cleared away. */
async function interruption(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => reject(new Interrupted(`stopped by ${signal}`)));
  }
  return promise;
}

class Interrupted extends Error {}

/** Null when the answer was the usage. */
function readArguments() {
  const options = {
    help: { type: "boolean", short: "h", default: false },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
  } as const;
  const { help, ...wanted } = parseArgs({ args: Bun.argv.slice(2), options }).values;
  if (help) console.log(usage);
  return help ? null : wanted;
}

await main().catch((error: unknown) => {
  const misused = error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  if (!misused && !(error instanceof Interrupted)) throw error;
  console.error(misused ? `${error.message}\n\n${usage}` : error.message);
  process.exit(1);
});
