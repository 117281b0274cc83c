/** The part of a Bun socket that sends. */
export interface WritableEnd {
  /** Takes as many bytes as fit now: fewer than given, 0, or -1 when the socket is closed. */
  write(bytes: Uint8Array): number;
  terminate(): void;
}

/** Keeps what the socket did not take, in order, until it drains. */
export class WriteQueue {
  readonly #encoder = new TextEncoder();
  #socket: WritableEnd | undefined;
  #unsent: Uint8Array[] = [];

  /** From here on what was sent, and will be, leaves through `socket`. */
  attach(socket: WritableEnd): void {
    this.#socket = socket;
    this.flush();
  }

  /** Closes the socket at once; what it had not taken is dropped. */
  detach(): void {
    this.#socket?.terminate();
    this.#socket = undefined;
    this.#unsent = [];
  }

  send(text: string): void {
    this.#unsent.push(this.#encoder.encode(text));
    if (this.#unsent.length === 1) this.flush();
  }

  /** Writes until the socket takes no more; called again when it drains, which may happen for no reason. */
  flush(): void {
    if (this.#socket === undefined) return;
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      const taken = Math.max(0, this.#socket.write(next));
      if (taken < next.length) {
        this.#unsent[0] = next.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
  }
}
