import type { Json } from "../../../src/protocol/json.ts";
import { acquire, isHopeless, rollBackExpired } from "./acquire.ts";
import { bundleMethods } from "./bundles.ts";
import type { ModelWish } from "./line.ts";
import { followFailures, giveBack, nodeMethods } from "./nodes.ts";
import { type Method, type ModelSettings, ModelState } from "./state.ts";
import { taskMethods } from "./tasks.ts";
import { countStatuses, isRead, type Params, Refused, sorted, wantsLocks } from "./views.ts";

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
  /** Its answer tells who stands in line, in a turn that failed: those who were served or came in it may still be told. */
  isVague = false;
  /** Its client has gone, so it gets nothing any more. */
  gone = false;
  /** On the monotonic clock. */
  deadline = 0;
  /** The locks it stands in line for. */
  wish: ModelWish | null = null;

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
  /** Locks that were waited for: given, refused while waiting, and waits that would have closed a circle. */
  locked: number;
  refused: number;
  deadlocked: number;
}

/** Events of the contract that no client tells. */
const ends: ReadonlySet<string> = new Set(["COMPLETE_NODE", "FAIL_NODE"]);

export class ReferenceModel {
  readonly state: ModelState;
  readonly waits: Waits = { served: 0, hopeless: 0, over: 0, gone: 0, locked: 0, refused: 0, deadlocked: 0 };
  readonly #keys = new Map<string, { method: string; params: string; answer: Foretold }>();
  /** Who waits for a node or for locks, first come first; and who did when the turn began. */
  #line: Pending[] = [];
  #lineBefore: readonly Pending[] = [];
  /** Whether those in line for locks may have been passed over. */
  #queueChanged = false;
  /** The time of the turn on the clock that never steps. */
  monotonic = 0;

  constructor(settings: ModelSettings) {
    this.state = new ModelState(settings);
  }

  /**
   * Before any request: holders who ask for something keep their leases until they are heard, and where somebody has left
   * the line for locks, those behind may go on.
   */
  beginTurn(asked: readonly Pending[]): void {
    this.#lineBefore = [...this.#line];
    for (const { ask } of asked) if (!isRead(ask.method)) this.state.hear(ask.params);
    if (this.#queueChanged || this.#line.some(({ gone, wish }) => gone && wish !== null)) this.#offer();
    this.#queueChanged = false;
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
    if (wantsLocks(ask.method)) pending.wish = this.state.locks.wish(ask.params);
    pending.answer = this.#answer(ask, () => this.#perform(pending));
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

  /** Gives what undoes all that happens from here on, but to who stands in line. */
  remember(): () => void {
    const undoState = this.state.remember();
    const keys = new Map(this.#keys);
    return () => {
      undoState();
      this.#keys.clear();
      for (const [key, first] of keys) this.#keys.set(key, first);
    };
  }

  /**
   * The turn's commit failed, and whether what was done in it has been undone depends: who wrote is told so, who only
   * read reads anew, and who stands in line does so further. Where nobody knows whether it lasted, who was served is told
   * so, too.
   */
  failTurn(asked: readonly Pending[], kind: string): void {
    const failure: Foretold = { refused: { kind, seq: undefined, reason: undefined } };
    this.#line = this.#lineBefore.filter((pending) => {
      const isOver = pending.deadline <= this.monotonic || (kind === "OUTCOME_UNKNOWN" && pending.answer !== null);
      pending.answer = isOver ? failure : null;
      return !isOver;
    });
    this.#queueChanged = this.#line.some(({ wish }) => wish !== null);
    for (const pending of asked) {
      const { method } = pending.ask;
      pending.answer = isRead(method) ? this.read(pending.ask) : failure;
      pending.isVague = isRead(method) && method.endsWith("ResourceLocks");
    }
  }

  /** The service stops: whoever waits is told so. */
  stop(): void {
    for (const pending of this.#line) {
      pending.answer = { refused: { kind: "SHUTTING_DOWN", seq: undefined, reason: undefined } };
    }
    this.forgetLine();
  }

  /** The service is gone, and with it who waited. */
  forgetLine(): void {
    this.#line = [];
    this.#queueChanged = false;
  }

  /** A request outside any turn, which only reads. */
  read(ask: Ask): Foretold | null {
    return this.#perform(new Pending(ask));
  }

  /** What Metrics says of the database, as far as it is not of the schema. */
  metrics(): Json {
    const { now, nodes, tasks, journal } = this.state;
    const locks = this.state.locks.all;
    const running = [...nodes.values()].filter(({ lease }) => lease !== null);
    return {
      total_tasks: tasks.size,
      total_nodes: nodes.size,
      total_events: journal.rows.filter((row) =>
        row.origin === "client" ? row.task_id !== null : ends.has(row.action_type),
      ).length,
      active_resource_locks: locks.filter(({ isOver }) => !isOver).length,
      expired_resource_locks: locks.filter(({ isOver }) => isOver).length,
      running_leases: running.length,
      expired_running_leases: running.filter(({ lease }) => (lease?.until ?? 0) <= now).length,
      node_status_counts: countStatuses([...nodes.values()]),
    };
  }

  /** Asks everybody in line, in order; at the end of a turn also tells those whose time is over. */
  #offer({ last }: { last: boolean } = { last: false }): void {
    const asked = this.#line;
    this.#line = [];
    for (const pending of asked) {
      if (pending.gone) {
        this.waits.gone++;
        continue;
      }
      pending.answer = this.#keep(pending.ask, this.#tryAgain(pending, last));
      if (!pending.gone && pending.answer === null) this.#line.push(pending);
    }
  }

