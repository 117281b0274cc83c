import { parseArgs } from "node:util";
import { proveDisk } from "./prove/disk.ts";
import { proveFailingIo } from "./prove/failing-io.ts";
import { proveClocks } from "./prove/clocks.ts";
import { proveCrowds } from "./prove/crowds.ts";
import { proveHostileClients } from "./prove/hostile-clients.ts";
import { proveHostileLines } from "./prove/hostile-lines.ts";
import { proveKill } from "./prove/kill.ts";
import { proveModel } from "./prove/model.ts";
import { proveMutants } from "./prove/mutants.ts";
import { provePowerLoss } from "./prove/power-loss.ts";
import { proveSoak } from "./prove/soak.ts";
import { proveStrangers } from "./prove/strangers.ts";
import { Disproved, type Order, type Row, table } from "./prove/proof.ts";
import { proveSimulation } from "./prove/simulation.ts";

/*
 * Tries to break what agentd promises, each promise in the way named for it, and prints what came of it. The first
 * proofs run the service without its process, where a seed repeats everything; the others run the built binary and know
 * it from outside only.
 */

/** A proof, and how much of it there is in each cut, in its own unit; 0 where it is left out. */
interface Proof {
  run: (order: Order) => Promise<Row>;
  quick: number;
  full: number;
  long: number;
}

/** In the order they run. */
const proofs: Record<string, Proof> = {
  model: { run: proveModel, quick: 150, full: 20_000, long: 1_000_000 },
  simulation: { run: proveSimulation, quick: 10, full: 2_000, long: 100_000 },
  "power-loss": { run: provePowerLoss, quick: 250, full: 10_000, long: 500_000 },
  "failing-io": { run: proveFailingIo, quick: 18, full: 720, long: 36_000 },
  kill: { run: proveKill, quick: 15, full: 500, long: 25_000 },
  disk: { run: proveDisk, quick: 1, full: 12, long: 1_000 },
  "hostile-lines": { run: proveHostileLines, quick: 20_000, full: 1_000_000, long: 50_000_000 },
  "hostile-clients": { run: proveHostileClients, quick: 1, full: 4, long: 200 },
  crowds: { run: proveCrowds, quick: 1, full: 12, long: 200 },
  clocks: { run: proveClocks, quick: 1, full: 20, long: 2_000 },
  strangers: { run: proveStrangers, quick: 1, full: 4, long: 500 },
  soak: { run: proveSoak, quick: 5, full: 90, long: 28_800 },
  mutants: { run: proveMutants, quick: 0, full: 100, long: 100 },
};
const all = Object.keys(proofs);

const usage = `Tries to break what agentd promises, and prints what came of it.

  bun run prove                 everything
  bun run prove --quick         a first look
  bun run prove --long          for hours
  bun run prove --only NAME     only this one (may be repeated): ${all.join(", ")}
  bun run prove --seed N        repeats the choices of an earlier run, as far as processes can be repeated

It ends with status 1 when a promise was broken, or a proof could not be made.`;

interface Wanted {
  cut: "quick" | "full" | "long";
  only: readonly string[];
  seed: number;
}

async function main(): Promise<void> {
  const wanted = readArguments();
  if (wanted === null) return;
  // What is open then closes with the process.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1));
  const startedAt = performance.now();
  const rows: Row[] = [];
  for (const name of wanted.only) rows.push(await prove(name, wanted));
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`\n${table(rows)}\n\n${seconds} s on ${navigator.hardwareConcurrency} cores`);
}

async function prove(name: string, { cut, seed }: Wanted): Promise<Row> {
  const proof = proofs[name];
  if (proof === undefined) throw new Misused(`there is no proof ${name}`);
  const startedAt = performance.now();
  const log = (line: string) => console.error(`${name}: ${line}`);
  log(`seed ${seed} …`);
  try {
    const row = await proof.run({ seed, amount: proof[cut], log });
    log(`${row.result}, in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    return row;
  } catch (error) {
    if (!(error instanceof Disproved)) throw error;
    process.exitCode = 1;
    log(`BROKEN: ${error.message}\nagain with: bun run prove --only ${name} --seed ${seed}`);
    return { promise: "", method: name, amount: "", result: "BROKEN, see above", seed };
  }
}

/** Null when the answer was the usage. */
function readArguments(): Wanted | null {
  const options = {
    help: { type: "boolean", short: "h", default: false },
    quick: { type: "boolean", default: false },
    long: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    seed: { type: "string" },
  } as const;
  const { help, quick, long, only: named, seed } = parseArgs({ args: Bun.argv.slice(2), options }).values;
  if (help) console.log(usage);
  if (quick && long) throw new Misused("--quick and --long exclude each other");
  const unknown = named?.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Misused(`there is no proof ${unknown}`);
  const cut = quick ? "quick" : long ? "long" : "full";
  const has = (name: string) => proofs[name]?.[cut] !== 0;
  const only = named ?? all.filter(has);
  const missing = only.find((name) => !has(name));
  if (missing !== undefined) throw new Misused(`there is nothing of ${missing} in this cut`);
  const number = seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(seed);
  if (!Number.isSafeInteger(number) || number < 0) throw new Misused(`a seed is a whole number, not ${seed}`);
  return help ? null : { cut, only, seed: number };
}

class Misused extends Error {}

await main().catch((error: unknown) => {
  const misparsed = error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  if (!misparsed && !(error instanceof Misused)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exit(1);
});
