import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { measureBundles } from "./bench/bundles.ts";
import { measureBursts } from "./bench/bursts.ts";
import { measureExpiry } from "./bench/expiry.ts";
import { measureCommand, measureIdle } from "./bench/footprint.ts";
import { measureLargeJournal, measureLargeTask } from "./bench/growth.ts";
import { measureLocks } from "./bench/locks.ts";
import { measureMemory } from "./bench/memory.ts";
import { measurePeers } from "./bench/peers.ts";
import { type Figure, isMet, table } from "./bench/report.ts";
import { measureRetention } from "./bench/retention.ts";
import { measureStalls } from "./bench/stalls.ts";
import { measureScale } from "./bench/scale.ts";
import { type Pace, Stage } from "./bench/stage.ts";
import { measureThroughput } from "./bench/throughput.ts";
import { measureWaiters } from "./bench/waiters.ts";
import { freshBinary } from "./demo/binary.ts";
import type { OwnDaemon } from "./demo/daemon.ts";

/*
 * Measures the built binary, every commit synced to the disk, each figure beside what bounds it and in the same run, as
 * only ratios survive a change of machine. docs/performance.md tells what bounds each.
 */

/** What is measured, in this order; idleness last, of a daemon that was left alone until then. */
const sections = {
  throughput: measureThroughput,
  peers: measurePeers,
  tasks: measureLargeTask,
  journal: measureLargeJournal,
  scale: measureScale,
  locks: measureLocks,
  bundles: measureBundles,
  retention: measureRetention,
  bursts: measureBursts,
  expiry: measureExpiry,
  stalls: measureStalls,
  waiters: measureWaiters,
  memory: measureMemory,
  command: measureCommand,
  idle: async (stage: Stage, idle: OwnDaemon) => measureIdle(idle, stage.pace),
};
type Section = keyof typeof sections;
const all = Object.keys(sections) as Section[];

const usage = `Measures dist/agentd and prints a table.

  bun run bench                 everything, in a quarter of an hour
  bun run bench --quick         a first look, in three minutes
  bun run bench SECTION…        only these: ${all.join(", ")}
  bun run bench --json FILE     also writes the figures to FILE
  bun run bench --beside AGENTD also measures another agentd, in the section peers

A figure that misses what is wanted of it is marked; it does not change the exit status.`;

const paces = {
  full: {
    warmUpMs: 400,
    measureMs: 1_200,
    rounds: 5,
    peerRounds: 3,
    largeJournalRows: 1_000_000,
    largeTaskNodes: 10_000,
    manyNodes: 100_000,
    manyTasks: 10_000,
    manyLocks: 10_000,
    burstNodes: 10_000,
    leases: 5_000,
    cliRuns: 40,
    starts: 10,
    idleMs: 5_000,
  },
  quick: {
    warmUpMs: 200,
    measureMs: 400,
    rounds: 1,
    peerRounds: 1,
    largeJournalRows: 50_000,
    largeTaskNodes: 3_000,
    manyNodes: 10_000,
    manyTasks: 1_000,
    manyLocks: 1_000,
    burstNodes: 2_000,
    leases: 1_000,
    cliRuns: 10,
    starts: 3,
    idleMs: 1_000,
  },
} satisfies Record<string, Pace>;

async function main(): Promise<void> {
  const wanted = readArguments();
  if (wanted === null) return;
  const startedAt = performance.now();
  await using stage = new Stage(await freshBinary(), wanted.quick ? paces.quick : paces.full, wanted.beside);
  const figures = await Promise.race([measure(stage, wanted.sections), interruption()]);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`\n${table(figures)}\n\n${seconds} s on ${navigator.hardwareConcurrency} cores`);
  const judged = figures.map((figure) => ({ ...figure, met: isMet(figure) }));
  if (wanted.json !== undefined)
    await Bun.write(wanted.json, `${JSON.stringify({ seconds, figures: judged }, null, 2)}\n`);
}

async function measure(stage: Stage, wanted: readonly Section[]): Promise<Figure[]> {
  await stage.settleDisk();
  const idle = await stage.daemon("idle");
  const figures: Figure[] = [];
  for (const section of wanted) {
    console.error(`${section} …`);
    figures.push(...(await sections[section](stage, idle)));
  }
  return figures;
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
    beside: { type: "string" },
  } as const;
  const { values, positionals } = parseArgs({ args: Bun.argv.slice(2), options, allowPositionals: true });
  const { help, beside = null, ...wanted } = values;
  if (help) console.log(usage);
  const unknown = positionals.find((word) => !(word in sections));
  if (unknown !== undefined) throw new Misused(`there is no section ${unknown}`);
  if (beside !== null && !existsSync(beside)) throw new Misused(`there is no ${beside}`);
  const chosen = all.filter((section) => positionals.length === 0 || positionals.includes(section));
  return help ? null : { ...wanted, beside: beside === null ? null : resolve(beside), sections: chosen };
}

class Misused extends Error {}

await main().catch((error: unknown) => {
  const misparsed = error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  const misused = misparsed || error instanceof Misused;
  if (!misused && !(error instanceof Interrupted)) throw error;
  console.error(misused ? `${error.message}\n\n${usage}` : error.message);
  process.exit(1);
});