  /** What those in line before have wished for, while somebody is asked again, or all of them. */
  #wishes(): ModelWish[] {
    return this.#line.flatMap(({ wish }) => wish ?? []);
  }

  #tryAgain(pending: Pending, last: boolean): Foretold | null {
    const { state } = this;
    const { ask, deadline, wish } = pending;
    const { params } = ask;
    const taken = attempt(state, (): Foretold => {
      const before = this.#wishes();
      const result = wish === null ? acquire(state, params, before) : state.locks.acquire(wish, params, before, "held");
      return { result };
    });
    if (taken.result !== null) {
      this.waits[wish === null ? "served" : taken.refused === undefined ? "locked" : "refused"]++;
      return taken;
    }
    const hopeless = wish === null && isHopeless(state, params);
    if (!hopeless && !(last && deadline <= this.monotonic)) return null;
    this.waits[hopeless ? "hopeless" : "over"]++;
    return { result: null, seq: state.seq };
  }

  /** The first answer under the request's key, or what `work` gives; not while another request waits under it. */
  #answer(ask: Ask, work: () => Foretold | null): Foretold | null {
    const { method, params, key } = ask;
    if (key === undefined || isRead(method)) return work();
    const first = this.#keys.get(key);
    const waiting = this.#line.find(({ ask: other, gone }) => other.key === key && !gone)?.ask;
    const other = first ?? (waiting === undefined ? undefined : { ...waiting, params: sameRequest(waiting.params) });
    if (other === undefined) return this.#keep(ask, work());
    const isSame = other.method === method && other.params === sameRequest(params);
    if (isSame && first !== undefined) return { ...first.answer, replayed: true };
    const kind = isSame ? "IDEMPOTENCY_PENDING" : "IDEMPOTENCY_MISMATCH";
    return { refused: { kind, seq: this.state.seq, reason: undefined } };
  }

  /** An answer is kept under the request's key. */
  #keep({ method, params, key }: Ask, answer: Foretold | null): Foretold | null {
    if (key !== undefined && answer !== null && !isRead(method))
      this.#keys.set(key, { method, params: sameRequest(params), answer });
    return answer;
  }

  #perform({ ask: { method, params }, wish }: Pending): Foretold | null {
    const { state } = this;
    const line = this.#wishes();
    return attempt(state, () => {
      const result = methods[method]?.(state, params, line, wish) ?? null;
      if (result !== null || isRead(method)) return { result };
      const waits = Number(params.wait_ms ?? 0) > 0 && !(method === "AcquireNextNode" && isHopeless(state, params));
      if (waits && wish !== null && state.locks.isHopeless(wish, line)) {
        this.waits.deadlocked++;
        throw new Refused("DEADLOCK");
      }
      return waits ? null : { result, seq: state.seq };
    });
  }
}

/** What two requests under one key must share: all but how long they are waited for. */
function sameRequest({ wait_ms: _patience, ...params }: Params): string {
  return sorted(params);
}

/** What a method gives, or how it refuses. */
function attempt<T extends Foretold | null>(state: ModelState, work: () => T): T | Foretold {
  try {
    return work();
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    return { refused: { kind: refused.kind, seq: state.seq, reason: refused.reason } };
  }
}

/** `line` is who waits for locks, `wish` what the request wishes for of these. */
type LineMethod = (state: ModelState, params: Params, line: readonly ModelWish[], wish: ModelWish | null) => Json;

const acquireLocks: LineMethod = ({ locks }, params, line, wish) =>
  wish === null ? null : locks.acquire(wish, params, line, "free");

const methods: Record<string, LineMethod> = {
  ...(taskMethods satisfies Record<string, Method>),
  ...(nodeMethods satisfies Record<string, Method>),
  ...(bundleMethods satisfies Record<string, Method>),
  AcquireNextNode: acquire,
  AcquireResourceLock: acquireLocks,
  AcquireResourceLocks: acquireLocks,
  HeartbeatResourceLock: ({ locks }, params) => locks.heartbeat(params),
  ReleaseResourceLock: ({ locks }, params) => locks.release(params),
  ForceReleaseResourceLock(state, params) {
    const { released, nodes } = state.locks.forceRelease(params);
    for (const node of nodes) giveBack(state, node, 0);
    return { ok: true, released, seq: state.seq };
  },
  CheckResourceLocks: ({ locks }, params, line) => locks.check(params, line),
  ListResourceLocks: ({ locks }, params, line) => locks.list(params, line),
};
