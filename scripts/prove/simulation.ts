import { join } from "node:path";
import { inLanes } from "./lanes.ts";
import { type Order, type Row, thousands } from "./proof.ts";
import type { Tally } from "./simulation/world.ts";
import { inWorker } from "./worker.ts";

const worker = join(import.meta.dir, "simulation", "simulate.ts");

/** Things that happen in one world: requests, turns, losses, crashes, jumps of the clocks. */
const eventsPerWorld = 1_000;
/** Made by one process, one after the other. */
const worldsPerProcess = 20;

/**
 * Promises 1 to 5 and 9: clients, clocks and misfortunes of a service in process are all driven by one row of choices, and
 * what the clients were told is held against the journal.
 *
 * The seed repeats everything: every tenth world is made twice, and both must have the same journal. `amount` is the number
 * of worlds, each with a seed of its own.
 */
export async function proveSimulation({ seed, amount, log }: Order): Promise<Row> {
  const parts = Array.from({ length: Math.ceil(amount / worldsPerProcess) }, (_, n) => n);
  let made = 0;
  const tallies = await inLanes(2, parts, async (n) => {
    const worlds = Math.min(worldsPerProcess, amount - n * worldsPerProcess);
    const first = seed + n * worldsPerProcess;
    const tally = await inWorker<Told>(worker, [first, worlds, eventsPerWorld].map(String));
    made += worlds;
    if (made % 200 === 0) log(`${thousands(made)} seeds`);
    return tally;
  });
  const sum = (name: keyof Told) => tallies.reduce((total, tally) => total + tally[name], 0);
  const [answers, losses, crashes, failures, jumps] = (
    ["answers", "losses", "crashes", "failures", "jumps"] as const
  ).map((name) => thousands(sum(name)));
  const misfortunes = `${losses} losses, ${crashes} crashes, ${failures} failed commits, ${jumps} clock jumps`;
  return {
    promise: "1, 2, 3, 4, 5, 9",
    method: "simulation",
    amount: `${thousands(amount)} seeds × ${thousands(eventsPerWorld)} events`,
    result: `0 of ${answers} answers wrong; ${misfortunes}; ${thousands(sum("repeated"))} repeated alike`,
    seed,
  };
}

type Told = Tally & { repeated: number };
