import type { Socket } from "bun";

/** What is left to send on a socket that takes less than it is given. */
export class Outbox {
  readonly #socket: Socket<unknown>;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(socket: Socket<unknown>) {
    this.#socket = socket;
  }

  /** Bytes the client has not taken. */
  get bytes(): number {
    return this.#bytes;
  }

  send(text: string): void {
    const bytes = Buffer.from(text);
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
    // With a backlog the socket is known to be full; its drain event goes on.
    if (this.#parts.length === 1) this.flush();
  }

  /** Writes until everything is sent or the socket takes no more. */
  flush(): void {
    for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0]) {
      const written = this.#socket.write(part);
      if (written < 0) return this.clear();
      this.#bytes -= written;
      if (written < part.length) {
        this.#parts[0] = part.subarray(written);
        return;
      }
      this.#parts.shift();
    }
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}
