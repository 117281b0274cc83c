import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "../../../src/client/client.ts";
import type { Chance } from "../chance.ts";
import { launch } from "../daemon.ts";
import { Disproved } from "../proof.ts";
import { Holders } from "./holders.ts";

const libraries = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map(
  (machine) => `/usr/lib/${machine}/faketime/libfaketimeMT.so.1`,
);
const hourSecs = 3_600;
const holders = 5;
const ttlSecs = 2;
/** Between two steps, at most: about a tick. */
const stepMsMax = 1_200;
const deadWithinMs = 8_000;

/**
 * A daemon whose wall clock is set an hour ahead or back again and again by libfaketime; its monotonic clock goes on.
 * A text where that cannot be done here.
 */
export async function stepOften(
  program: readonly string[],
  directory: string,
  steps: number,
  chance: Chance,
): Promise<{ live: number; expired: number } | string> {
  const library = libraries.find((path) => existsSync(path));
  if (library === undefined) return "libfaketime is not installed (Debian: faketime)";
  const offset = join(directory, "offset");
  const setClock = (secs: number) => writeFileSync(offset, `${secs < 0 ? "" : "+"}${secs}\n`);
  setClock(0);
  await using daemon = launch(program, join(directory, "stepped"), {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: offset,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  });
  const { serves, words } = await daemon.started;
  if (!serves) throw new Disproved(`the daemon does not start under libfaketime: ${words}`);
  using crew = await Holders.join(daemon.socket, holders, ttlSecs);
  for (let step = 0; step < steps; step++) {
    await crew.addDead();
    await Bun.sleep(chance.below(stepMsMax));
    const secs = chance.of([hourSecs, -hourSecs, 0]);
    setClock(secs);
    await refuseRealTime(daemon.socket, secs);
    await crew.count();
  }
  return await crew.burial(deadWithinMs);
}

/** The daemon must go by the clock that was set, or nothing is shown. */
async function refuseRealTime(socket: string, secs: number): Promise<void> {
  using client = await Client.connect(socket);
  const lock = await client.call("AcquireResourceLock", { resource_key: crypto.randomUUID(), ttl_secs: 100_000 });
  const offsetSecs = (lock?.acquired_at ?? 0) - Date.now() / 1_000;
  if (Math.abs(offsetSecs - secs) > 60) {
    throw new Disproved(`the daemon's clock is ${offsetSecs.toFixed()} s off and was set to be ${secs} s off`);
  }
}
