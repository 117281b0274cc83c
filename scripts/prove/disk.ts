import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freshBinary } from "../demo/binary.ts";
import { Chance } from "./chance.ts";
import { cases } from "./disk/cases.ts";
import { Trial } from "./disk/trial.ts";
import { Place } from "./place.ts";
import { Disproved, type Order, type Row, thousands } from "./proof.ts";

/**
 * Promise 8: the disk fills up, a limit is met, the database is taken away. Reads are answered, writes are refused with
 * STORAGE_FULL or STORAGE_FAILED, the daemon lives, a restart on the full disk works, and once there is room the next
 * write is acknowledged without one. Nothing acknowledged is lost, nothing refused was done. Where the
 * log is cut off, what it held is gone, whoever did that; nothing more is acknowledged then until a restart.
 *
 * The seed repeats all that is written, and how the daemon is ended. `amount` is the number of rounds through all cases.
 */
export async function proveDisk({ seed, amount, log }: Order): Promise<Row> {
  using place = new Place("disk");
  const program = [await freshBinary()];
  const skipped = new Set<string>();
  let acknowledged = 0;
  for (let run = 0; run < amount; run++) {
    for (const [index, [name, attempt]] of Object.entries(cases).entries()) {
      const directory = join(place.path, `run-${run}-${index}`);
      mkdirSync(directory);
      using trial = new Trial(program, directory, new Chance(seed + run).branch(index));
      try {
        const reason = await attempt(trial);
        if (reason !== null) skipped.add(`${name}: ${reason}`);
        else acknowledged += trial.ledger.acknowledged;
      } catch (error) {
        if (!(error instanceof Disproved)) throw error;
        throw new Disproved(`round ${run}, ${name}: ${error.message}`);
      }
      rmSync(directory, { recursive: true });
    }
    log(`${run + 1} rounds`);
  }
  const shown = Object.keys(cases).length - skipped.size;
  const missing = skipped.size === 0 ? "" : `; SKIPPED ${Array.from(skipped).join(", ")}`;
  return {
    promise: "8",
    method: "disk full and limits",
    amount: `${amount} rounds of ${shown} cases`,
    result: `refused clearly, reads answered, recovered without restart, 0 of ${thousands(acknowledged)} acknowledged lost${missing}`,
    seed,
  };
}
