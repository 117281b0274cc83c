import { connect, type Socket } from "node:net";
import type { Response } from "../../src/protocol/envelope.ts";

/** A client that knows nothing but sockets and lines, as one in another language would be. */
export class LineClient implements Disposable {
  readonly #socket: Socket;
  readonly #lines: string[] = [];
  readonly #closed = Promise.withResolvers<void>();
  #ended = false;
  #rest = "";
  #arrived = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    const news = () => {
      this.#arrived.resolve();
      this.#arrived = Promise.withResolvers();
    };
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      const [first = "", ...others] = text.split("\n");
      const parts = [this.#rest + first, ...others];
      this.#rest = parts.pop() ?? "";
      this.#lines.push(...parts);
      news();
    });
    socket.on("end", () => {
      this.#ended = true;
      news();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#ended = true;
      this.#closed.resolve();
      news();
    });
  }

  static async connect(path: string): Promise<LineClient> {
    const socket = connect({ path, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new LineClient(socket);
  }

  /** Sends text or bytes as they are, and waits until the system has taken them. */
  async send(data: string | Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.write(data, () => resolve()));
  }

  /** Sends without waiting; what the system does not take is kept. */
  push(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  /** The next line, or null when the daemon has ended its side. */
  async line(): Promise<string | null> {
    while (this.#lines.length === 0 && !this.#ended) await this.#arrived.promise;
    return this.#lines.shift() ?? null;
  }

  /** The next line as an answer; a test fails here when there is none. */
  async answer(): Promise<Response> {
    const line = await this.line();
    if (line === null) throw new Error("the daemon ended the connection instead of answering");
    return JSON.parse(line) as Response;
  }

  /** Sends one request and gives its answer. */
  async ask(method: string, params: unknown = {}, more: Record<string, unknown> = {}): Promise<Response> {
    this.push(`${JSON.stringify({ id: 1, method, params, ...more })}\n`);
    return this.answer();
  }

  /** Everything up to the daemon's end of the connection. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== null; line = await this.line()) lines.push(line);
    return lines;
  }

  /** Says that no more will be sent; answers can still be read. */
  endWriting(): void {
    this.#socket.end();
  }

  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  /** Resolves when the connection is gone in both directions. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
