import { WriteQueue } from "../../src/client/write-queue.ts";

/** A client that knows lines and nothing more: what it is answered is kept to the letter. */
export class Wire implements Disposable {
  readonly #waiting: ((answer: string | null) => void)[] = [];
  readonly #writes = new WriteQueue();
  readonly #decoder = new TextDecoder();
  #rest = "";
  #lost = false;

  /** Null when nobody listens there. */
  static async connect(path: string): Promise<Wire | null> {
    const wire = new Wire();
    const lose = () => wire.#lose();
    const socket = {
      data: (_socket: unknown, chunk: Uint8Array) => wire.#receive(chunk),
      drain: () => wire.#writes.flush(),
      end: lose,
      close: lose,
      error: lose,
    };
    try {
      wire.#writes.attach(await Bun.connect({ unix: path, socket }));
      return wire;
    } catch {
      return null;
    }
  }

  get lost(): boolean {
    return this.#lost;
  }

  /** Sends lines at once; the answers come in their order, null for each that did not before the connection ended. */
  ask(lines: readonly string[]): Promise<string | null>[] {
    const answers = lines.map(async () => {
      const { promise, resolve } = Promise.withResolvers<string | null>();
      if (this.#lost) resolve(null);
      else this.#waiting.push(resolve);
      return promise;
    });
    if (!this.#lost) this.#writes.send(lines.map((line) => `${line}\n`).join(""));
    return answers;
  }

  #receive(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#waiting.shift()?.(line);
  }

  #lose(): void {
    this.#lost = true;
    for (const resolve of this.#waiting.splice(0)) resolve(null);
  }

  [Symbol.dispose](): void {
    this.#lose();
    this.#writes.detach();
  }
}
