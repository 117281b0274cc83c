import { freshBinary } from "../demo/binary.ts";
import { isUsable } from "../programs.ts";
import { Chance } from "./chance.ts";
import { Place } from "./place.ts";
import { Disproved, type Order, type Row } from "./proof.ts";
import { daemonChecks } from "./strangers/checks.ts";
import { clientChecks } from "./strangers/client-checks.ts";
import { trapChecks } from "./strangers/traps.ts";
import { World } from "./strangers/world.ts";

const checks = { ...trapChecks, ...daemonChecks, ...clientChecks };

/**
 * Promise 10: whoever is not the owner of the socket, or of its group where that is opted in, gets in nowhere, at the
 * daemon and at the client. docs/security.md says which rule is shown by which check.
 *
 * The seed repeats who the stranger is, and which modes and names are tried. `amount` is the number of rounds.
 */
export async function proveStrangers({ seed, amount, log }: Order): Promise<Row> {
  const promise = { promise: "10", method: "strangers", seed };
  const needed = ["setpriv", "python3"].filter((program) => !isUsable(program));
  if (process.geteuid?.() !== 0 || needed.length > 0) {
    const reason = needed.length > 0 ? `${needed.join(" and ")} is not there` : "being another user takes root";
    return { ...promise, amount: "nothing", result: `SKIPPED: ${reason}` };
  }
  const binary = await freshBinary();
  for (let round = 0; round < amount; round++) {
    using place = new Place("strangers");
    const world = new World(place.path, binary, new Chance(seed + round));
    for (const [name, check] of Object.entries(checks)) {
      try {
        await check(world);
      } catch (error) {
        if (!(error instanceof Disproved)) throw error;
        throw new Disproved(`round ${round}, ${name}: ${error.message}`);
      }
    }
    log(`${round + 1} rounds`);
  }
  const count = Object.keys(checks).length;
  return {
    ...promise,
    amount: `${amount} rounds of ${count} checks`,
    result: "nobody got in, nothing was sent to strangers",
  };
}
