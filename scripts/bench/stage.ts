import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OwnDaemon, startDaemon } from "../demo/daemon.ts";
import { firstLine } from "../demo/first-line.ts";

/** How long and how often things are measured. */
export interface Pace {
  warmUpMs: number;
  measureMs: number;
  /** Rounds of what is compared, one beside the other; the median counts. */
  rounds: number;
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

/** A directory of the benchmark's own, the processes in it, and the way to be rid of both. */
export class Stage implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "agentd-bench-"));
  readonly pace: Pace;
  readonly binary: string;
  readonly #processes = new AsyncDisposableStack();

  constructor(binary: string, pace: Pace) {
    this.binary = binary;
    this.pace = pace;
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  /** Starts agentd at a home of this stage. It ends with the stage at the latest. */
  async daemon(home: string, settings: Record<string, string> = {}): Promise<OwnDaemon> {
    return this.#processes.use(await startDaemon(this.binary, this.path(home), settings));
  }

  /** Starts a program that says when it is ready; gives the path it listens at. */
  async server(executable: string): Promise<string> {
    const socket = `${executable}.sock`;
    const child = Bun.spawn([executable, socket], { stdio: ["ignore", "pipe", "inherit"] });
    this.#processes.defer(async () => {
      child.kill("SIGKILL");
      await child.exited;
    });
    if (!(await firstLine(child.stdout)).includes("ready")) throw new Error(`${executable} did not start`);
    return socket;
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
