import { freshBinary } from "../demo/binary.ts";
import { Chance } from "./chance.ts";
import { stepOften } from "./clocks/faketime.ts";
import { Story } from "./clocks/injected.ts";
import { stopOften } from "./clocks/stopped.ts";
import { Place } from "./place.ts";
import { Disproved, type Order, type Row, thousands } from "./proof.ts";

/** Stories and clock steps for each stop of the process. */
const storiesPerStop = 5;
const stepsPerStop = 4;

/**
 * Promise 9: no live lease runs out however the clocks go, and those nobody renews do.
 *
 * In process, clocks jump by an hour or ten days, stand still for hours and run on while the service is down, and the
 * seed repeats every step. The binary's wall clock is set an hour ahead and back by libfaketime, and its process is
 * stopped for up to 3 s: there the seed repeats when. `amount` is the number of stops.
 */
export async function proveClocks({ seed, amount, log }: Order): Promise<Row> {
  using place = new Place("clocks");
  const program = [await freshBinary()];
  const stories = tellStories(seed, amount * storiesPerStop);
  log(`${thousands(stories.jumps)} jumps, pauses and restarts in process`);
  const chance = new Chance(seed);
  const [stopped, stepped] = await Promise.all([
    stopOften(program, place.path, amount, chance.branch(0)),
    stepOften(program, place.path, amount * stepsPerStop, chance.branch(1)),
  ]);
  const steps =
    typeof stepped === "string"
      ? `SKIPPED steps of the binary's clock: ${stepped}`
      : `${amount * stepsPerStop} steps of ±1 h`;
  const expired = stopped.expired + (typeof stepped === "string" ? 0 : stepped.expired);
  return {
    promise: "9",
    method: "clocks",
    amount: `${thousands(stories.jumps)} jumps in process, ${steps}, ${amount} stops of up to 3 s`,
    result: `0 live leases expired; dead ones did, ${thousands(stories.ended)} in process, all ${expired} of the binary's`,
    seed,
  };
}

/** What the stories saw. @throws {Disproved} */
function tellStories(seed: number, count: number): { jumps: number; ended: number } {
  const sum = { jumps: 0, ended: 0 };
  for (let n = 0; n < count; n++) {
    using story = new Story(new Chance(seed + n));
    try {
      story.tell();
    } catch (error) {
      if (!(error instanceof Disproved)) throw error;
      throw new Disproved(`story ${n} (seed ${seed + n}): ${error.message}`);
    }
    sum.jumps += story.jumps;
    sum.ended += story.ended;
  }
  if (sum.jumps === 0 || sum.ended === 0) throw new Disproved("the stories had no jumps, or no lease in them ended");
  return sum;
}
