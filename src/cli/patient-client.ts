import type { Client } from "../client/client.ts";
import { messageOf, RequestRefused, StartFailed } from "../client/refusals.ts";
import type { MethodName, ParamsInput, Result } from "../protocol/methods.ts";
import { errors } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { askAgain, isAway } from "./patience.ts";
import type { Session } from "./session.ts";
import { pause, unlessAborted } from "./abort.ts";

const restMs = { first: 50, most: 1_000 };

/** What may have to be waited for, and is null then. */
type Taking = "AcquireNextNode" | "AcquireResourceLocks";

/** How long an answer is waited for. */
export interface Waiting {
  /** Rejects with its reason once it is aborted. */
  giveUp: AbortSignal;
  /** On the clock of `performance.now`: from then on, nobody waits for a daemon that is away. */
  deadline: number;
  idempotencyKey?: string | undefined;
}

/**
 * A connection for work that must outlive the daemon's absence: a call whose answer did not come is made again, over a
 * new connection, until it is answered or given up. A daemon that is away costs nobody a lease.
 */
export class PatientClient implements Disposable {
  readonly #session: Session;
  #client: Promise<Client> | undefined;
  #saidAway = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Calls a method that may be repeated without harm. Rejects with the signal's reason once that is aborted. */
  async call<Name extends MethodName>(
    method: Name,
    params: ParamsInput<Name>,
    giveUp: AbortSignal,
    idempotencyKey?: string,
  ): Promise<Result<Name>> {
    return this.#ask(method, () => params, { giveUp, idempotencyKey, deadline: Infinity });
  }

  /** Calls a method that must take effect once: an idempotency key makes repeating it safe. */
  async callOnce<Name extends MethodName>(
    method: Name,
    params: ParamsInput<Name>,
    giveUp: AbortSignal,
  ): Promise<Result<Name>> {
    return this.call(method, params, giveUp, crypto.randomUUID());
  }

  /**
   * Takes what may have to be waited for. Null when it was not to be had by the deadline, or within the time one request may
   * wait; also when the daemon was away by then. A daemon that comes back is asked for the time that is left.
   */
  async take<Name extends Taking>(
    method: Name,
    params: Omit<ParamsInput<Name>, "wait_ms">,
    patience: Waiting,
  ): Promise<Result<Name> | null> {
    const until = Math.min(patience.deadline, performance.now() + limits.waitMsMax);
    const paramsNow = () => ({ ...params, wait_ms: Math.max(0, Math.ceil(until - performance.now())) });
    const { idempotencyKey = crypto.randomUUID() } = patience;
    return this.#inTime(method, paramsNow, { ...patience, idempotencyKey });
  }

  /** Calls a method that may be repeated without harm; null when the daemon was away at the deadline. */
  async callInTime<Name extends MethodName>(
    method: Name,
    params: ParamsInput<Name>,
    patience: Waiting,
  ): Promise<Result<Name> | null> {
    return this.#inTime(method, () => params, patience);
  }

  async #inTime<Name extends MethodName>(method: Name, paramsNow: () => ParamsInput<Name>, patience: Waiting) {
    try {
      return await this.#ask(method, paramsNow, patience);
    } catch (cause) {
      if (performance.now() < patience.deadline || !isAway(cause)) throw cause;
      return null;
    }
  }

  async #ask<Name extends MethodName>(
    method: Name,
    paramsNow: () => ParamsInput<Name>,
    { giveUp, deadline, idempotencyKey }: Waiting,
  ): Promise<Result<Name>> {
    let used: Promise<Client>;
    const ask = async () => {
      giveUp.throwIfAborted();
      used = this.#client ??= this.#session.connect();
      const asked = used.then((client) => client.call(method, paramsNow(), { idempotencyKey }));
      const result = await unlessAborted(asked, giveUp);
      this.#saidAway = false;
      return result;
    };
    const mayPass = (cause: unknown, ms: number) => {
      giveUp.throwIfAborted();
      if (!isPassing(cause) || performance.now() >= deadline) return false;
      this.#drop(used);
      if (ms === restMs.most) this.#sayAway(cause);
      return true;
    };
    const rest = (ms: number) => pause(Math.min(ms, Math.max(0, deadline - performance.now())), giveUp);
    return askAgain(ask, { mayPass, restMs, rest });
  }

  [Symbol.dispose](): void {
    if (this.#client !== undefined) this.#drop(this.#client);
  }

  /** Calls may overlap, and all of them fail with their connection: only the first finds it still in place. */
  #drop(used: Promise<Client>): void {
    if (this.#client !== used) return;
    this.#client = undefined;
    used.then(
      (client) => client.close(),
      () => {},
    );
  }

  #sayAway(cause: unknown): void {
    if (!this.#saidAway) this.#session.note(`${messageOf(cause)}; asking again until it is back`);
    this.#saidAway = true;
  }
}

/** Whether the same call may succeed later. */
function isPassing(cause: unknown): boolean {
  if (cause instanceof RequestRefused) return errors[cause.kind].retryable;
  return isAway(cause) || cause instanceof StartFailed;
}
