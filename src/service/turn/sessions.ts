import type { BadLine, Request } from "../../protocol/envelope.ts";
import type { Answer, Call } from "./call.ts";

/** A place in a session's row of answers, filled when its request is answered. */
export interface Slot {
  readonly session: Session;
  readonly request: Request | BadLine;
  /** What the request takes in memory, as far as that is counted. */
  readonly bytes: number;
  line: string | null;
}

/** A request that is read, and where its answer goes. */
export interface Job {
  readonly call: Call;
  readonly slot: Slot;
}

/** Where a session's answers go. */
export interface Recipient {
  /** Takes one or more whole answer lines. */
  send(lines: string): void;
  /** How much of what was sent the client has not read, in bytes. */
  unread(): number;
  /** How much it may leave unread. */
  unreadMax(): number;
  /** Whether nobody is left to read an answer, as far as the system knows. */
  gone(): boolean;
}

/** One client's requests and answers. Requests may be answered out of order; they are sent in order. */
export class Session {
  readonly #recipient: Recipient;
  /** Requests whose answer is not sent; those from `#started` on wait for their turn. */
  readonly #slots: Slot[] = [];
  #started = 0;
  /** Characters of answers that an earlier, unanswered request holds up. */
  #held = 0;
  /** What its unanswered requests take. */
  #asked = 0;
  #closed = false;

  constructor(recipient: Recipient) {
    this.#recipient = recipient;
  }

  /** What its requests, and the answers that are held up, take in memory. */
  get bytes(): number {
    return this.#asked + 2 * this.#held;
  }

  /** Requests that wait for their turn. */
  get queued(): number {
    return this.#slots.length - this.#started;
  }

  /** Requests whose answer has not been sent. */
  get unanswered(): number {
    return this.#slots.length;
  }

  /** Whether the client has more answers before it than it may; until it reads, it gets no turn. */
  get congested(): boolean {
    return this.#held + this.#recipient.unread() > this.#recipient.unreadMax();
  }

  /** Whether the client has gone: what it waits for must not be given to it. */
  get gone(): boolean {
    return this.#closed || this.#recipient.gone();
  }

  enqueue(request: Request | BadLine, bytes: number): void {
    this.#slots.push({ session: this, request, bytes, line: null });
    this.#asked += bytes;
  }

  next(): Slot | undefined {
    return this.#slots[this.#started++];
  }

  /** Puts a request back that had no place in its turn, and those after it. */
  giveBack(slot: Slot): void {
    const index = this.#slots.indexOf(slot);
    if (index !== -1) this.#started = Math.min(this.#started, index);
  }

  answer(slot: Slot, answer: Answer): void {
    const { id } = slot.request;
    const line = id === undefined ? `${answer}\n` : `{"id":${JSON.stringify(id)},${answer.slice(1)}\n`;
    this.#held += line.length - (slot.line?.length ?? 0);
    slot.line = line;
  }

  /** Sends the answers that no earlier request still holds up. */
  flush(): void {
    let lines = "";
    let sent = 0;
    for (const { line, bytes } of this.#slots) {
      if (line === null) break;
      lines += line;
      sent++;
      this.#asked -= bytes;
    }
    if (sent === 0) return;
    this.#slots.splice(0, sent);
    this.#started -= sent;
    this.#held -= lines.length;
    if (!this.#closed) this.#recipient.send(lines);
  }

  /** The client is gone: what has not started never will, and nothing is sent. */
  close(): void {
    this.#closed = true;
    this.#slots.length = this.#started;
  }
}
