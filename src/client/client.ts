import type { Response } from "../protocol/envelope.ts";
import { type Frame, LineReader, NOT_UTF8, TOO_LONG } from "../protocol/framing.ts";
import { parseStored } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import type { MethodName, ParamsInput, Result } from "../protocol/methods.ts";
import { ConnectionLost, DaemonUnreachable, RequestRefused } from "./refusals.ts";
import { WriteQueue } from "./write-queue.ts";

/** What a call may carry beside its parameters. */
export interface CallOptions {
  /** 1 to 200 characters: the same key, method and parameters get the first answer again. */
  idempotencyKey?: string | undefined;
  /** Refuses fields the method does not know, instead of a warning. */
  strict?: boolean | undefined;
}

interface Waiting {
  resolve(answer: Response): void;
  reject(reason: Error): void;
}

/**
 * One connection to a daemon. Calls may overlap; they are sent in the order they are made and the daemon answers in
 * that order. The types are the method table's own, which is not loaded for them.
 */
export class Client implements Disposable {
  readonly #waiting: Waiting[] = [];
  readonly #reader = new LineReader(limits.answerBytesMax);
  readonly #writes = new WriteQueue();
  #lost: Error | undefined;
  #nextId = 1;

  private constructor() {}

  /** @throws {DaemonUnreachable} when nothing listens at `path`. */
  static async connect(path: string): Promise<Client> {
    const client = new Client();
    const lost = (how: string) => client.#fail(new ConnectionLost(`the connection to the daemon ${how}`));
    const socket = {
      data: (_socket: unknown, chunk: Uint8Array) => client.#receive(chunk),
      drain: () => client.#writes.flush(),
      end: () => lost("ended before it answered"),
      close: () => lost("was lost before it answered"),
      error: (_socket: unknown, cause: Error) => lost(`broke: ${cause.message}`),
    };
    try {
      client.#writes.attach(await Bun.connect({ unix: path, socket }));
    } catch (cause) {
      throw new DaemonUnreachable(path, cause);
    }
    return client;
  }

  /**
   * Calls a method.
   * @throws {RequestRefused} when the daemon answers with an error.
   * @throws {ConnectionLost} when no answer came: a mutating call may or may not have happened.
   */
  async call<Name extends MethodName>(
    method: Name,
    params: ParamsInput<Name>,
    options: CallOptions = {},
  ): Promise<Result<Name>> {
    // The daemon checks every result against its row in its own tests; a client repeats none of that.
    return (await this.request(method, params, options)).result as Result<Name>;
  }

  /** Calls a method by any name, untyped, and gives the whole answer, `replayed` and `seq` included. */
  async request(method: string, params: unknown, options: CallOptions = {}): Promise<Response> {
    if (this.#lost !== undefined) throw this.#lost;
    const answer = Promise.withResolvers<Response>();
    this.#waiting.push(answer);
    const { idempotencyKey: idempotency_key, strict } = options;
    this.#writes.send(`${JSON.stringify({ id: this.#nextId++, method, params, idempotency_key, strict })}\n`);
    const response = await answer.promise;
    if (response.error !== undefined) throw new RequestRefused(response.error);
    return response;
  }

  /** Drops the connection; calls still waiting fail with ConnectionLost. */
  close(): void {
    this.#fail(new ConnectionLost("the connection was closed before the daemon answered"));
    this.#writes.detach();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #receive(chunk: Uint8Array): void {
    for (const frame of this.#reader.push(chunk)) this.#settle(frame);
  }

  #settle(frame: Frame): void {
    const answer = toAnswer(frame);
    if (answer === undefined) {
      this.#fail(new ConnectionLost("what listens at the socket does not speak agentd's protocol"));
      return;
    }
    const first = this.#waiting.shift();
    if (first !== undefined) first.resolve(answer);
    // An error nobody asked for, such as "too many connections", is the answer to whatever is asked next.
    else if (answer.error !== undefined) this.#lost = new RequestRefused(answer.error);
  }

  #fail(reason: Error): void {
    this.#lost ??= reason;
    for (const answer of this.#waiting.splice(0)) answer.reject(this.#lost);
  }
}

function toAnswer(frame: Frame): Response | undefined {
  if (frame === NOT_UTF8 || frame === TOO_LONG) return undefined;
  try {
    return parseStored(frame) as unknown as Response;
  } catch {
    return undefined;
  }
}
