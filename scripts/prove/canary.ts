import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Disproved } from "./proof.ts";

/** How a client that does no harm was served for a while. */
export interface Song {
  answers: number;
  p50Ms: number;
  p99Ms: number;
  worstMs: number;
  /** The first things that were not as they should be. */
  errors: string[];
}

/** What promise 7 bounds, for a canary that is served well below it when nobody else is there. */
const p99MsMax = 50;
const aloneMsMax = 25;
/** Of fewer answers one in a hundred is a matter of luck: a quick cut judges the answers alone. */
const judgedAnswersMin = 2_000;
/** With more of its time spent waiting for a core, it is the machine that keeps the daemon from answering. */
const waitedShareMax = 0.25;

/**
 * A client in a process of its own that holds a node and a lock, asks one small thing after the other, and expects of
 * each answer that nobody else's doings show in it.
 */
export class Canary implements AsyncDisposable {
  readonly #child: { send(message: string): void; kill(): void; exited: Promise<number> };
  #heard: PromiseWithResolvers<Song | "ready"> = Promise.withResolvers();
  /** How it was served before anybody else came. */
  #alone: Song | null = null;
  readonly #pid: number;
  #since = { atMs: 0, waitedMs: 0 };
  /** Of the time since then. */
  #waitedShare = 0;

  private constructor(socket: string, pid: number) {
    this.#pid = pid;
    this.#child = Bun.spawn([process.execPath, join(import.meta.dir, "canary-process.ts"), socket], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message: Song | "ready") => this.#heard.resolve(message),
      onExit: (_child, status) => this.#heard.reject(new Disproved(`the canary's process ended with ${status}`)),
    });
    // It may end when nobody asks any more.
    this.#heard.promise.catch(() => undefined);
  }

  /** Sends it in to a daemon, and listens to it alone for a while. */
  static async join({ socket, pid }: { socket: string; pid: number }, aloneMs: number): Promise<Canary> {
    const canary = new Canary(socket, pid);
    await canary.#next();
    await canary.#ask();
    await Bun.sleep(aloneMs);
    canary.#alone = await canary.#ask();
    canary.#since = { atMs: performance.now(), waitedMs: waitedMs(pid) };
    return canary;
  }

  /** How it was served since it was asked last. @throws {Disproved} when it was harmed */
  async unharmed(): Promise<Song> {
    const song = await this.#ask();
    const alone = this.#alone ?? song;
    this.#waitedShare = (waitedMs(this.#pid) - this.#since.waitedMs) / (performance.now() - this.#since.atMs);
    const [error] = song.errors;
    if (error !== undefined) throw new Disproved(`the canary was harmed: ${error}`);
    if (song.answers === 0) throw new Disproved("the canary was not answered at all");
    if (song.answers >= judgedAnswersMin && song.p99Ms >= p99MsMax && this.#isJudged) {
      throw new Disproved(`the canary's p99 is ${inMs(song.p99Ms)}, and ${inMs(alone.p99Ms)} alone`);
    }
    return song;
  }

  /** A song in words, with how it is alone. */
  tell(song: Song): string {
    const alone = this.#alone ?? song;
    const waited = `the daemon waited for a core ${Math.round(this.#waitedShare * 100)} % of the time`;
    // Had it been judged, it would have been refused.
    const judged = song.p99Ms < p99MsMax ? "" : ", which is NOT JUDGED";
    const figures = `p99 ${inMs(song.p99Ms)} (alone ${inMs(alone.p99Ms)}; ${waited}${judged})`;
    return `canary 0 errors in ${song.answers.toLocaleString("en")}, ${figures}`;
  }

  /** Whether the bound says something of the daemon here. */
  get #isJudged(): boolean {
    return (this.#alone?.p99Ms ?? 0) < aloneMsMax && this.#waitedShare < waitedShareMax;
  }

  async #ask(): Promise<Song> {
    this.#child.send("report");
    const song = await this.#next();
    if (song === "ready") throw new Error("the canary said that it is ready twice");
    return song;
  }

  async #next(): Promise<Song | "ready"> {
    const message = await this.#heard.promise;
    this.#heard = Promise.withResolvers();
    this.#heard.promise.catch(() => undefined);
    return message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
  }
}

const inMs = (ms: number): string => `${ms.toFixed(1)} ms`;

/** How long a process was able to run and had no core, in all. Linux only. */
function waitedMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "latin1").split(" ")[1]) / 1e6;
}
