import type { Socket } from "bun";

const NEWLINE = 10;

/** One answer, unread, and when the last of it came. */
export interface Received {
  answer: Buffer;
  atMs: number;
}

/** A client that reads no answer: parsing 13 KB of context would be measured along with the daemon. */
export class RawClient implements Disposable {
  #socket: Socket | null = null;
  #unsent: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #waiting: (received: Received) => void = () => undefined;

  static async connect(path: string): Promise<RawClient> {
    const client = new RawClient();
    const socket = { data: (_: unknown, chunk: Buffer) => client.#receive(chunk), drain: () => client.#flush() };
    client.#socket = await Bun.connect({ unix: path, socket });
    return client;
  }

  /** Sends a request line; the next may be sent when this one is answered. */
  async ask(line: Buffer): Promise<Received> {
    const { promise, resolve } = Promise.withResolvers<Received>();
    this.#waiting = resolve;
    this.#unsent = line;
    this.#flush();
    return promise;
  }

  #flush(): void {
    if (this.#unsent.length === 0) return;
    const written = this.#socket?.write(this.#unsent) ?? 0;
    if (written < 0) throw new Error("the daemon closed the connection");
    this.#unsent = this.#unsent.subarray(written);
  }

  #receive(chunk: Buffer): void {
    const atMs = performance.now();
    // The chunk's memory is the socket's own.
    this.#parts.push(Buffer.from(chunk));
    if (chunk[chunk.length - 1] !== NEWLINE) return;
    const answer = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#waiting({ answer, atMs });
  }

  [Symbol.dispose](): void {
    this.#socket?.end();
  }
}
