import { appendFileSync } from "node:fs";
import type { Chance } from "../chance.ts";
import { Wire } from "../wire.ts";
import { type Answer, type Common, type Request, Worker } from "../workload.ts";

/** Milliseconds between an answer and the next request, at most: a journal of everything must be checked in the end. */
const pauseMsMax = 2;
/** How long it waits before it tries to connect again. */
const reconnectMs = 3;

/**
 * A client that writes down what it sent and what came back, with the times. What got no answer is asked again under the
 * same key, on the next connection, until there is one.
 */
export class RecordingClient {
  readonly #name: string;
  readonly #chance: Chance;
  readonly #worker: Worker;
  readonly #socket: string;
  readonly #history: string;
  #wire: Wire | null = null;
  #over = false;

  constructor(name: string, chance: Chance, common: Common, at: { socket: string; history: string }) {
    this.#name = name;
    this.#chance = chance;
    this.#worker = new Worker(name, chance.branch(0), common);
    this.#socket = at.socket;
    this.#history = at.history;
  }

  /** Ends once the request it is at has its answer. */
  stop(): void {
    this.#over = true;
  }

  async run(): Promise<void> {
    for (let reads = 0; !this.#over;) {
      const request = this.#worker.next();
      // What changes nothing has no key, and is not asked again: its answer may be another by then.
      const key = request.idempotency_key ?? `${this.#name}-read-${++reads}`;
      await this.#settle(request, key);
      await Bun.sleep(this.#chance.next() * pauseMsMax);
    }
    this.#wire?.[Symbol.dispose]();
  }

  async #settle(request: Request, key: string): Promise<void> {
    for (;;) {
      const wire = await this.#connected();
      const sent = Bun.nanoseconds();
      const line = (await wire.ask([JSON.stringify(request)])[0]) ?? null;
      const received = line === null ? null : Bun.nanoseconds();
      const answer = line === null ? null : (JSON.parse(line) as Answer);
      const { method, params } = request;
      const attempt = { client: this.#name, key, method, params, sent, received, answer };
      appendFileSync(this.#history, `${JSON.stringify(attempt)}\n`);
      if (answer !== null) this.#worker.learn(request, answer);
      if (answer !== null || request.idempotency_key === undefined) return;
    }
  }

  async #connected(): Promise<Wire> {
    while (this.#wire === null || this.#wire.lost) {
      this.#wire = await Wire.connect(this.#socket);
      if (this.#wire === null) await Bun.sleep(reconnectMs);
    }
    return this.#wire;
  }
}
