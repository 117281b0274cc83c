import { join } from "node:path";
import { missingIn, type Seen } from "../../test/service/model/stories.ts";
import { inLanes } from "./lanes.ts";
import { Disproved, type Order, type Row, thousands } from "./proof.ts";
import { inWorker } from "./worker.ts";

const worker = join(import.meta.dir, "model", "tell.ts");

/** So many stories have a seed of their own, and are told by one process. */
const storiesPerSeed = 250;
/** In so many stories everything happens that can. */
const enoughForAll = 2_000;

/**
 * Promises 2 to 5: whatever clients ask, in whichever turn commits fail, the process dies or the clocks jump, the service
 * answers as a model of plain maps does that shares no code with it.
 *
 * The seed repeats everything; of a story in which the two do not agree the shortest form is told. `amount` is the number
 * of stories.
 */
export async function proveModel({ seed, amount, log }: Order): Promise<Row> {
  const parts = Array.from({ length: Math.ceil(amount / storiesPerSeed) }, (_, n) => n);
  let told = 0;
  const all = await inLanes(2, parts, async (n) => {
    const stories = Math.min(storiesPerSeed, amount - n * storiesPerSeed);
    const seen = await tell(seed + n, stories);
    told += stories;
    if (told % 5_000 === 0) log(`${thousands(told)} stories`);
    return seen;
  });
  const seen = all.reduce(together);
  const missing = missingIn(seen);
  if (amount >= enoughForAll && missing.length > 0) throw new Disproved(`in no story there was ${missing.join(", ")}`);
  const { commands, rows, waits } = seen;
  const ended = Object.values<number>({ ...waits }).reduce((sum, count) => sum + count);
  return {
    promise: "2, 3, 4, 5",
    method: "model",
    amount: `${thousands(amount)} stories, ${thousands(commands)} commands`,
    result: `0 answers or rows differ; ${thousands(rows)} rows, ${thousands(ended)} waits ended`,
    seed,
  };
}

async function tell(seed: number, stories: number): Promise<Seen> {
  try {
    const seen = await inWorker<Omit<Seen, "actions"> & { actions: string[] }>(worker, [String(seed), String(stories)]);
    return { ...seen, actions: new Set(seen.actions) };
  } catch (error) {
    if (!(error instanceof Disproved)) throw error;
    throw new Disproved(`${error.message}\nfound at once with: --seed ${seed}`);
  }
}

function together(one: Seen, other: Seen): Seen {
  const waits = { ...one.waits };
  for (const end of Object.keys(waits) as (keyof Seen["waits"])[]) waits[end] += other.waits[end];
  const actions = new Set([...one.actions, ...other.actions]);
  return { commands: one.commands + other.commands, rows: one.rows + other.rows, actions, waits };
}
