/*
 * The load generator: a process of its own with as many sockets as it plays clients, each sending its next request
 * when the last one was answered. It does the same work whoever answers, so what two servers make of it compares.
 *
 * Reads a Load as JSON from its argument, prints a Measured as JSON.
 */
import type { Socket } from "bun";
import { percentile } from "./statistics.ts";

/** What one run of the generator is asked to do. */
export interface Load {
  socket: string;
  clients: number;
  /** Answers received before this are not counted. */
  warmUpMs: number;
  measureMs: number;
  /** Ends the run early after this many counted operations. */
  operationsMax?: number;
  work: { kind: "repeat"; line: string } | { kind: "cycle"; tasks: readonly string[] };
}

/** An operation is one request, or one acquire with its complete. */
export interface Measured {
  operations: number;
  perSec: number;
  p50Us: number;
  p99Us: number;
}

/** Gives a client's next request, knowing the answer to its last one, and whether that ended an operation. */
interface Script {
  next(answer: Buffer | null): { line: Buffer; ended: boolean };
}

const NEWLINE = 10;

function repeat(line: string): Script {
  const bytes = Buffer.from(line);
  return { next: (answer) => ({ line: bytes, ended: answer !== null }) };
}

/** Acquires a node of the current task and completes it; goes on to the next task when one has none left. */
function cycle(tasks: readonly string[], first: number): Script {
  let task = first;
  let acquiring = true;
  const acquire = () => {
    acquiring = true;
    const params = { task_id: tasks[task % tasks.length], lease_owner: "bench" };
    return Buffer.from(`${JSON.stringify({ id: 1, method: "AcquireNextNode", params })}\n`);
  };
  return {
    next(answer) {
      if (answer === null || !acquiring) return { line: acquire(), ended: answer !== null };
      // Only the start of the answer is read: a generator that parses 15 KB of context would measure itself.
      const ids = answer.toString("latin1", 0, 300);
      const [, node] = /"node_id":"([^"]+)"/.exec(ids) ?? [];
      const [, lease] = /"lease_id":"([^"]+)"/.exec(ids) ?? [];
      if (node === undefined) {
        if (++task >= first + tasks.length) throw new Error("the tasks ran out of nodes");
        return { line: acquire(), ended: false };
      }
      acquiring = false;
      const params = { task_id: tasks[task % tasks.length], node_id: node, lease_id: lease, result_payload: { ok: 1 } };
      return { line: Buffer.from(`${JSON.stringify({ id: 1, method: "CompleteNode", params })}\n`), ended: false };
    },
  };
}

async function generate(load: Load): Promise<Measured> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const latencies: number[] = [];
  const startedAt = performance.now();
  const measureFrom = startedAt + load.warmUpMs;
  const measureUntil = measureFrom + load.measureMs;
  const sockets: Socket<unknown>[] = [];
  let lastAt = measureFrom;
  let over = false;

  const client = (script: Script) => {
    let sentAt = 0;
    let parts: Buffer[] = [];
    const send = (socket: Socket<unknown>, answer: Buffer | null) => {
      const { line, ended } = script.next(answer);
      const now = performance.now();
      if (ended) {
        if (now >= measureFrom && !over) {
          latencies.push(now - sentAt);
          lastAt = now;
        }
        if (now >= measureUntil || latencies.length === load.operationsMax) {
          over = true;
          resolve();
          return;
        }
      }
      if (ended || answer === null) sentAt = now;
      if (socket.write(line) !== line.length) reject(new Error("a request did not fit into the socket"));
    };
    return {
      open: (socket: Socket<unknown>) => send(socket, null),
      data(socket: Socket<unknown>, chunk: Buffer) {
        if (over) return;
        if (chunk[chunk.length - 1] !== NEWLINE) {
          parts.push(Buffer.from(chunk));
          return;
        }
        const answer = parts.length === 0 ? chunk : Buffer.concat([...parts, chunk]);
        parts = [];
        // {"id":1,"result":…
        try {
          if (answer[9] !== 114) throw new Error(`refused: ${answer.toString("utf8", 0, 300)}`);
          send(socket, answer);
        } catch (cause) {
          reject(cause as Error);
        }
      },
      close() {
        if (!over) reject(new Error("the server closed a connection"));
      },
    };
  };

  const { work } = load;
  for (let n = 0; n < load.clients; n++) {
    const script = work.kind === "repeat" ? repeat(work.line) : cycle(work.tasks, n % work.tasks.length);
    sockets.push(await Bun.connect({ unix: load.socket, socket: client(script) }));
  }
  await promise;
  for (const socket of sockets) socket.terminate();
  return summarize(latencies, lastAt - measureFrom);
}

function summarize(latenciesMs: number[], elapsedMs: number): Measured {
  const sorted = Float64Array.from(latenciesMs).toSorted();
  const us = (share: number) => percentile(sorted, share) * 1000;
  return {
    operations: sorted.length,
    perSec: (sorted.length / elapsedMs) * 1000,
    p50Us: us(0.5),
    p99Us: us(0.99),
  };
}

if (import.meta.main) {
  console.log(JSON.stringify(await generate(JSON.parse(Bun.argv[2] ?? "") as Load)));
  process.exit(0);
}
