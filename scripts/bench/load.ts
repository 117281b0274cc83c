/*
 * The load generator: a process of its own with as many sockets as it plays clients, each sending its next request
 * when the last one was answered. It does the same work whoever answers, so what two servers make of it compares.
 *
 * Reads a Load as JSON from its argument, prints a Measured as JSON.
 */
import type { Socket } from "bun";
import { type Measured, summarize } from "./statistics.ts";
import { type Script, scriptOf, type Work } from "./work.ts";

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

const NEWLINE = 10;
/** The tenth byte of `{"id":1,"result":…`, as an error has it not. */
const R = 114;

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

class Client {
  readonly #run: Run;
  readonly #script: Script;
  #sentMs = 0;
  #parts: Buffer[] = [];

  constructor(run: Run, script: Script) {
    this.#run = run;
    this.#script = script;
  }

  received(socket: Socket<unknown>, chunk: Buffer): void {
    if (this.#run.over) return;
    if (chunk[chunk.length - 1] !== NEWLINE) {
      // The chunk's memory is the socket's own.
      this.#parts.push(Buffer.from(chunk));
      return;
    }
    const answer = this.#parts.length === 0 ? chunk : Buffer.concat([...this.#parts, chunk]);
    this.#parts = [];
    if (answer[9] !== R) throw new Error(`refused: ${answer.toString("utf8", 0, 300)}`);
    this.send(socket, answer);
  }

  send(socket: Socket<unknown>, answer: Buffer | null): void {
    const { line, ended } = this.#script(answer);
    const nowMs = performance.now();
    if (ended) this.#run.ended(this.#sentMs, nowMs);
    if (this.#run.over) return;
    if (ended || answer === null) this.#sentMs = nowMs;
    if (socket.write(line) !== line.length) throw new Error("a request did not fit into the socket");
  }
}

async function generate(load: Load): Promise<Measured> {
  const run = new Run(load);
  for (let n = 0; n < load.clients; n++) {
    const client = new Client(run, scriptOf(load.work, n));
    await Bun.connect({
      unix: load.socket,
      socket: {
        open: (socket) => client.send(socket, null),
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
