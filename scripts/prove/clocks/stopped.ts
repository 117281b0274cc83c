import { join } from "node:path";
import type { Chance } from "../chance.ts";
import { launch } from "../daemon.ts";
import { Disproved } from "../proof.ts";
import { Holders } from "./holders.ts";

const holders = 5;
/** As long as few stops and shorter than most, so that many a lease would be over when the daemon goes on. */
const ttlSecs = 2;
const stopMs = { min: 500, max: 3_000 };
/** Between two stops, at most. */
const runMsMax = 250;
const deadWithinMs = 8_000;

/** A daemon whose process is stopped for up to 3 s again and again, as a suspended machine or a debugger does. */
export async function stopOften(
  program: readonly string[],
  home: string,
  stops: number,
  chance: Chance,
): Promise<{ live: number; expired: number }> {
  await using daemon = launch(program, join(home, "stopped"));
  const { serves, words } = await daemon.started;
  if (!serves) throw new Disproved(`the daemon does not start: ${words}`);
  using crew = await Holders.join(daemon.socket, holders, ttlSecs);
  for (let stop = 0; stop < stops; stop++) {
    await crew.addDead();
    await Bun.sleep(chance.below(runMsMax));
    process.kill(daemon.pid, "SIGSTOP");
    await Bun.sleep(stopMs.min + chance.below(stopMs.max - stopMs.min));
    process.kill(daemon.pid, "SIGCONT");
    await crew.count();
  }
  return await crew.burial(deadWithinMs);
}
