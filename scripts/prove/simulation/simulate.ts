import { TestService } from "../../../test/service/harness.ts";
import { Chance } from "../chance.ts";
import { prepareLazily } from "../model/lazy-statements.ts";
import { type Tally, World } from "./world.ts";

/* A worker of the simulation proof: `simulate.ts SEED WORLDS EVENTS` prints what happened in them. */

/** Every so many worlds one is made twice. */
const repeatedEvery = 10;

const [seed, worlds, events] = process.argv.slice(2).map(Number);
if (seed === undefined || worlds === undefined || events === undefined)
  throw new Error("simulate.ts SEED WORLDS EVENTS");

prepareLazily();
using empty = new TestService();
empty.restart();

function simulate(its: number, count: number): { hash: string; tally: Tally } {
  using world = new World(new Chance(its), empty.database);
  try {
    return { hash: world.run(count), tally: world.tally };
  } catch (error) {
    throw new Error(
      `seed ${its} (with --seed ${its} it is found first): ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

try {
  const total: Tally = { answers: 0, rows: 0, losses: 0, crashes: 0, failures: 0, jumps: 0 };
  let repeated = 0;
  for (let n = 0; n < worlds; n++) {
    const { hash, tally } = simulate(seed + n, events);
    for (const name of Object.keys(total) as (keyof Tally)[]) total[name] += tally[name];
    if ((seed + n) % repeatedEvery !== 0) continue;
    repeated++;
    if (simulate(seed + n, events).hash !== hash)
      throw new Error(`seed ${seed + n} gives another journal the second time`);
  }
  console.log(JSON.stringify({ ...total, repeated }));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
