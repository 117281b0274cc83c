import { join } from "node:path";
import { Client } from "../../src/client/client.ts";
import { freshBinary } from "../demo/binary.ts";
import { type Daemon, launch } from "./daemon.ts";
import { letLoose } from "./hostile-clients/nuisance.ts";
import { MemoryWatch } from "./memory.ts";
import { Place } from "./place.ts";
import { Disproved, type Order, type Row } from "./proof.ts";

const crowd = 250;
/** What each of a crowd does. */
const kinds = {
  unread: "read nothing",
  unfinished: "finish no request",
  large: "send four mebibytes of small arrays",
  waiting: "wait with a mebibyte of parameters",
} as const;
const crowdMs = 8_000;

/** Requests that fill what the daemon remembers of keys, of five shapes. */
const keyRounds = 4;
const shapes = ["*b".repeat(200), "[!ab]".repeat(180), "?".repeat(250), `${"?/".repeat(60)}x`, "a".repeat(900)];

/**
 * Promise 7 in figures: what all clients together may have the daemon keep is 64 MiB, and with the garbage of the work it
 * makes no more than this. Some seconds after they are gone it is back to what it had, but for so much.
 */
const mostMbMax = 1_200;
const stayingMbMax = 24;
const settlingMs = 20_000;

/**
 * Promise 7: memory does not grow with the number of clients that misbehave, nor with the size of what is remembered, and
 * is given back. `amount` is the number of crowds, one kind after the other from one the seed chooses, each beside a client
 * that reads.
 */
export async function proveCrowds({ seed, amount, log }: Order): Promise<Row> {
  using place = new Place("crowds");
  await using daemon = launch([await freshBinary()], join(place.path, "home"));
  const { serves, words } = await daemon.started;
  if (!serves) throw new Disproved(`the daemon does not start: ${words}`);
  using memory = new MemoryWatch(daemon.pid);
  await rememberKeys(daemon);
  const restMb = await settled(memory, Number.POSITIVE_INFINITY);
  const told = new Map<string, { mostMb: number; afterMb: number }>();
  const tell = async (what: string) => {
    const mostMb = memory.takeMostMb();
    if (mostMb > mostMbMax) throw new Disproved(`${what}: the daemon has ${inMb(mostMb)}`);
    const afterMb = await settled(memory, restMb);
    const before = told.get(what) ?? { mostMb: 0, afterMb: 0 };
    told.set(what, { mostMb: Math.max(before.mostMb, mostMb), afterMb: Math.max(before.afterMb, afterMb) });
    log(`${what}: at most ${inMb(mostMb)}, then ${inMb(afterMb)}`);
  };
  const all = Object.entries(kinds);
  for (let n = 0; n < amount; n++) {
    const [kind, what] = all[(seed + n) % all.length] ?? ["", ""];
    await bePlagued(daemon, kind);
    await tell(what);
  }
  await rememberKeys(daemon);
  await tell("globs at their limits");
  const figures = Array.from(told, ([what, { mostMb, afterMb }]) => `${what}: ${inMb(mostMb)}, then ${inMb(afterMb)}`);
  return {
    promise: "7",
    method: "crowds",
    amount: `${amount} crowds of ${crowd} clients, and one of globs`,
    result: `memory at most (at rest ${inMb(restMb)}): ${figures.join("; ")}`,
    seed,
  };
}

/** A crowd comes, stays and goes; meanwhile somebody reads, who must be served. */
async function bePlagued({ socket }: Daemon, kind: string): Promise<void> {
  using reader = await Client.connect(socket);
  await using nuisance = letLoose(socket, "many", crowd, kind);
  await nuisance.says();
  for (const until = performance.now() + crowdMs; performance.now() < until;) await reader.call("Metrics", {});
}

/** Fills what is remembered of keys, and cancels and prunes all that had them. */
async function rememberKeys({ socket }: Daemon): Promise<void> {
  using client = await Client.connect(socket);
  const tasks: string[] = [];
  for (let round = 0; round < keyRounds; round++) {
    for (const shape of shapes) {
      const keyOf = (node: number, key: number) => ({ resource_key: `glob:${shape}${round}.${node}.${key}*` });
      const initial_nodes = Array.from({ length: 6 }, (_each, node) => ({
        resources: Array.from({ length: 60 }, (_, key) => keyOf(node, key)),
      }));
      const { task_id } = await client.call("RegisterTask", { goal: "to be remembered", initial_nodes });
      tasks.push(task_id);
      await client.call("AcquireNextNode", { task_id, count: 6 });
    }
  }
  for (const task_id of tasks) await client.call("CancelTask", { task_id, reason: "it is over" });
  await client.call("PruneJournal", { older_than_secs: 0 });
}

/** What it has once it is back to about what it had before. @throws {Disproved} when it does not come back */
async function settled(memory: MemoryWatch, beforeMb: number): Promise<number> {
  const deadline = performance.now() + settlingMs;
  await Bun.sleep(settlingMs / 10);
  while (memory.nowMb >= beforeMb + stayingMbMax) {
    if (performance.now() > deadline) {
      throw new Disproved(
        `${settlingMs / 1_000} s later the daemon has ${inMb(memory.nowMb)}, and had ${inMb(beforeMb)}`,
      );
    }
    await Bun.sleep(50);
  }
  const mb = memory.nowMb;
  memory.takeMostMb();
  return mb;
}

const inMb = (mb: number): string => `${mb.toFixed(0)} MB`;
