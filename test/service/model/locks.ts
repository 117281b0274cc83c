import type { Json } from "../../../src/protocol/json.ts";
import type { ModelJournal } from "./journal.ts";
import { lockView, type ModelLock, type Params, Refused, text, until } from "./views.ts";

const ttlOf = (params: Params, otherwise: number) =>
  params.ttl_secs === undefined ? otherwise : Number(params.ttl_secs) * 1000;

/** The resource locks, as the contract tells of them. */
export class ModelLocks {
  readonly #locks = new Map<string, ModelLock>();
  readonly #journal: ModelJournal;

  constructor(journal: ModelJournal) {
    this.#journal = journal;
  }

  get held(): ModelLock[] {
    return [...this.#locks.values()];
  }

  acquire(params: Params, nodeTtl: number): Json {
    const { now } = this.#journal;
    const key = text(params.resource_key);
    const before = this.#locks.get(key);
    if (before !== undefined && before.until > now) return null;
    const { provider = null, task_id: task = null, node_id: node = null, metadata = {} } = params;
    const ttl = ttlOf(params, nodeTtl);
    const id = this.#journal.fresh(({ payload }) => (payload as Params).lease_id);
    const lease = { id, owner: text(params.owner ?? "anonymous"), until: now + ttl, ttl };
    const grant = { resource_key: key, lease_id: lease.id, owner: lease.owner, provider, metadata };
    const from = before === undefined ? {} : { from: { lease_id: before.id, owner: before.owner } };
    const action = before === undefined ? "ACQUIRE_RESOURCE_LOCK" : "TAKE_OVER_RESOURCE_LOCK";
    this.#journal.write(action, { task, node }, { ...grant, ...from });
    const { seq } = this.#journal;
    const lock = { key, provider, task, node, metadata, ...lease, acquired: now, updated: now, token: seq };
    this.#locks.set(key, lock);
    const { updated_at: _, ...shown } = lockView(lock);
    return { ...shown, seq };
  }

  heartbeat(params: Params, nodeTtl: number): Json {
    const { now, seq } = this.#journal;
    const lock = this.#claimed(params);
    if (lock.until <= now) throw new Refused("LEASE_LOST");
    const ttl = ttlOf(params, nodeTtl);
    Object.assign(lock, { ttl, until: now + ttl, updated: now });
    return { ok: true, ...until(lock.until), seq };
  }

  release(params: Params): Json {
    this.#end(this.#claimed(params), "RELEASE_RESOURCE_LOCK");
    return { ok: true, seq: this.#journal.seq };
  }

  list(): Json {
    const live = this.held.filter((lock) => lock.until > this.#journal.now);
    return { locks: live.map(lockView).toSorted((a, b) => (a.resource_key < b.resource_key ? -1 : 1)) };
  }

  expire(): void {
    const over = this.held.filter((lock) => lock.until <= this.#journal.now);
    const order = over.toSorted((a, b) => a.until - b.until || a.token - b.token);
    for (const lock of order) this.#end(lock, "EXPIRE_RESOURCE_LOCK");
  }

  #claimed({ resource_key, lease_id }: Params): ModelLock {
    const lock = this.#locks.get(text(resource_key));
    if (lock === undefined) throw new Refused("NOT_FOUND");
    if (lock.id !== lease_id) throw new Refused("LEASE_LOST");
    return lock;
  }

  #end(lock: ModelLock, action: string): void {
    const { key, id, owner, task, node } = lock;
    this.#locks.delete(key);
    this.#journal.write(action, { task, node }, { resource_key: key, lease_id: id, owner });
  }
}
