import { join } from "node:path";
import { Chance } from "../chance.ts";
import { type Daemon, launch } from "../daemon.ts";
import { type Fault, FaultControl, underShim } from "../shim.ts";
import { Wire } from "../wire.ts";
import { type Answer, type Common, type Request, Worker } from "../workload.ts";
import { keysIn, readJournal } from "../journal.ts";

/** One run: which operation fails, and when that is armed. */
export interface TrialPlan {
  fault: Fault;
  /** From the start of the daemon on a new home, or once it serves. */
  armed: "at the start" | "serving";
  seed: number;
}

export interface TrialOptions {
  program: readonly string[];
  shim: string;
  /** One of its own. */
  directory: string;
}

export interface TrialReport {
  /** Whether the operation that was to fail came. */
  struck: boolean;
  /** Answers by their kind; `ok` for all that are no failure of the storage. */
  answers: Record<string, number>;
  startRefused: boolean;
}

/** A promise that a run did not keep. */
export class Broken extends Error {}

const clients = 3;
const requestsEach = 20;
const storageKinds = new Set(["STORAGE_FULL", "STORAGE_FAILED", "OUTCOME_UNKNOWN"]);

interface Asked {
  request: Request;
  line: string;
  /** `ok`, or how the storage failed it. */
  kind: string;
}

/** Runs a daemon whose file operations fail as planned, lifts the fault, starts it again, and compares. @throws {Broken} */
export async function attempt(plan: TrialPlan, options: TrialOptions): Promise<TrialReport> {
  const trial = new Trial(plan, options);
  return trial.run();
}

class Trial {
  readonly #plan: TrialPlan;
  readonly #options: TrialOptions;
  readonly #chance: Chance;
  readonly #control: FaultControl;
  readonly #home: string;
  /** By key: the newest answer. */
  readonly #asked = new Map<string, Asked>();
  readonly #answers: Record<string, number> = {};

  constructor(plan: TrialPlan, options: TrialOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#chance = new Chance(plan.seed);
    this.#control = new FaultControl(join(options.directory, "fault"));
    this.#home = join(options.directory, "home");
  }

