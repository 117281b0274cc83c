import { within } from "../../client/deadline.ts";
import { messageOf, RequestRefused } from "../../client/refusals.ts";
import { limits } from "../../protocol/limits.ts";
import type { MethodName, ParamsInput, Result } from "../../protocol/methods.ts";
import { askAgain, isAway } from "../patience.ts";
import { Session } from "../session.ts";
import { drawTree } from "../task/tree.ts";
import { eventLine, leasesOf, type Lock, type Model, type Opened, orderTasks, type Task, unknown } from "./model.ts";

/** The last events kept. A reader further behind than this skips what it could not show anyway. */
const eventsKept = 1_000;
const tasksListed = 100;
/** More than any screen has rows. */
const leasesListed = 1_000;
/** Locks of which it is asked who waits: more than a panel shows where others want their rows. */
const waitedAsked = 20;
/** The pause between two looks, at least; and so many times what the last one took, that watching stays cheap. */
const pauseMsMin = 100;
const pauseFactor = 9;
/** Heartbeats leave no row in the journal, so what is leased is looked at this often. */
const leasesMs = 2_000;
const restMs = { first: 100, most: 2_000 };

/**
 * Keeps a model true: one connection waits for events, another asks about what they touched. A daemon that goes away
 * is waited for, and never started.
 */
export class Feed implements Disposable {
  model: Model = unknown;
  readonly #listening: Session;
  readonly #asking: Session;
  readonly #changed: () => void;
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;
  #woken = Promise.withResolvers<void>();
  #openedId: string | null;

  // What was seen, kept until an event touches it; null where it has to be looked at.
  #opened: Opened | null = null;
  #olderActive: readonly Task[] | null = null;
  #leasesSeenAt = 0;

  // What has to be looked at again. Only a look that begins takes from these, so nothing that happens during one is missed.
  #touched = new Set<string>();
  #allTouched = false;

  /** `changed` is called after the model has changed. */
  constructor({ globals, host, helpPage }: Session, openedId: string | null, changed: () => void) {
    const session = () => new Session({ ...globals, noStart: true }, host, helpPage);
    this.#listening = session();
    this.#asking = session();
    this.#openedId = openedId;
    this.#changed = changed;
  }

  /** Runs until it is disposed; rejects when the daemon refuses. */
  async run(): Promise<void> {
    try {
      await Promise.all([this.#follow(), this.#keepLooking()]);
    } catch (cause) {
      if (!this.#isClosed) throw cause;
    }
  }

  /** Looks into a task, or with null at all of them. */
  open(taskId: string | null): void {
    this.#openedId = taskId;
    // Looks into a task do not mind the others.
    this.#olderActive = null;
    this.#woken.resolve();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#closed.resolve();
    this.#listening[Symbol.dispose]();
    this.#asking[Symbol.dispose]();
  }

  async #follow(): Promise<void> {
    const { last_seq: last } = await this.#ask(this.#listening, "Health", {});
    let after = Math.max(0, last - eventsKept);
    while (!this.#isClosed) {
      const page = await this.#eventsAfter(after);
      if (page.last_seq - page.next_after_seq > eventsKept) this.#touchAll();
      after = Math.min(page.last_seq, Math.max(page.next_after_seq, page.last_seq - eventsKept));
      if (page.events.length === 0) continue;
      this.#learn(page.events);
      await this.#rest(pauseMsMin);
    }
  }

  async #eventsAfter(after_seq: number): Promise<Result<"ListEvents">> {
    const page = { limit: eventsKept, wait_ms: limits.waitMsMax };
    try {
      return await this.#ask(this.#listening, "ListEvents", { after_seq, ...page });
    } catch (cause) {
      if (!(cause instanceof RequestRefused) || cause.kind !== "EVENTS_PRUNED") throw cause;
      const { next_after_seq: next } = cause.wire.data;
      return this.#ask(this.#listening, "ListEvents", { after_seq: Number(next ?? 0), ...page });
    }
  }

  #learn(events: Result<"ListEvents">["events"]): void {
    for (const { task_id: taskId } of events) if (taskId !== null) this.#touched.add(taskId);
    this.#show({ events: [...this.model.events, ...events.map(eventLine)].slice(-eventsKept) });
    this.#woken.resolve();
  }

