import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OwnDaemon, startDaemon } from "../demo/daemon.ts";
import { firstLine } from "../demo/first-line.ts";
import { compile } from "./programs.ts";

/** How long and how often things are measured. */
export interface Pace {
  warmUpMs: number;
  measureMs: number;
  /** Rounds of what is compared, one beside the other; the median counts. */
  rounds: number;
  /** Rounds beside other programs, each of some twenty runs. */
  peerRounds: number;
  largeJournalRows: number;
  largeTaskNodes: number;
  /** Ready at once. */
  manyNodes: number;
  manyTasks: number;
  manyLocks: number;
  /** Changed by one request. */
  burstNodes: number;
  /** Due at once. */
  leases: number;
  cliRuns: number;
  starts: number;
  idleMs: number;
}

/** A program that accepts nothing for so long has not started. */
const startMs = 5_000;

/** A directory of the benchmark's own, the processes in it, and the way to be rid of both. */
export class Stage implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "agentd-bench-"));
  readonly pace: Pace;
  readonly binary: string;
  /** Another agentd to compare with. */
  readonly other: string | null;
  #echo: Promise<string> | null = null;
  readonly #processes = new AsyncDisposableStack();

  constructor(binary: string, pace: Pace, other: string | null) {
    this.binary = binary;
    this.other = other;
    this.pace = pace;
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  /** Starts agentd at a home of this stage. It ends with the stage at the latest. */
  async daemon(home: string, settings: Record<string, string> = {}, binary = this.binary): Promise<OwnDaemon> {
    return this.#processes.use(await startDaemon(binary, this.path(home), settings));
  }

  /** The path at which the socket code alone listens: one program for all sections, started by the first. */
  async echo(): Promise<string> {
    this.#echo ??= this.#startEcho();
    return this.#echo;
  }

  async #startEcho(): Promise<string> {
    const executable = await compile("echo.ts", this.path("echo"));
    const socket = `${executable}.sock`;
    const child = Bun.spawn([executable, socket], { stdio: ["ignore", "pipe", "inherit"] });
    this.#endsWithStage(child);
    if (!(await firstLine(child.stdout)).includes("ready")) throw new Error("echo did not start");
    return socket;
  }

  /** Starts a program that says nothing, in a folder of its own; gives the path it listens at when it accepts there. */
  async peer(executable: string, name: string, words: (socket: string, folder: string) => string[]): Promise<string> {
    const folder = this.path(name);
    mkdirSync(folder);
    const socket = join(folder, "peer.sock");
    // To a file, as some complain of every client that leaves.
    const log = Bun.file(join(folder, "stderr"));
    const child = Bun.spawn([executable, ...words(socket, folder)], { stdio: ["ignore", "ignore", log] });
    this.#endsWithStage(child);
    const untilMs = performance.now() + startMs;
    while (!(await accepts(socket))) {
      const hopeless = child.exitCode !== null || performance.now() > untilMs;
      if (hopeless) throw new Error(`${executable} did not start: ${await log.text()}`);
      await Bun.sleep(10);
    }
    return socket;
  }

  #endsWithStage(child: Bun.Subprocess): void {
    this.#processes.defer(async () => {
      child.kill("SIGKILL");
      await child.exited;
    });
  }

  /** Waits until everything written is on the disk, as else the next syncs would pay for it. */
  async settleDisk(): Promise<void> {
    await Bun.$`sync`.quiet();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#processes.disposeAsync();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function accepts(socket: string): Promise<boolean> {
  try {
    (await Bun.connect({ unix: socket, socket: { data: () => undefined } })).end();
    return true;
  } catch {
    return false;
  }
}
