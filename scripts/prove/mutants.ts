import { join } from "node:path";
import { rmSync } from "node:fs";
import { inLanes } from "./lanes.ts";
import { hunt } from "./mutants/catcher.ts";
import { type Mutant, mutants } from "./mutants/table.ts";
import { plant } from "./mutants/tree.ts";
import { Place } from "./place.ts";
import { Disproved, type Order, type Row } from "./proof.ts";

/**
 * All promises: each of these bugs, planted in a copy of the tree, is found by the method named beside it. So a method that
 * finds nothing in the tree itself would have, had there been something.
 *
 * `amount` is how many of the table are planted; the seed is the one the methods get.
 */
export async function proveMutants({ seed, amount, log }: Order): Promise<Row> {
  using place = new Place("mutants");
  const planted = mutants.slice(0, amount);
  const tests = [...new Set(planted.map(({ caughtBy }) => caughtBy))].filter((method) => method.startsWith("test/"));
  const survivors: string[] = [];
  const jobs = [...planted.map((mutant) => async () => release(mutant)), async () => checkTests(tests)];

  async function release(mutant: Mutant): Promise<void> {
    const { name, caughtBy } = mutant;
    const directory = join(place.path, String(planted.indexOf(mutant)));
    plant(mutant, directory);
    const startedAt = performance.now();
    const { found, ended, output } = await hunt(caughtBy, directory, seed);
    rmSync(directory, { recursive: true });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    log(
      `${name}: ${found === null ? "NOT FOUND" : "found"} by ${caughtBy} in ${seconds} s${found === null ? "" : `, ${brief(found)}`}`,
    );
    if (found !== null) return;
    survivors.push(`"${name}" by ${caughtBy}${ended ? "" : " in time"}`);
    if (output.includes("error:")) log(output.slice(-2_000));
  }

  /** What fails without any bug finds none. */
  async function checkTests(methods: readonly string[]): Promise<void> {
    const directory = join(place.path, "unharmed");
    plant({ edits: [] }, directory);
    for (const method of methods) {
      const { found, output } = await hunt(method, directory, seed);
      if (found !== null) throw new Disproved(`${method} fails without a bug: ${output.slice(-2_000)}`);
    }
  }

  await inLanes(2, jobs, async (job) => job());
  if (survivors.length > 0) throw new Disproved(`not found: ${survivors.join("; ")}`);
  const methods = new Set(planted.map(({ caughtBy }) => caughtBy));
  return {
    promise: "all",
    method: "mutants",
    amount: `${planted.length} planted bugs`,
    result: `all found, each by the one of ${methods.size} methods that is named for it`,
    seed,
  };
}

/** As much of what was found as fits beside it. */
const brief = (found: string) => found.replace(/^\(fail\) /, "").slice(0, 160);