  async #keepLooking(): Promise<void> {
    while (!this.#isClosed) {
      this.#woken = Promise.withResolvers();
      const startedAt = performance.now();
      const touched = this.#forgetTouched(startedAt);
      const seen = this.#openedId === null ? await this.#lookAround(touched) : await this.#lookInto(this.#openedId);
      const locks = await this.#lookAtLocks();
      this.#show({ ...seen, locks });
      await this.#rest(Math.max(pauseMsMin, pauseFactor * (performance.now() - startedAt)));
      const leased = (seen.leases?.length ?? 0) > 0 || (this.#opened?.leases.length ?? 0) > 0 || locks.length > 0;
      await within(Promise.race([this.#woken.promise, this.#closed.promise]), leased ? leasesMs : limits.waitMsMax);
    }
  }

  /** Forgets what a look that begins now has to see again; which tasks were touched. */
  #forgetTouched(now: number): ReadonlySet<string> {
    const touched = this.#touched;
    const renewLeases = this.#allTouched || now - this.#leasesSeenAt >= leasesMs;
    if (renewLeases) this.#leasesSeenAt = now;
    const { task, leases = [] } = this.#opened ?? {};
    const isTouched = task !== undefined && touched.has(task.id);
    if (this.#allTouched || isTouched || (renewLeases && leases.length > 0)) this.#opened = null;
    if (this.#allTouched) this.#olderActive = null;
    this.#touched = new Set();
    this.#allTouched = false;
    return touched;
  }

  async #lookInto(task_id: string): Promise<Partial<Model>> {
    if (this.#opened?.task.id !== task_id) {
      const { nodes, ...status } = await this.#ask(this.#asking, "TaskStatus", { task_id });
      const leases = leasesOf(nodes).toSorted((a, b) => a.expiresAtMs - b.expiresAtMs);
      this.#opened = { ...status, tree: drawTree(nodes), leases };
    }
    return { opened: this.#opened };
  }

  async #lookAround(touched: ReadonlySet<string>): Promise<Partial<Model>> {
    const running = await this.#ask(this.#asking, "ListTasks", { running: true, limit: tasksListed });
    const newest = await this.#ask(this.#asking, "ListTasks", { limit: tasksListed });
    const older = newest.next_before === null ? [] : await this.#older(newest.tasks, touched);
    const { nodes, total } = await this.#ask(this.#asking, "ListRunningNodes", { limit: leasesListed });
    const { database } = await this.#ask(this.#asking, "Metrics", {});
    return {
      listed: true,
      tasks: orderTasks(running.tasks, newest.tasks, older),
      leases: leasesOf(nodes),
      totals: { tasks: database.total_tasks, running: total },
    };
  }

  /** All locks; of those that are waited for, also by whom. */
  async #lookAtLocks(): Promise<Lock[]> {
    const { locks } = await this.#ask(this.#asking, "ListResourceLocks", {});
    const waited = locks.filter(({ waiting }) => waiting > 0).slice(0, waitedAsked);
    const waiters = new Map<Lock["lease_id"], string[]>();
    for (const { resource_key, scope, lease_id } of waited) {
      const asked = { locks: [{ resource_key }], scope };
      waiters.set(`${lease_id} ${resource_key}`, await this.#waiters(asked));
    }
    return locks.map((lock) => ({ ...lock, waiters: waiters.get(`${lock.lease_id} ${lock.resource_key}`) ?? [] }));
  }

  /** Who waits for a key; nobody is named where it would take the daemon too long to say. */
  async #waiters(asked: ParamsInput<"CheckResourceLocks">): Promise<string[]> {
    try {
      const { locks } = await this.#ask(this.#asking, "CheckResourceLocks", asked);
      return locks.flatMap(({ waiting }) => waiting.map(({ owner }) => owner));
    } catch (cause) {
      if (cause instanceof RequestRefused && cause.kind === "LIMIT_EXCEEDED") return [];
      throw cause;
    }
  }

  /** ACTIVE tasks older than the newest page. Finding them looks at thousands, so only when something touched one. */
  async #older(newest: readonly Task[], touched: ReadonlySet<string>): Promise<readonly Task[]> {
    const listed = new Set(newest.map(({ id }) => id));
    if (this.#olderActive === null || [...touched].some((id) => !listed.has(id))) {
      const active = await this.#ask(this.#asking, "ListTasks", { state: "ACTIVE", limit: tasksListed });
      this.#olderActive = active.tasks;
    }
    return this.#olderActive;
  }

  #touchAll(): void {
    this.#allTouched = true;
    this.#woken.resolve();
  }

  /** Calls a method that changes nothing, as often as it takes until the daemon answers. */
  async #ask<Name extends MethodName>(
    session: Session,
    method: Name,
    params: ParamsInput<Name>,
  ): Promise<Result<Name>> {
    const ask = async () => {
      const client = await session.client();
      this.#foundAgain();
      return client.call(method, params);
    };
    const mayPass = (cause: unknown) => {
      if (this.#isClosed || !isAway(cause)) return false;
      this.#show({ away: messageOf(cause) });
      session.disconnect();
      return true;
    };
    return askAgain(ask, { mayPass, restMs, rest: (ms) => this.#rest(ms) });
  }

  /** A connection is proof enough: the answer to a long wait may take ten minutes. */
  #foundAgain(): void {
    if (this.model.away === null) return;
    this.#touchAll();
    this.#show({ away: null });
  }

  #show(changes: Partial<Model>): void {
    this.model = { ...this.model, ...changes };
    this.#changed();
  }

  /** Ends early when the feed is disposed. */
  async #rest(ms: number): Promise<void> {
    await within(this.#closed.promise, ms);
  }
}
