import { type BadLine, encodeResponse, type Request } from "../protocol/envelope.ts";
import type { Outcome } from "./execute.ts";

/** A place in a session's row of answers, filled when its request is answered. */
export interface Slot {
  readonly session: Session;
  readonly request: Request | BadLine;
  line: string | null;
}

/** One client's requests and answers. Requests may be answered out of order; they are sent in order. */
export class Session {
  readonly #send: (lines: string) => void;
  /** Requests whose answer is not sent; those from `#started` on wait for their turn. */
  readonly #slots: Slot[] = [];
  #started = 0;
  #closed = false;

  /** `send` gets one or more whole answer lines. */
  constructor(send: (lines: string) => void) {
    this.#send = send;
  }

  /** Requests that wait for their turn. */
  get queued(): number {
    return this.#slots.length - this.#started;
  }

  /** Requests whose answer has not been sent. */
  get unanswered(): number {
    return this.#slots.length;
  }

  enqueue(request: Request | BadLine): void {
    this.#slots.push({ session: this, request, line: null });
  }

  next(): Slot | undefined {
    return this.#slots[this.#started++];
  }

  answer(slot: Slot, outcome: Outcome): void {
    const { id } = slot.request;
    slot.line = encodeResponse(id === undefined ? outcome : { id, ...outcome });
  }

  /** Sends the answers that no earlier request still holds up. */
  flush(): void {
    let lines = "";
    let sent = 0;
    for (const { line } of this.#slots) {
      if (line === null) break;
      lines += line;
      sent++;
    }
    if (sent === 0) return;
    this.#slots.splice(0, sent);
    this.#started -= sent;
    if (!this.#closed) this.#send(lines);
  }

  /** The client is gone: what has not started never will, and nothing is sent. */
  close(): void {
    this.#closed = true;
    this.#slots.length = this.#started;
  }
}
