import { join } from "node:path";
import { freshBinary } from "../demo/binary.ts";
import { Canary } from "./canary.ts";
import { Chance } from "./chance.ts";
import { type Daemon, launch } from "./daemon.ts";
import { hold, holdInPieces } from "./hostile-lines/batch.ts";
import { categories } from "./hostile-lines/categories.ts";
import { askForCorpus, type Valid } from "./hostile-lines/corpus.ts";
import { inLanes } from "./lanes.ts";
import { Place } from "./place.ts";
import { Disproved, type Order, type Row, thousands } from "./proof.ts";
import { Wire } from "./wire.ts";
import type { Answer } from "./workload.ts";

const linesPerBatch = 500;
const connections = 8;
const aloneMs = 700;

/**
 * Promise 7: lines that are wrong in ten ways, each of which gets one answer, and the right one, or the end of its
 * connection; beside them a client is served as ever.
 *
 * The seed repeats every line; which of the connections is served first is the kernel's choice. `amount` is the number
 * of lines.
 */
export async function proveHostileLines({ seed, amount, log }: Order): Promise<Row> {
  using place = new Place("hostile-lines");
  await using daemon = launch([await freshBinary()], join(place.path, "home"));
  const { serves, words } = await daemon.started;
  if (!serves) throw new Disproved(`the daemon does not start: ${words}`);
  const corpus = await askForCorpus(daemon.socket);
  await using canary = await Canary.join(daemon, aloneMs);
  const batches = Array.from({ length: Math.ceil(amount / linesPerBatch) }, (_, batch) => batch);
  let sent = 0;
  await inLanes(connections, batches, async (batch) => {
    const count = Math.min(linesPerBatch, amount - batch * linesPerBatch);
    await send(daemon, corpus, { seed, batch, count });
    sent += count;
    if (sent % 100_000 < count) log(`${thousands(sent)} lines`);
  });
  const song = await canary.unharmed();
  const rows = await takeStock(daemon);
  return {
    promise: "7",
    method: "hostile lines",
    amount: `${thousands(amount)} lines of ${categories.length} kinds`,
    result: `one right answer or close each; ${canary.tell(song)}; Health ok, ${thousands(rows)} rows verified`,
    seed,
  };
}

interface Batch {
  seed: number;
  batch: number;
  count: number;
}

async function send(daemon: Daemon, corpus: readonly Valid[], { seed, batch, count }: Batch): Promise<void> {
  const category = categories[batch % categories.length];
  if (category === undefined) throw new Error("there is no category");
  const chance = new Chance(seed).branch(batch);
  const lines = category.lines(chance, corpus, count, Math.floor(batch / categories.length));
  try {
    if (category.inPieces === true) await holdInPieces(daemon.socket, lines, batch);
    else await hold(daemon.socket, lines, chance.happens(0.1) ? "half-close" : "marker");
  } catch (error) {
    if (!(error instanceof Disproved)) throw error;
    throw new Disproved(`batch ${batch}, ${category.name}: ${error.message}`);
  }
}

/** The daemon lives and is well, and its journal fits its tables; how many rows it has. */
async function takeStock({ socket, lives }: Daemon): Promise<number> {
  if (!lives) throw new Disproved("the daemon is dead");
  using wire = await Wire.connect(socket);
  const ask = async (method: string) => {
    const line = await wire?.ask([JSON.stringify({ method })])[0];
    return { line, result: (JSON.parse(line ?? "{}") as Answer).result };
  };
  const health = await ask("Health");
  if (health.result?.status !== "ok") throw new Disproved(`Health: ${health.line}`);
  const verified = await ask("VerifyJournal");
  if (verified.result?.ok !== true) throw new Disproved(`VerifyJournal: ${verified.line}`);
  return Number(health.result.last_seq);
}
