import type { Client } from "../client/client.ts";
import { messageOf, RequestRefused, StartFailed } from "../client/refusals.ts";
import type { MethodName, ParamsInput, Result } from "../protocol/methods.ts";
import { errors } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { AcquiredNode } from "../protocol/methods/nodes.ts";
import { askAgain, isAway } from "./patience.ts";
import type { Session } from "./session.ts";
import { pause, unlessAborted } from "../client/deadline.ts";
import { claimOf } from "./environment.ts";

const restMs = { first: 50, most: 1_000 };
/** How long whoever was interrupted tries to give back what was granted and not heard of. */
const givingBackMs = 5_000;

/** What may have to be waited for, and is null then. */
type Taking = "AcquireNextNode" | "AcquireResourceLocks";

/**
 * Takes something for a command, waiting in line for up to `waitMs`; null when it was not to be had by then. A daemon that is
 * restarted meanwhile is waited for, at the end of the line; one that is not there to begin with is an error.
 */
export async function take<Name extends Taking>(
  session: Session,
  method: Name,
  params: Omit<ParamsInput<Name>, "wait_ms">,
  { waitMs, giveUp, idempotencyKey: key }: { waitMs: number; giveUp: AbortSignal; idempotencyKey?: string | undefined },
): Promise<Result<Name> | null> {
  using client = new PatientClient(session);
  if (waitMs === 0) {
    const ask = (own: string) => unlessAborted(session.call(method, params as ParamsInput<Name>, own), giveUp);
    return await client.heard(method, params, { giveUp, deadline: 0, idempotencyKey: key }, ask);
  }
  await session.client();
  const deadline = performance.now() + waitMs;
  for (let round = 1; ; round++) {
    const idempotencyKey = key === undefined || round === 1 ? key : `${key} ${round}`;
    const taken = await client.take(method, params, { giveUp, deadline, idempotencyKey });
    if (taken !== null || performance.now() >= deadline) return taken;
  }
}

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
    const ask = (idempotencyKey: string) => this.#inTime(method, paramsNow, { ...patience, idempotencyKey });
    return this.heard(method, params, patience, ask);
  }

  /** Takes by `ask`, under a key. What is granted to a request that is given up, whose answer nobody hears, is given back. */
  async heard<Name extends Taking>(
    method: Name,
    params: Omit<ParamsInput<Name>, "wait_ms">,
    { giveUp, idempotencyKey }: Waiting,
    ask: (key: string) => Promise<Result<Name> | null>,
  ): Promise<Result<Name> | null> {
    const key = idempotencyKey ?? crypto.randomUUID();
    try {
      return await ask(key);
    } catch (cause) {
      // Whoever has named a key can ask again under it.
      if (giveUp.aborted && idempotencyKey === undefined) await this.#giveBack(method, params, key).catch(() => {});
      throw cause;
    }
  }

  /** Under the same key the daemon tells what it has granted; it may grant it only now, which comes to the same. */
  async #giveBack<Name extends Taking>(
    method: Name,
    params: Omit<ParamsInput<Name>, "wait_ms">,
    idempotencyKey: string,
  ) {
    if (this.#client !== undefined) this.#drop(this.#client);
    const giveUp = AbortSignal.timeout(givingBackMs);
    const asked = { ...params, wait_ms: 0 } as ParamsInput<Name>;
    const taken: Result<Taking> = await this.call(method, asked, giveUp, idempotencyKey);
    if (taken === null) return;
    if (!("locks" in taken)) {
      for (const node of nodesIn(taken)) await this.callOnce("ReleaseNode", claimOf(node), giveUp);
      return;
    }
    for (const { resource_key, scope } of taken.locks)
      await this.callOnce("ReleaseResourceLock", { resource_key, scope, lease_id: taken.lease_id }, giveUp);
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

/** The nodes that an acquire took, however many it wished for. */
export function nodesIn(taken: NonNullable<Result<"AcquireNextNode">>): AcquiredNode[] {
  return "nodes" in taken ? taken.nodes : [taken];
}

/** Whether the same call may succeed later. */
function isPassing(cause: unknown): boolean {
  if (cause instanceof RequestRefused) return errors[cause.kind].retryable;
  return isAway(cause) || cause instanceof StartFailed;
}
