import type { Chance } from "../chance.ts";
import { keysIn, readJournal } from "../journal.ts";
import { Disproved } from "../proof.ts";
import { Wire } from "../wire.ts";
import type { Answer } from "../workload.ts";

/** As clear as the refusal of a commit that failed half-way can be: it is repeated under its key. */
export const unknown = "OUTCOME_UNKNOWN";
const destroyed = "ok, and destroyed since";
/** What a write may be refused with when the storage does not take it. */
const refusals = new Set(["STORAGE_FULL", "STORAGE_FAILED", unknown]);

/** Writes to a daemon and remembers what became of each. */
export class Ledger {
  readonly #socket: string;
  readonly #chance: Chance;
  /** By key: the request as sent, and how it was answered: `ok` or the kind of its refusal. */
  readonly #writes = new Map<string, { line: string; kind: string }>();
  #wire: Wire | null = null;

  constructor(socket: string, chance: Chance) {
    this.#socket = socket;
    this.#chance = chance;
  }

  get acknowledged(): number {
    return Array.from(this.#writes.values()).filter(({ kind }) => kind === "ok").length;
  }

  /** Starts anew with whatever listens there now. */
  async connect(): Promise<void> {
    this.#wire?.[Symbol.dispose]();
    this.#wire = await Wire.connect(this.#socket);
    if (this.#wire === null) throw new Disproved("the daemon takes no connection");
  }

  /** One write; `ok`, or the kind of its refusal. @throws {Disproved} for no answer, or one that does not say why */
  async write(charsMax = 20_000): Promise<string> {
    const key = `write-${this.#writes.size}`;
    const context = { key, text: "x".repeat(this.#chance.below(charsMax)) };
    const line = JSON.stringify({ method: "RegisterTask", params: { goal: "a goal", context }, idempotency_key: key });
    return this.#send(key, line);
  }

  /** Writes until several in a row are refused, each as expected. @throws {Disproved} when none of very many is */
  async writeUntilRefused(expected: readonly string[]): Promise<void> {
    let inARow = 0;
    for (let n = 0; n < 5_000; n++) {
      const kind = await this.write();
      if (kind !== "ok" && !expected.includes(kind)) throw new Disproved(`a write was refused with ${kind}`);
      inARow = kind === "ok" ? 0 : inARow + 1;
      if (inARow === 5) return;
    }
    throw new Disproved("5,000 writes had room where there is none");
  }

  /** Asks again for what nobody knows of. */
  async settle(): Promise<void> {
    for (const [key, { line, kind }] of this.#writes) if (kind === unknown) await this.#send(key, line);
  }

  /** What was acknowledged so far may be lost: somebody has destroyed what held it. */
  writeOff(): void {
    for (const write of this.#writes.values()) if (write.kind === "ok") write.kind = destroyed;
  }

  /** Any read. @throws {Disproved} when it is refused */
  async read(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const answer = await this.#ask(JSON.stringify({ method, params }));
    if (answer.result === undefined || answer.result === null) {
      throw new Disproved(`${method} was answered ${JSON.stringify(answer)}`);
    }
    return answer.result;
  }

  /** The journal tells of all that was acknowledged just once, and of nothing that was refused; and it is whole. */
  async refuseLoss(): Promise<void> {
    await this.settle();
    const events = this.#wire === null ? null : await readJournal(this.#wire);
    if (events === null) throw new Disproved("the journal cannot be read");
    const keys = keysIn(events);
    for (const [key, { kind }] of this.#writes) {
      const times = keys.get(key) ?? 0;
      const right = kind === destroyed ? times <= 1 : times === (kind === "ok" ? 1 : 0);
      if (!right) throw new Disproved(`${key} was answered ${kind}, and is in the journal ${times} times`);
    }
    const verified = await this.read("VerifyJournal");
    if (verified.ok !== true) throw new Disproved(`VerifyJournal: ${JSON.stringify(verified)}`);
  }

  async #send(key: string, line: string): Promise<string> {
    const answer = await this.#ask(line);
    const { error } = answer;
    const kind = error === undefined ? "ok" : error.data.kind;
    if (kind !== "ok" && !refusals.has(kind)) {
      throw new Disproved(`a write was answered ${JSON.stringify(answer)}`);
    }
    this.#writes.set(key, { line, kind });
    return kind;
  }

  async #ask(line: string): Promise<Answer> {
    const answer = await this.#wire?.ask([line])[0];
    if (typeof answer !== "string") throw new Disproved(`no answer came to ${line.slice(0, 100)}`);
    return JSON.parse(answer) as Answer;
  }

  close(): void {
    this.#wire?.[Symbol.dispose]();
  }
}
