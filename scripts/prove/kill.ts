import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freshBinary } from "../demo/binary.ts";
import { check } from "./kill/checker.ts";
import { live } from "./kill/era.ts";
import { inLanes } from "./lanes.ts";
import { Place } from "./place.ts";
import { Disproved, type Order, type Row, thousands } from "./proof.ts";

/** Each on a home of its own, so that one journal stays small enough to be checked in a second. */
const killsPerEra = 50;

/**
 * Promises 1 to 5: a daemon is killed at any moment under clients that keep their own history, and a program that knows
 * only the wire finds one order that explains every answer.
 *
 * The seed repeats what each client asks for as long as it is answered the same, and when the daemon is killed by the
 * clock; which request that hits the kernel decides. Histories with a violation are kept. `amount` is the number of kills.
 */
export async function proveKill({ seed, amount, log }: Order): Promise<Row> {
  using place = new Place("kill");
  const program = [await freshBinary()];
  const eras = Array.from({ length: Math.ceil(amount / killsPerEra) }, (_, n) => n);
  const checked = await inLanes(2, eras, async (n) => {
    const directory = join(place.path, `era-${n}`);
    mkdirSync(directory);
    const kills = Math.min(killsPerEra, amount - n * killsPerEra);
    await live({ program, directory, seed: seed + n, kills });
    const [found] = await check(directory);
    if (found === undefined) throw new Disproved(`era ${n}: the checker says nothing`);
    const [first] = found.violations;
    if (first !== undefined) {
      throw new Disproved(`era ${n}: ${first.property}: ${first.what}; histories and journal are in ${place.keep()}`);
    }

    // Reads aside, which are not repeated.
    if (found.unanswered > 0) throw new Disproved(`era ${n}: ${found.unanswered} requests got no answer`);
    log(`${kills} kills, ${thousands(found.requests)} requests explained`);
    rmSync(directory, { recursive: true });
    return found;
  });
  const sum = (figure: "requests" | "repeated" | "replayed" | "rows") =>
    thousands(checked.reduce((total, found) => total + found[figure], 0));
  return {
    promise: "1-5",
    method: "kill -9",
    amount: `${thousands(amount)} kills, ${sum("requests")} requests`,
    result: `one order explains all; ${sum("repeated")} asked again, ${sum("replayed")} of these had lasted`,
    seed,
  };
}
