import { statSync } from "node:fs";
import { join } from "node:path";
import { Client } from "../../src/client/client.ts";
import { usageOf } from "../bench/usage.ts";
import { freshBinary } from "../demo/binary.ts";
import { Chance } from "./chance.ts";
import { launch } from "./daemon.ts";
import { Place } from "./place.ts";
import { Disproved, type Order, type Row, thousands } from "./proof.ts";
import { Crew } from "./soak/crew.ts";
import { type Kept, grownMb, rowBytes, type Sample, slopePerHour } from "./soak/trend.ts";

const sampleMs = 100;
/** How much apart the same daemon's memory is at two moments, whenever its garbage was collected last. */
const noiseMb = 8;
/** The log is folded in once it has 4 MiB, and cut off to that; a turn that is under way may be above. */
const walMbMax = 8;
/** A row costs no more in the second half than in the first but for this. */
const rowGrowthMax = 1.5;
/** Hours of it must fit into memory. */
const longSecs = 1_000;
const [pauseMs, longPauseMs] = [20, 1_000];

/**
 * Promises 7 and 8: a task that never ends is worked on, and memory, log and file stay in proportion: memory does not
 * grow, the log is bounded, and the file grows with the rows it keeps.
 *
 * A slope that would double memory in a day is a failure, as far as the run can tell it from noise: 8 MB, which is that
 * slope only after hours; a run of 90 s finds what leaks faster. The seed repeats what is asked. `amount` is in seconds.
 */
export async function proveSoak({ seed, amount, log }: Order): Promise<Row> {
  using place = new Place("soak");
  const home = join(place.path, "home");
  await using daemon = launch([await freshBinary()], home);
  const { serves, words } = await daemon.started;
  if (!serves) throw new Disproved(`the daemon does not start: ${words}`);
  using crew = new Crew(daemon.socket, new Chance(seed), amount > longSecs ? longPauseMs : pauseMs);
  await crew.start();
  const sizes = () => ({
    databaseMb: sizeMb(join(home, "agent_state.db")),
    walMb: sizeMb(join(home, "agent_state.db-wal")),
  });
  const samples: Sample[] = [];
  const startedAt = performance.now();
  const secs = () => (performance.now() - startedAt) / 1_000;
  let walMb = 0;
  let half: Kept | null = null;
  using client = await Client.connect(daemon.socket);
  const rowsNow = async () => (await client.call("Health", {})).last_seq;
  for (let next = 10; secs() < amount && !crew.over;) {
    await Bun.sleep(sampleMs);
    samples.push({ secs: secs(), memoryMb: usageOf(daemon.pid).ownMb });
    walMb = Math.max(walMb, sizes().walMb);
    if (half === null && secs() > amount / 2) half = { rows: await rowsNow(), ...sizes() };
    if (secs() < next) continue;
    next *= 3;
    log(`${Math.round(secs())} s, ${thousands(await rowsNow())} rows`);
  }
  await crew.stop();
  const end: Kept = { rows: await rowsNow(), ...sizes() };
  const { rows, databaseMb } = end;
  const verified = await client.call("VerifyJournal", {});
  if (!verified.ok) throw new Disproved(`VerifyJournal: ${JSON.stringify(verified)}`);

  const slope = slopePerHour(samples);
  const grown = grownMb(samples);
  const firstMb = samples[Math.floor(samples.length / 3)]?.memoryMb ?? 0;
  if (slope * 24 > firstMb && grown > noiseMb) {
    throw new Disproved(
      `memory grows by ${slope.toFixed(1)} MB an hour, ${grown.toFixed(1)} MB so far, from ${firstMb.toFixed(1)} MB`,
    );
  }
  if (walMb > walMbMax) throw new Disproved(`the write-ahead log had ${walMb.toFixed(1)} MB`);
  const bytesPerRow = rowBytes(end).least;
  const halfBytesPerRow = rowBytes(half ?? end).most;
  if (bytesPerRow > halfBytesPerRow * rowGrowthMax && databaseMb > walMbMax) {
    throw new Disproved(`a row cost ${halfBytesPerRow.toFixed()} bytes at half time, and ${bytesPerRow.toFixed()} now`);
  }
  const trend = amount < 30 ? "too short for a slope" : `${grown.toFixed(1)} MB more, slope ${slope.toFixed(1)} MB/h`;
  return {
    promise: "7, 8",
    method: "soak",
    amount: `${thousands(amount)} s, ${thousands(rows)} rows, ${thousands(crew.rounds)} attempts at nodes`,
    result:
      `memory ${firstMb.toFixed(1)} MB, ${trend}; ` +
      `log ${walMb.toFixed(1)} MB at most; file ${databaseMb.toFixed(1)} MB, ${bytesPerRow.toFixed()} bytes a row`,
    seed,
  };
}

function sizeMb(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) / 1_048_576;
}
