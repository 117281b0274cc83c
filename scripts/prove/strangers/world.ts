import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { withoutOwn } from "../../demo/daemon.ts";
import type { Chance } from "../chance.ts";
import { type Daemon, launch } from "../daemon.ts";
import { Disproved } from "../proof.ts";

/** What is not refused by then was let in. */
const endsWithinMs = 15_000;

/** How a command ended. */
export interface Ran {
  status: number;
  words: string;
}

/** A user of the machine who is not the daemon's. */
export interface Stranger {
  uid: number;
  gid: number;
}

/** A machine on which the daemon's user is root and others are about. */
export class World {
  readonly chance: Chance;
  readonly stranger: Stranger;
  /** A group that is nobody's until somebody is put into it. */
  readonly group: number;
  readonly #directory: string;
  readonly #program: string;
  #places = 0;

  constructor(directory: string, binary: string, chance: Chance) {
    this.#directory = directory;
    this.chance = chance;
    const uid = chance.happens(0.5) ? 65_534 : 20_000 + chance.below(20_000);
    this.stranger = { uid, gid: uid };
    this.group = 50_000 + chance.below(10_000);
    // Everybody may look in here, and run the program.
    chmodSync(directory, 0o755);
    this.#program = join(directory, "agentd");
    copyFileSync(binary, this.#program);
    chmodSync(this.#program, 0o755);
  }

  /** A directory of one check's own that all may enter. */
  place(): string {
    const path = join(this.#directory, `place-${++this.#places}`);
    mkdirSync(path);
    chmodSync(path, 0o755);
    return path;
  }

  /** A daemon that serves. */
  async serve(home: string, environment: Record<string, string> = {}, as?: Stranger): Promise<Daemon> {
    const daemon = launch([...under(as), this.#program], home, environment);
    const { serves, words } = await daemon.started;
    if (!serves) throw new Disproved(`the daemon does not start: ${words}`);
    return daemon;
  }

  /** Runs a command, as somebody else where that is said. */
  async run(
    command: readonly string[],
    options: { as?: Stranger; env?: Record<string, string>; cwd?: string } = {},
  ): Promise<Ran> {
    const { as, env = {}, cwd = "/" } = options;
    const child = Bun.spawn([...under(as), ...command], {
      cwd,
      env: { ...withoutOwn(process.env), HOME: "/nonexistent", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), endsWithinMs);
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    const status = await child.exited;
    clearTimeout(timer);
    if (child.signalCode === "SIGKILL") throw new Disproved(`${command.join(" ")} went on: ${out}${err}`);
    return { status, words: out + err };
  }

  async agentd(
    words: readonly string[],
    options: { as?: Stranger; env?: Record<string, string>; cwd?: string } = {},
  ): Promise<Ran> {
    return this.run([this.#program, ...words], options);
  }

  /** What somebody gets who asks at a socket: an answer, nothing, or the system's refusal. */
  async ask(socket: string, as: Stranger = { uid: 0, gid: 0 }): Promise<string> {
    // It becomes that user by itself, who may not be able to run what root has installed.
    const ask = join(import.meta.dir, "ask.py");
    const { words } = await this.run(["python3", ask, socket, String(as.uid), String(as.gid)]);
    return words.trim();
  }
}

const under = (as: Stranger | undefined): string[] =>
  as === undefined ? [] : ["setpriv", `--reuid=${as.uid}`, `--regid=${as.gid}`, "--clear-groups"];

/** @throws {Disproved} with what was found where it is not so */
export function demand(isSo: boolean, found: unknown): asserts isSo {
  if (!isSo) throw new Disproved(typeof found === "string" ? found : JSON.stringify(found));
}
