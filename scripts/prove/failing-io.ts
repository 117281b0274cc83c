import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freshBinary } from "../demo/binary.ts";
import { Chance } from "./chance.ts";
import { attempt, Broken, type TrialPlan, type TrialReport } from "./failing-io/trial.ts";
import { inLanes } from "./lanes.ts";
import { Place } from "./place.ts";
import { Disproved, type Order, type Row, thousands } from "./proof.ts";
import { buildShim, type Fault } from "./shim.ts";

/**
 * Promises 1, 7 and 8: operations on the database's files fail, once or for good. The daemon lives, reads are answered,
 * nothing is answered wrongly, and it goes on once the fault is over.
 *
 * The seed repeats which operation fails and what the clients ask; which request the nth write belongs to depends on
 * how the kernel interleaves them. `amount` is the number of runs.
 */
export async function proveFailingIo({ seed, amount, log }: Order): Promise<Row> {
  using place = new Place("failing-io");
  const options = { program: [await freshBinary()], shim: await buildShim(place.path) };
  let done = 0;
  const reports = await inLanes(2, plansOf(seed, amount), async (plan) => {
    const directory = join(place.path, `run-${plan.seed}`);
    mkdirSync(directory);
    try {
      const report = await attempt(plan, { ...options, directory });
      rmSync(directory, { recursive: true });
      if (++done % 100 === 0) log(`${thousands(done)} runs`);
      return report;
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      throw new Disproved(`${inWords(plan)}: ${error.message}; its home is kept in ${place.keep()}`);
    }
  });
  const struck = reports.filter((report) => report.struck);
  if (struck.length < amount / 2) throw new Disproved(`only in ${struck.length} of ${amount} runs anything failed`);
  return {
    promise: "1, 7, 8",
    method: "failing I/O",
    amount: `${thousands(amount)} runs, ${thousands(struck.length)} struck`,
    result: `0 failed applied, 0 acknowledged lost, all live; ${countsOf(reports)}`,
    seed,
  };
}

const kinds = ["write", "sync", "truncate"] as const;
const errors = ["EIO", "ENOSPC"] as const;
const combinations = kinds.flatMap((operation) =>
  errors.flatMap((error) => [false, true].map((forGood) => ({ operation, error, forGood }))),
);

/** The operation that fails is at most this one: about as many there are in a run. */
const operationsMax: Record<TrialPlan["armed"], Record<Fault["operation"], number>> = {
  "at the start": { write: 110, sync: 6, truncate: 1 },
  serving: { write: 300, sync: 25, truncate: 4 },
};

/** Each combination as often, its faults spread evenly over what there is to fail. */
function plansOf(seed: number, amount: number): TrialPlan[] {
  const chance = new Chance(seed);
  const rounds = Math.ceil(amount / combinations.length);
  return Array.from({ length: amount }, (_, run) => {
    const round = Math.floor(run / combinations.length);
    const { operation, error, forGood } = chosen(run);
    const armed = operation !== "truncate" && round % 4 === 0 ? "at the start" : "serving";
    const nth = 1 + Math.floor(((round + chance.next()) / rounds) * operationsMax[armed][operation]);
    return { fault: { operation, error, nth, forGood }, armed, seed: seed + run };
  });
}

function chosen(run: number): (typeof combinations)[number] {
  const combination = combinations[run % combinations.length];
  if (combination === undefined) throw new Error("there is no combination to choose");
  return combination;
}

function inWords({ fault, armed, seed }: TrialPlan): string {
  const { operation, nth, error, forGood } = fault;
  return `run ${seed}, ${operation} ${nth} ${armed} fails with ${error} ${forGood ? "for good" : "once"}`;
}

function countsOf(reports: readonly TrialReport[]): string {
  const counts: Record<string, number> = {};
  for (const { answers } of reports) {
    for (const [kind, count] of Object.entries(answers)) counts[kind] = (counts[kind] ?? 0) + count;
  }
  const refused = reports.filter(({ startRefused }) => startRefused).length;
  const told = Object.entries(counts).map(([kind, count]) => `${thousands(count)} ${kind}`);
  return `${told.join(", ")}; ${thousands(refused)} starts refused`;
}
