import type { Chance } from "../chance.ts";
import { type Daemon, launch } from "../daemon.ts";
import { Disproved } from "../proof.ts";
import { Ledger } from "./ledger.ts";

/** What a case of the storage's end is made of. */
export class Trial implements Disposable {
  readonly #program: readonly string[];
  readonly directory: string;
  readonly chance: Chance;
  #ledger: Ledger | null = null;

  constructor(program: readonly string[], directory: string, chance: Chance) {
    this.#program = program;
    this.directory = directory;
    this.chance = chance;
  }

  get ledger(): Ledger {
    if (this.#ledger === null) throw new Error("no daemon was started");
    return this.#ledger;
  }

  /** Starts a daemon, under another command where one is given. @throws {Disproved} when it does not serve */
  async start(home: string, under: readonly string[] = [], environment: Record<string, string> = {}): Promise<Daemon> {
    const daemon = launch([...under, ...this.#program], home, environment);
    const { serves, words } = await daemon.started;
    if (!serves) throw new Disproved(`the daemon does not start: ${words}`);
    this.#ledger ??= new Ledger(daemon.socket, this.chance);
    await this.#ledger.connect();
    return daemon;
  }

  /** A start that must be refused in words that name the place. @throws {Disproved} */
  async refuseStart(
    home: string,
    under: readonly string[],
    environment: Record<string, string>,
    place: string,
  ): Promise<void> {
    await using daemon = launch([...under, ...this.#program], home, environment);
    const { serves, words } = await daemon.started;
    if (serves || !words.includes(place)) throw new Disproved(`a start without room said: ${words}`);
  }

  /** Writes that all must be acknowledged. */
  async write(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const kind = await this.ledger.write();
      if (kind !== "ok") throw new Disproved(`a write with room was refused with ${kind}`);
    }
  }

  /** Writes until there is no room, and is refused with one of these kinds; reads are answered all the same, and the daemon lives. */
  async exhaust(daemon: Daemon, ...kinds: string[]): Promise<void> {
    await this.write(10);
    await this.ledger.writeUntilRefused(kinds);
    await this.refuseReads();
    if (!daemon.lives) throw new Disproved("the daemon is dead");
  }

  /** There is no room, and every write is told so. */
  async refuseRoom(kind: string): Promise<void> {
    await this.ledger.writeUntilRefused([kind]);
  }

  /** @throws {Disproved} when a read is refused */
  async refuseReads(): Promise<void> {
    for (const method of ["Health", "ListTasks", "ListEvents", "ListResourceLocks"]) await this.ledger.read(method);
  }

  /** There is room again: the next writes are acknowledged without a restart, and nothing is lost, then or after one. */
  async recover(daemon: Daemon): Promise<void> {
    await this.write(5);
    const { status } = await this.ledger.read("Health");
    if (status !== "ok") throw new Disproved(`there is room, writes work, and Health says ${String(status)}`);
    await this.ledger.refuseLoss();
    if (!daemon.lives) throw new Disproved("the daemon is dead");
  }

  /** Does something while so many clients more are connected, or try to be. */
  async crowd({ socket }: Daemon, count: number, meanwhile: () => Promise<void>): Promise<void> {
    const clients: Bun.Socket[] = [];
    let answered = 0;
    const handlers = {
      open: (client: Bun.Socket) => void client.write('{"method":"Health"}\n'),
      data: () => void answered++,
      error: () => undefined,
    };
    try {
      for (let n = 0; n < count; n++) {
        // Beyond the descriptors there is a queue, and beyond that the system's refusal.
        const client = await Bun.connect({ unix: socket, socket: handlers }).catch(() => null);
        if (client !== null) clients.push(client);
      }
      await meanwhile();
      if (answered === 0 || answered === count) {
        throw new Disproved(`${answered} of ${count} clients were served: the limit does not show`);
      }
    } finally {
      for (const client of clients) client.terminate();
    }
  }

  [Symbol.dispose](): void {
    this.#ledger?.close();
  }
}
