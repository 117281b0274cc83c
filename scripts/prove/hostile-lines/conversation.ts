import type { Socket } from "bun";
import { Disproved } from "../proof.ts";

const answerMs = 30_000;

/** A connection that sends bytes as they are, and gets lines. */
export class Conversation implements Disposable {
  readonly #lines: string[] = [];
  readonly #decoder = new TextDecoder();
  #rest = "";
  #socket: Socket | null = null;
  #unsent: Uint8Array[] = [];
  #ended = false;
  #endsAfterSending = false;
  #news = Promise.withResolvers<void>();

  static async open(path: string): Promise<Conversation> {
    const conversation = new Conversation();
    const over = () => conversation.#over();
    conversation.#socket = await Bun.connect({
      unix: path,
      allowHalfOpen: true,
      socket: {
        data: (_socket, chunk) => conversation.#receive(chunk),
        drain: () => conversation.#flush(),
        end: over,
        close: over,
        error: over,
      },
    });
    return conversation;
  }

  send(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    if (this.#unsent.length === 1) this.#flush();
  }

  /** Says that no more will come, once all is sent. */
  endSending(): void {
    this.#endsAfterSending = true;
    if (this.#unsent.length === 0) this.#socket?.shutdown();
  }

  /** The next line; null when the daemon has ended its side. @throws {Disproved} when neither comes */
  async line(): Promise<string | null> {
    while (this.#lines.length === 0 && !this.#ended) await this.#hear();
    return this.#lines.shift() ?? null;
  }

  async #hear(): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Disproved(`neither an answer nor a close in ${answerMs / 1_000} s`)),
      answerMs,
    );
    try {
      await Promise.race([this.#news.promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #receive(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    this.#lines.push(...lines);
    this.#tell();
  }

  #flush(): void {
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      const taken = Math.max(0, this.#socket?.write(next) ?? 0);
      if (taken < next.length) {
        this.#unsent[0] = next.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
    if (this.#endsAfterSending) this.#socket?.shutdown();
  }

  #over(): void {
    this.#ended = true;
    this.#tell();
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  [Symbol.dispose](): void {
    this.#socket?.terminate();
  }
}