  async run(): Promise<TrialReport> {
    const { fault, armed } = this.#plan;
    if (armed === "at the start") this.#control.arm(fault);
    const { daemon, startRefused } = await this.#start();
    let struck = this.#control.struck > 0;
    await using serving = daemon;
    if (armed === "serving") this.#control.arm(fault);
    await this.#write(serving);
    struck ||= this.#control.struck > 0;
    await this.#refuseWrong(serving);
    // A fault that stays must not keep the daemon from ending.
    const stays = fault.forGood && this.#chance.happens(0.3);
    if (!stays) await this.#recover(serving);
    await serving.end(this.#chance.happens(0.5) ? "SIGTERM" : "SIGKILL");
    struck ||= this.#control.struck > 0;
    this.#control.lift();
    await this.#compare();
    return { struck, answers: this.#answers, startRefused };
  }

  /** Starts the daemon; where the fault keeps it from starting, once more without. */
  async #start(): Promise<{ daemon: Daemon; startRefused: boolean }> {
    const daemon = this.#launch();
    const { serves, words } = await daemon.started;
    if (serves) return { daemon, startRefused: false };
    await daemon[Symbol.asyncDispose]();
    const { ready, error = "" } = JSON.parse(words.startsWith("{") ? words : "{}") as {
      ready?: boolean;
      error?: string;
    };
    if (ready !== false || !error.includes(this.#home)) throw new Broken(`a start that failed said only: ${words}`);
    this.#control.lift();
    const again = this.#launch();
    const second = await again.started;
    if (!second.serves) throw new Broken(`after a start that failed the next one does too: ${second.words}`);
    return { daemon: again, startRefused: true };
  }

  #launch(): Daemon {
    const { program, shim } = this.#options;
    const watched = { database: join(this.#home, "agent_state.db"), fault: this.#control.path };
    return launch(program, this.#home, underShim(shim, watched));
  }

  async #write(daemon: Daemon): Promise<void> {
    const common: Common = { tasks: [] };
    const writing = Array.from({ length: clients }, async (_, n) => {
      using wire = await this.#connect(daemon);
      const worker = new Worker(`client${n}`, this.#chance.branch(n), common);
      for (let step = 0; step < requestsEach; step++) await this.#ask(wire, worker.next(), worker);
    });
    await Promise.all([...writing, this.#read(daemon)]);
    if (!daemon.lives) throw new Broken("the daemon is dead");
  }

  /** Somebody who only reads, and a backup now and then, which folds the log in and cuts it off. */
  async #read(daemon: Daemon): Promise<void> {
    using wire = await this.#connect(daemon);
    for (let step = 0; step < requestsEach; step++) {
      const path = join(this.#options.directory, `backup-${step}`);
      if (step % 4 === 3) await this.#line(wire, { method: "Backup", params: { path } });
      const method = this.#chance.of(["ListTasks", "ListEvents", "ListResourceLocks", "Health"]);
      const line = await this.#line(wire, { method, params: {} });
      if (!("result" in (JSON.parse(line) as Answer))) throw new Broken(`${method} was answered ${line}`);
    }
  }

  async #ask(wire: Wire, request: Request, worker?: Worker): Promise<Asked> {
    const line = await this.#line(wire, request);
    const answer = JSON.parse(line) as Answer;
    const failure = answer.error?.data.kind ?? "";
    if (failure === "INTERNAL") throw new Broken(`${request.method} was answered ${line}`);
    const kind = storageKinds.has(failure) ? failure : "ok";
    this.#answers[kind] = (this.#answers[kind] ?? 0) + 1;
    const asked = { request, line, kind };
    if (request.idempotency_key !== undefined) this.#asked.set(request.idempotency_key, asked);
    worker?.learn(request, answer);
    return asked;
  }

  async #line(wire: Wire, request: Request): Promise<string> {
    const line = await wire.ask([JSON.stringify(request)])[0];
    if (typeof line !== "string") throw new Broken(`${request.method} was not answered: the connection ended`);
    return line;
  }

  /** The journal tells of nothing that was answered as failed, and of everything that was acknowledged just once. */
  async #refuseWrong(daemon: Daemon): Promise<void> {
    using wire = await this.#connect(daemon);
    const events = await readJournal(wire);
    if (events === null) throw new Broken("the journal cannot be read");
    const keys = keysIn(events);
    for (const [key, { line, kind }] of this.#asked) {
      const times = keys.get(key) ?? 0;
      if (times > 1) throw new Broken(`${key} was applied ${times} times`);
      if (times > 0 && kind.startsWith("STORAGE_")) throw new Broken(`${key} was answered ${line}, and was applied`);
    }
  }

  /** With the fault lifted, and no restart, the next write works, and what had failed can be repeated. */
  async #recover(daemon: Daemon): Promise<void> {
    this.#control.lift();
    using wire = await this.#connect(daemon);
    const failed = Array.from(this.#asked.values()).filter(({ kind }) => kind !== "ok");
    for (const { request, kind, line } of failed) {
      const again = await this.#ask(wire, request);
      if (again.kind !== "ok") throw new Broken(`the fault is over, and ${request.method} is answered ${again.line}`);
      const { replayed = false } = JSON.parse(again.line) as Answer;
      if (replayed && kind.startsWith("STORAGE_")) throw new Broken(`answered ${line}, applied: ${again.line}`);
    }
    const fresh = { method: "RegisterTask", params: { goal: "goes on" }, idempotency_key: "fresh" };
    const { kind, line } = await this.#ask(wire, fresh);
    if (kind !== "ok") throw new Broken(`the fault is over, and a write is answered ${line}`);
  }

  /** After a restart: everything acknowledged is there, nothing else is, and the journal fits the tables. */
  async #compare(): Promise<void> {
    await using daemon = this.#launch();
    const { serves, words } = await daemon.started;
    if (!serves) throw new Broken(`the daemon does not start again: ${words}`);
    await this.#refuseWrong(daemon);
    using wire = await this.#connect(daemon);
    const verified = await this.#line(wire, { method: "VerifyJournal", params: {} });
    if ((JSON.parse(verified) as Answer).result?.ok !== true) throw new Broken(`verify: ${verified}`);
    const asked = Array.from(this.#asked.values());
    const lines = await Promise.all(wire.ask(asked.map(({ request }) => JSON.stringify(request))));
    for (const [index, before] of asked.entries()) compareAnswers(before, lines[index] ?? "");
  }

  async #connect(daemon: Daemon): Promise<Wire> {
    const wire = await Wire.connect(daemon.socket);
    if (wire === null) throw new Broken("the daemon takes no connection");
    return wire;
  }
}

/** A repetition under the same key gets the first answer where that was acknowledged, and is new where it had failed. */
function compareAnswers({ request, line, kind }: Asked, again: string): void {
  const key = request.idempotency_key;
  const first = line.replace(',"replayed":true}', "}");
  const replayed = again.endsWith(',"replayed":true}');
  if (kind === "ok" && again !== first.replace(/}$/, ',"replayed":true}')) {
    throw new Broken(`${key} was answered ${first}, and after a restart ${again}`);
  }
  if (kind.startsWith("STORAGE_") && replayed)
    throw new Broken(`${key} was answered ${line}, and was applied: ${again}`);
}
