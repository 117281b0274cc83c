import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Chance } from "../chance.ts";
import { launch } from "../daemon.ts";
import { readJournal } from "../journal.ts";
import { Disproved } from "../proof.ts";
import { Wire } from "../wire.ts";
import type { Answer, Common } from "../workload.ts";
import { RecordingClient } from "./client.ts";

export interface Era {
  program: readonly string[];
  /** Of its own; histories and journal stay in it. */
  directory: string;
  seed: number;
  /** How often the daemon is killed. */
  kills: number;
}

const clients = 8;

/** Runs a daemon that is killed and started again under clients; leaves their histories and the journal for the checker. */
export async function live({ program, directory, seed, kills }: Era): Promise<void> {
  const chance = new Chance(seed);
  const home = join(directory, "home");
  const socket = join(home, "agentd.sock");
  const common: Common = { tasks: [] };
  const crew = Array.from({ length: clients }, (_, n) => {
    const history = join(directory, `history-${n}.jsonl`);
    writeFileSync(history, "");
    return new RecordingClient(`client${n}`, chance.branch(n), common, { socket, history });
  });
  const working = Promise.all(crew.map(async (client) => client.run()));
  for (let kill = 0; kill < kills; kill++) {
    await using daemon = launch(program, home);
    // Killed while it starts, it has told nobody anything yet.
    const early = chance.happens(0.15);
    if (!early) await serving(daemon.started);
    await Bun.sleep(lifeMs(early, chance));
    await daemon.end("SIGKILL");
  }
  await using daemon = launch(program, home);
  await serving(daemon.started);
  for (const client of crew) client.stop();
  await working;
  await takeStock(directory, socket);
  await daemon.end("SIGTERM");
}

/** Mostly short; once in a while long enough for leases to run out, which begin anew with each start. */
function lifeMs(early: boolean, chance: Chance): number {
  if (early) return chance.next() * 30;
  return chance.happens(0.03) ? 1_500 : 5 + chance.next() * 140;
}

async function serving(started: Promise<{ serves: boolean; words: string }>): Promise<void> {
  const { serves, words } = await started;
  if (!serves) throw new Disproved(`after a kill the daemon does not start: ${words}`);
}

/** Writes the journal down as ListEvents gives it, once the daemon has verified it. */
async function takeStock(directory: string, socket: string): Promise<void> {
  using wire = await Wire.connect(socket);
  if (wire === null) throw new Disproved("the daemon takes no connection");
  const line = await wire.ask([JSON.stringify({ method: "VerifyJournal" })])[0];
  if ((JSON.parse(line ?? "{}") as Answer).result?.ok !== true) throw new Disproved(`VerifyJournal: ${line}`);
  const events = await readJournal(wire);
  if (events === null) throw new Disproved("the journal cannot be read");
  writeFileSync(join(directory, "journal.jsonl"), events.map((event) => `${JSON.stringify(event)}\n`).join(""));
}
