import { statSync } from "node:fs";
import { join } from "node:path";
import { Chance } from "../chance.ts";
import { type Daemon, launch } from "../daemon.ts";
import { Disproved } from "../proof.ts";
import { FaultControl, underShim } from "../shim.ts";
import { Wire } from "../wire.ts";
import { type Answer, type Common, type Request, Worker } from "../workload.ts";

/** An answered request that changes state: all a client knows of it. */
export interface Acknowledged {
  key: string;
  /** As the daemon keeps it for a repetition. */
  answer: string;
  /** Where the journal stood. */
  seq: number;
  /** The recording's length once the answer had been read: everything it rests on lies before. */
  at: number;
}

export interface Recorded {
  /** Path of the shim's recording. */
  recording: string;
  acknowledged: Acknowledged[];
}

export interface RecordOptions {
  /** The command that runs agentd. */
  program: readonly string[];
  shim: string;
  /** One of its own. */
  directory: string;
  seed: number;
  /** Bursts of requests each client sends between two starts of the daemon. */
  bursts: number;
  /** Whether syncs fail now and then. */
  stormy: boolean;
}

const clients = 6;
const burstMax = 6;
const lives = 3;

/** Runs a daemon under the shim through some lives, each ended in order or by a kill, with clients that write. */
export async function record(options: RecordOptions): Promise<Recorded> {
  const { program, shim, directory, seed } = options;
  const chance = new Chance(seed);
  const home = join(directory, "home");
  const recording = join(directory, "recording");
  const fault = new FaultControl(join(directory, "fault"));
  const watched = { database: join(home, "agent_state.db"), recording, fault: fault.path };
  const environment = underShim(shim, watched);
  const acknowledged: Acknowledged[] = [];
  const common: Common = { tasks: [] };
  const workers = Array.from({ length: clients }, (_, n) => new Worker(`client${n}`, chance.branch(n), common));
  for (let life = 0; life < lives; life++) {
    await using daemon = launch(program, home, environment);
    const { serves, words } = await daemon.started;
    if (!serves) throw new Disproved(`the daemon does not start under the shim: ${words}`);
    const note = (request: Request, line: string) => {
      const known = acknowledgement(request, line, statSync(recording).size);
      if (known !== null) acknowledged.push(known);
    };
    const backup = life > 0 && chance.happens(0.5) ? join(directory, `backup-${life}`) : null;
    const writing = workers.map(async (worker, n) =>
      write(daemon, worker, chance.branch(100 * life + n), options, note),
    );
    const written = Promise.all([...writing, backup === null ? null : backUp(daemon, backup)]);
    if (options.stormy) await storm(written, fault, chance.branch(10 + life));
    await written;
    await daemon.end(chance.happens(0.5) ? "SIGTERM" : "SIGKILL");
  }
  return { recording, acknowledged };
}

/** A client that sends some requests at once, and the next when all are answered. */
async function write(
  daemon: Daemon,
  worker: Worker,
  chance: Chance,
  { bursts }: RecordOptions,
  note: (request: Request, line: string) => void,
): Promise<void> {
  using wire = await connect(daemon);
  for (let burst = 0; burst < bursts; burst++) {
    const requests = Array.from({ length: 1 + chance.below(burstMax) }, () => worker.next());
    const answers = wire.ask(requests.map((request) => JSON.stringify(request)));
    for (const [index, request] of requests.entries()) {
      const line = (await answers[index]) ?? null;
      if (line === null) throw new Disproved("the daemon ended a connection instead of answering");
      note(request, line);
      worker.learn(request, JSON.parse(line) as Answer);
    }
  }
}

/** Lets syncs fail for moments, as long as clients write. */
async function storm(written: Promise<unknown>, fault: FaultControl, chance: Chance): Promise<void> {
  const end = written.then(() => true);
  const endsWithin = async (ms: number) => Promise.race([end, Bun.sleep(ms).then(() => false)]);
  for (let over = false; !over;) {
    if (await endsWithin(chance.below(12))) return;
    fault.arm({ operation: "sync", error: "EIO", nth: 1 + chance.below(3), forGood: chance.happens(0.7) });
    over = await endsWithin(2 + chance.below(10));
    fault.lift();
  }
}

/** Folds the log into the database, and cuts it off. */
async function backUp(daemon: Daemon, path: string): Promise<void> {
  using wire = await connect(daemon);
  await wire.ask([JSON.stringify({ method: "Backup", params: { path } })])[0];
}

async function connect(daemon: Daemon): Promise<Wire> {
  const wire = await Wire.connect(daemon.socket);
  if (wire === null) throw new Disproved("the daemon takes no connection");
  return wire;
}

function acknowledgement({ idempotency_key: key }: Request, line: string, at: number): Acknowledged | null {
  if (key === undefined) return null;
  const { result, error, seq } = JSON.parse(line) as Answer;
  const stood = error?.data.seq ?? (result?.seq as number | undefined) ?? seq;
  // Requests that were never run, as their parameters do not fit, are none of the journal's.
  return stood === undefined ? null : { key, answer: line, seq: stood, at };
}
