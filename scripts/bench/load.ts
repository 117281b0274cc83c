/*
 * The load generator: a process of its own with as many sockets as it plays clients, each sending its next request
 * when the last one was answered. It does the same work whoever answers, so what two servers make of it compares.
 *
 * Reads a Load as JSON from its argument, prints a Measured as JSON.
 */
import type { Socket } from "bun";
import { areWhole, type Operation, type Wire } from "./operation.ts";
import { type Measured, summarize } from "./statistics.ts";
import { partOf, type Work } from "./work.ts";

/** What one run of the generator is asked to do. */
export interface Load {
  socket: string;
  clients: number;
  /** Answers received before this are not counted. */
  warmUpMs: number;
  measureMs: number;
  /** Ends the run early after this many counted operations. */
  operationsMax?: number;
  work: Work;
}

/** What all clients of a run have measured together, and when it is enough. */
class Run {
  readonly latenciesMs: number[] = [];
  readonly fromMs: number;
  readonly done = Promise.withResolvers<void>();
  over = false;
  lastMs: number;
  readonly #untilMs: number;
  readonly #operationsMax: number;

  constructor({ warmUpMs, measureMs, operationsMax = Number.POSITIVE_INFINITY }: Load) {
    this.fromMs = performance.now() + warmUpMs;
    this.lastMs = this.fromMs;
    this.#untilMs = this.fromMs + measureMs;
    this.#operationsMax = operationsMax;
  }

  ended(sentMs: number, nowMs: number): void {
    if (nowMs < this.fromMs) return;
    this.latenciesMs.push(nowMs - sentMs);
    this.lastMs = nowMs;
    if (nowMs < this.#untilMs && this.latenciesMs.length < this.#operationsMax) return;
    this.over = true;
    this.done.resolve();
  }
}

const nothing: Buffer = Buffer.alloc(0);

class Client {
  readonly #run: Run;
  readonly #wire: Wire;
  readonly #operation: Operation;
  #requests: ReturnType<Operation>;
  #sentMs = 0;
  #answers = 0;
  #unread = nothing;

  constructor(run: Run, { wire, operation }: ReturnType<typeof partOf>) {
    this.#run = run;
    this.#wire = wire;
    this.#operation = operation;
    this.#requests = operation();
  }

  /** Sends the first requests of an operation. */
  begin(socket: Socket<unknown>, nowMs: number): void {
    this.#requests = this.#operation();
    const { done, value } = this.#requests.next();
    if (done === true) throw new Error("an operation asks for nothing");
    this.#sentMs = nowMs;
    this.#send(socket, value);
  }

  received(socket: Socket<unknown>, chunk: Buffer): void {
    if (this.#run.over) return;
    const bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    if (!areWhole(this.#wire, bytes, this.#answers)) {
      // The chunk's memory is the socket's own.
      this.#unread = Buffer.from(bytes);
      return;
    }
    this.#unread = nothing;
    this.#goOn(socket, bytes);
  }

  #goOn(socket: Socket<unknown>, answers: Buffer): void {
    const { done, value } = this.#requests.next(answers);
    if (done !== true) return this.#send(socket, value);
    const nowMs = performance.now();
    this.#run.ended(this.#sentMs, nowMs);
    if (!this.#run.over) this.begin(socket, nowMs);
  }

  #send(socket: Socket<unknown>, requests: readonly Buffer[]): void {
    const [first = nothing] = requests;
    const bytes = requests.length === 1 ? first : Buffer.concat(requests);
    this.#answers = requests.length;
    if (socket.write(bytes) !== bytes.length) throw new Error("a request did not fit into the socket");
  }
}

async function generate(load: Load): Promise<Measured> {
  const run = new Run(load);
  for (let n = 0; n < load.clients; n++) {
    const client = new Client(run, partOf(load.work, n));
    await Bun.connect({
      unix: load.socket,
      socket: {
        open: (socket) => client.begin(socket, performance.now()),
        data: (socket, chunk) => client.received(socket, chunk),
        // What a handler throws comes here as well.
        error: (_socket, error) => run.done.reject(error),
        close: () => run.done.reject(new Error("the server closed a connection")),
      },
    });
  }
  await run.done.promise;
  return summarize(run.latenciesMs, run.lastMs - run.fromMs);
}

try {
  console.log(JSON.stringify(await generate(JSON.parse(Bun.argv[2] ?? "") as Load)));
  process.exit(0);
} catch (error) {
  console.error(`load generator: ${String(error)}`);
  process.exit(1);
}
