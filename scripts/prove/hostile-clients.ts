import { join } from "node:path";
import { freshBinary } from "../demo/binary.ts";
import { Canary } from "./canary.ts";
import { Chance } from "./chance.ts";
import { type Daemon, launch } from "./daemon.ts";
import { mischiefs } from "./hostile-clients/mischiefs.ts";
import { letLoose } from "./hostile-clients/nuisance.ts";
import { MemoryWatch } from "./memory.ts";
import { Place } from "./place.ts";
import { Disproved, type Order, type Row } from "./proof.ts";
import { Wire } from "./wire.ts";

const aloneMs = 500;
/** Who reads nothing is thrown out after 5 s; who reads a byte a second is looked at for as long. */
const deafSecs = 12;
const slowSecs = 7;
/**
 * Promise 7 in figures: how much more memory than under ordinary load at most, and how much of it may stay. The same
 * daemon at rest has up to 10 MB more or less, whenever its garbage was collected last.
 */
const growthMbMax = 32;
const stayingMbMax = 16;
const settlingMs = 20_000;
const tickMs = 50;
const restingTicks = 12;
/** Ordinary load: so many clients that ask as fast as they are answered. */
const ordinaryClients = 8;
const ordinaryRounds = 80;
/** As many as one client may have under way. */
const underWay = 32;

/**
 * Promise 7: clients that behave badly cost the daemon bounded memory, which it gives back, and a client that behaves
 * well is served as ever. Whatever works makes garbage until it is collected, so the bound counts from what the daemon has
 * while well-behaved clients keep it busy; what stays is compared with the daemon at rest.
 *
 * The seed repeats the order in which they come; the kernel interleaves them. `amount` is the number of rounds, in each
 * of which every one of them comes once, beside one that never reads or, in every other round, reads a byte a second.
 */
export async function proveHostileClients({ seed, amount, log }: Order): Promise<Row> {
  using place = new Place("hostile-clients");
  const chance = new Chance(seed);
  await using daemon = launch([await freshBinary()], join(place.path, "home"));
  const { serves, words } = await daemon.started;
  if (!serves) throw new Disproved(`the daemon does not start: ${words}`);
  using memory = new MemoryWatch(daemon.pid);
  const busyBeforeMb = await keepBusy(daemon, memory, 2);
  const restMb = await atRest(memory);
  await using canary = await Canary.join(daemon, aloneMs);
  memory.takeMostMb();
  let worst = { what: "", mb: 0 };
  for (let round = 0; round < amount; round++) {
    const after = (what: string) => {
      const mb = memory.takeMostMb();
      if (mb > worst.mb) worst = { what, mb };
      log(`${what}: ${inMb(mb)}`);
      if (!daemon.lives) throw new Disproved(`${what}: the daemon is dead`);
    };
    await beHostile(daemon, chance, { number: seed + round, after });
  }
  const song = await canary.unharmed();
  // Whoever asks on, and be it a little, keeps the collector from its rest.
  await canary[Symbol.asyncDispose]();
  const busyMb = Math.max(busyBeforeMb, await keepBusy(daemon, memory, 1));
  if (worst.mb >= busyMb + growthMbMax) {
    throw new Disproved(`${worst.what}: the daemon has ${inMb(worst.mb)}, and ${inMb(busyMb)} under ordinary load`);
  }
  const afterMb = await settled(memory, restMb);
  return {
    promise: "7",
    method: "hostile clients",
    amount: `${amount} rounds of ${Object.keys(mischiefs).length + 2} ways`,
    result: `memory at most ${inMb(worst.mb)} (ordinary load ${inMb(busyMb)}), then ${inMb(afterMb)} (before ${inMb(restMb)}); ${canary.tell(song)}`,
    seed,
  };
}

interface Round {
  number: number;
  after: (what: string) => void;
}

/** One round; `after` is called behind each. */
async function beHostile({ socket }: Daemon, chance: Chance, round: Round): Promise<void> {
  const { number, after } = round;
  const [reads, seconds] = number % 2 === 0 ? (["deaf", deafSecs] as const) : (["slow", slowSecs] as const);
  await using reader = letLoose(socket, reads, seconds);
  after(`${reads} and ${await reader.says()}`);
  for (const [what, mischief] of shuffled(Object.entries(mischiefs), chance)) {
    await mischief(socket);
    after(what);
  }
  const end = await reader.says();
  if (reads === "deaf" && end !== "thrown out") throw new Disproved(`who never reads was ${end}`);
  after(`${reads} and ${end}`);
}

function shuffled<T>(items: readonly T[], chance: Chance): T[] {
  const drawn = items.map((item) => ({ item, lot: chance.next() }));
  return drawn.toSorted((one, other) => one.lot - other.lot).map(({ item }) => item);
}

/** The most memory the daemon has under ordinary load, which comes so many times. */
async function keepBusy({ socket }: Daemon, memory: MemoryWatch, times: number): Promise<number> {
  memory.takeMostMb();
  const requests = Array.from(
    { length: underWay },
    (_, n) => `{"method":"${n === 0 ? "DescribeInterface" : "Metrics"}"}`,
  );
  for (let burst = 0; burst < times; burst++) {
    const working = Array.from({ length: ordinaryClients }, async () => {
      using wire = await Wire.connect(socket);
      for (let round = 0; round < ordinaryRounds; round++) await Promise.all(wire?.ask(requests) ?? []);
    });
    await Promise.all(working);
  }
  return memory.takeMostMb();
}

/** What it has once it has nothing to do and gives nothing back any more. */
async function atRest(memory: MemoryWatch): Promise<number> {
  let leastMb = memory.nowMb;
  for (let quiet = 0; quiet < restingTicks; quiet++) {
    await Bun.sleep(tickMs);
    if (memory.nowMb < leastMb) [leastMb, quiet] = [memory.nowMb, 0];
  }
  return leastMb;
}

/** What it has once it is back to about what it had before. @throws {Disproved} when it does not come back */
async function settled(memory: MemoryWatch, beforeMb: number): Promise<number> {
  const deadline = performance.now() + settlingMs;
  while (memory.nowMb >= beforeMb + stayingMbMax) {
    if (performance.now() > deadline) {
      throw new Disproved(
        `${settlingMs / 1_000} s later the daemon has ${inMb(memory.nowMb)}, and had ${inMb(beforeMb)}`,
      );
    }
    await Bun.sleep(tickMs);
  }
  return memory.nowMb;
}

const inMb = (mb: number): string => `${mb.toFixed(1)} MB`;
