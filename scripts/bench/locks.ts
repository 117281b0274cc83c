import type { Client } from "../../src/client/client.ts";
import type { OwnDaemon } from "../demo/daemon.ts";
import { atMost, type Figure, micros, thousands } from "./report.ts";
import type { Stage } from "./stage.ts";
import { median } from "./statistics.ts";

const fewLocks = 10;
/** Keys one request takes. */
const lot = 250;
/** Acquires measured of each wish at each daemon, or as many as there is time for. */
const rounds = 400;
const roundsMs = 3_000;

/** Keys nobody else holds anything in. */
const wishes: Record<string, string[]> = {
  "a file": ["file:src/free/lib.rs"],
  "a directory": ["dir:src/free"],
  "a glob": ["glob:src/free/**/*.rs"],
  "a tool": ["tool:git-index"],
  "ten keys": Array.from({ length: 10 }, (_, n) => `file:src/free/${n}.rs`),
};

/** Files, directories and globs in turn, each in a directory of its own. */
const heldKey = (n: number) =>
  [`file:src/${n}/lib.rs`, `dir:src/${n}/a`, `glob:src/${n}/b/**/*.{rs,ts}`][n % 3] ?? `tool:${n}`;

/** Whether taking locks gets slower with how many are held. */
export async function measureLocks(stage: Stage): Promise<Figure[]> {
  const { manyLocks } = stage.pace;
  await using fewDaemon = await stage.daemon("few-locks");
  await using manyDaemon = await stage.daemon("many-locks");
  await hold(fewDaemon, fewLocks);
  await hold(manyDaemon, manyLocks);
  await stage.settleDisk();
  const figures: Figure[] = [];
  for (const [name, keys] of Object.entries(wishes)) {
    const found = { few: [] as number[], many: [] as number[] };
    const endMs = performance.now() + roundsMs;
    for (let round = 0; round < rounds && performance.now() < endMs; round++) {
      found.few.push(await timeAcquire(fewDaemon.client, keys));
      found.many.push(await timeAcquire(manyDaemon.client, keys));
    }
    const [few, many] = [median(found.few), median(found.many)];
    figures.push({
      name: `acquire ${name} among ${thousands(manyLocks)} held locks beside ${fewLocks}`,
      value: `p50 ${micros(many)}`,
      beside: `p50 ${micros(few)}`,
      number: many,
      ratio: many / few,
      wanted: atMost(2),
    });
  }
  return figures;
}

async function hold({ client }: OwnDaemon, locks: number): Promise<void> {
  for (let from = 0; from < locks; from += lot) {
    const keys = Array.from({ length: Math.min(lot, locks - from) }, (_, n) => ({ resource_key: heldKey(from + n) }));
    await client.call("AcquireResourceLocks", { locks: keys, owner: "somebody", ttl_secs: 3_600 });
  }
}

async function timeAcquire(client: Client, keys: readonly string[]): Promise<number> {
  const locks = keys.map((resource_key) => ({ resource_key }));
  const startedAt = performance.now();
  const taken = await client.call("AcquireResourceLocks", { locks, owner: "bench" });
  const us = (performance.now() - startedAt) * 1000;
  if (taken === null) throw new Error("somebody holds what nobody should");
  await client.call("ReleaseResourceLock", { lease_id: taken.lease_id });
  return us;
}
