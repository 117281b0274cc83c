import type { Json } from "../../../src/protocol/json.ts";
import { acquire, isHopeless, rollBackExpired } from "./acquire.ts";
import { followFailures, nodeMethods } from "./nodes.ts";
import { type Method, type ModelSettings, ModelState } from "./state.ts";
import { taskMethods } from "./tasks.ts";
import { countStatuses, isRead, type Params, Refused, sorted } from "./views.ts";

/*
 * The service as its contract tells it, written without a look at how it is built: plain maps, no rule of src/core
 * used. Ids that the service makes are taken from its journal and must never have been seen before.
 */

export interface Ask {
  method: string;
  params: Params;
  key: string | undefined;
}

/** An answer as far as the model foretells it: of a refusal the kind, and the journal's seq at that moment. */
export interface Foretold {
  result?: Json;
  seq?: number;
  refused?: { kind: string; seq: Json | undefined; reason: Json | undefined };
  replayed?: true;
}

/** A request on its way: it has its answer at once, or waits for it. */
export class Pending {
  readonly ask: Ask;
  answer: Foretold | null = null;
  /** Its client has gone, so it gets nothing any more. */
  gone = false;
  /** On the monotonic clock. */
  deadline = 0;

  constructor(ask: Ask) {
    this.ask = ask;
  }
}

/** How the waits of all stories ended: so that stories in which nobody ever waits prove nothing unseen. */
export interface Waits {
  served: number;
  hopeless: number;
  over: number;
  gone: number;
}

export class ReferenceModel {
  readonly state: ModelState;
  readonly waits: Waits = { served: 0, hopeless: 0, over: 0, gone: 0 };
  readonly #keys = new Map<string, { method: string; params: string; answer: Foretold }>();
  /** Who waits for a node, first come first. */
  #line: Pending[] = [];
  /** The time of the turn on the clock that never steps. */
  monotonic = 0;

  constructor(settings: ModelSettings) {
    this.state = new ModelState(settings);
  }

  /** One request has its turn. Whatever it changes, those in line have their choice before the next. */
  submit(pending: Pending): void {
    const { ask } = pending;
    if (ask.method === "AcquireNextNode") {
      // What is over is rolled back for this request, after those in line.
      rollBackExpired(this.state, ask.params);
      followFailures(this.state);
      this.#offer();
    }
    pending.answer = this.#answer(ask, () => this.#perform(ask));
    this.#offer();
    if (pending.answer !== null) return;
    pending.deadline = this.monotonic + Number(ask.params.wait_ms);
    this.#line.push(pending);
  }

  /** After all requests: what is over ends, the longest overdue first, and so do waits. */
  endTurn(): void {
    rollBackExpired(this.state, {});
    this.state.locks.expire();
    followFailures(this.state);
    for (const node of this.state.nodes.values()) {
      if (node.notBefore !== null && node.notBefore <= this.state.now) node.notBefore = null;
    }
    this.#offer({ last: true });
  }

  /** The service stops: whoever waits is told so. */
  stop(): void {
    for (const pending of this.#line) {
      pending.answer = { refused: { kind: "SHUTTING_DOWN", seq: undefined, reason: undefined } };
    }
    this.#line = [];
  }

  /** A request outside any turn, which only reads. */
  read(ask: Ask): Foretold | null {
    return this.#perform(ask);
  }

  /** What Metrics says of the database, as far as it is not of the schema. */
  metrics(): Json {
    const { now, nodes, tasks, seq } = this.state;
    const locks = this.state.locks.held;
    const running = [...nodes.values()].filter(({ lease }) => lease !== null);
    return {
      total_tasks: tasks.size,
      total_nodes: nodes.size,
      total_events: seq,
      active_resource_locks: locks.filter((lock) => lock.until > now).length,
      expired_resource_locks: locks.filter((lock) => lock.until <= now).length,
      running_leases: running.length,
      expired_running_leases: running.filter(({ lease }) => (lease?.until ?? 0) <= now).length,
      node_status_counts: countStatuses([...nodes.values()]),
    };
  }

  /** Asks everybody in line, in order; at the end of a turn also tells those whose time is over. */
  #offer({ last }: { last: boolean } = { last: false }): void {
    this.#line = this.#line.filter((pending) => {
      if (pending.gone) this.waits.gone++;
      else pending.answer = this.#answer(pending.ask, () => this.#tryAgain(pending, last));
      return !pending.gone && pending.answer === null;
    });
  }

  #tryAgain({ ask: { params }, deadline }: Pending, last: boolean): Foretold | null {
    const { state } = this;
    const result = acquire(state, params);
    if (result !== null) {
      this.waits.served++;
      return { result };
    }
    const hopeless = isHopeless(state, params);
    if (!hopeless && !(last && deadline <= this.monotonic)) return null;
    this.waits[hopeless ? "hopeless" : "over"]++;
    return { result, seq: state.seq };
  }

  /** The first answer under the request's key, or what `work` gives. */
  #answer({ method, params, key }: Ask, work: () => Foretold | null): Foretold | null {
    const first = key === undefined || isRead(method) ? undefined : this.#keys.get(key);
    if (first === undefined) {
      const answer = work();
      if (key !== undefined && answer !== null && !isRead(method)) {
        this.#keys.set(key, { method, params: sorted(params), answer });
      }
      return answer;
    }
    if (first.method === method && first.params === sorted(params)) return { ...first.answer, replayed: true };
    return { refused: { kind: "IDEMPOTENCY_MISMATCH", seq: this.state.seq, reason: undefined } };
  }

  #perform({ method, params }: Ask): Foretold | null {
    const { state } = this;
    try {
      const result = methods[method]?.(state, params) ?? null;
      if (result !== null || isRead(method)) return { result };
      const waits = method === "AcquireNextNode" && Number(params.wait_ms ?? 0) > 0 && !isHopeless(state, params);
      return waits ? null : { result, seq: state.seq };
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      return { refused: { kind: refused.kind, seq: state.seq, reason: refused.reason } };
    }
  }
}

const methods: Record<string, Method> = {
  ...taskMethods,
  ...nodeMethods,
  AcquireNextNode: acquire,
  AcquireResourceLock: ({ locks, settings }, params) => locks.acquire(params, settings.ttl),
  HeartbeatResourceLock: ({ locks, settings }, params) => locks.heartbeat(params, settings.ttl),
  ReleaseResourceLock: ({ locks }, params) => locks.release(params),
  ListResourceLocks: ({ locks }) => locks.list(),
};
