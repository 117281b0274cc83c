import type { Json } from "../../../src/protocol/json.ts";
import type { ModelJournal } from "./journal.ts";
import { distinct, isSame, keyPayload, lockPayload, type ModelKey, modelKey, stronger } from "./keys.ts";
import { checkLocks, deadlineOf, listLocks } from "./lock-reports.ts";
import { closesCircle, collides, isInTheWay, type ModelWish } from "./line.ts";
import {
  lockView,
  type ModelLease,
  type ModelLock,
  type ModelNode,
  type Params,
  Refused,
  text,
  until,
} from "./views.ts";

const ttlOf = (params: Params, otherwise: number) =>
  params.ttl_secs === undefined ? otherwise : Number(params.ttl_secs) * 1000;

/** What locks know of nodes. */
interface World {
  ttl: number;
  node(id: Json | undefined): ModelNode | undefined;
}

/** The resource locks, as the contract tells of them. */
export class ModelLocks {
  /** Those that are over included. */
  readonly everyLease: ModelLease[] = [];
  readonly #journal: ModelJournal;
  readonly #world: World;
  #rows = 0;

  constructor(journal: ModelJournal, world: World) {
    this.#journal = journal;
    this.#world = world;
  }

  /** Leases whose time runs on its own. */
  get leases(): ModelLease[] {
    return this.everyLease.filter(({ node }) => node === null);
  }

  get all(): { lock: ModelLock; isOver: boolean }[] {
    return this.everyLease.flatMap((lease) => lease.locks.map((lock) => ({ lock, isOver: this.#isOver(lease) })));
  }

  /** What a request wishes for. */
  wish(params: Params): ModelWish {
    const asked = (params.locks as Params[] | undefined) ?? [params];
    const { lease_id: lease = null, owner = "anonymous", provider = null, scope = null } = params;
    const keys = distinct(
      asked.map(({ resource_key, mode = "exclusive", scope: its }) =>
        modelKey({ resource_key: resource_key ?? null, mode, scope: its ?? scope }),
      ),
    );
    return { keys, lease, owner, provider, since: this.#journal.now };
  }

  /**
   * Takes what is wished for unless somebody holds or earlier wished for it; null then. Who comes takes over what has
   * expired, who waits gets it when it ends.
   */
  acquire(wish: ModelWish, params: Params, earlier: readonly ModelWish[], overdue: "free" | "held"): Json {
    const { now } = this.#journal;
    const own = this.everyLease.find(({ id }) => id === wish.lease);
    if (overdue === "held" && own !== undefined && this.#isOver(own)) return null;
    const lease = this.#leaseFor(wish, params);
    const over = this.#clear(wish, earlier, overdue);
    if (over === null) return null;
    const bound = lease.node !== null;
    const taken = this.#grant(lease, wish.keys, purposeOf(lease, params), over);
    if (wish.lease !== null && !bound) {
      Object.assign(lease, { ttl: ttlOf(params, lease.ttl) });
      lease.until = now + lease.ttl;
      for (const lock of lease.locks) lock.updated = now;
    }
    const { seq } = this.#journal;
    const times = until(deadlineOf(lease));
    if (params.locks !== undefined) {
      const locks = (params.locks as Params[]).map(({ resource_key = null, mode = "exclusive", scope }) => ({
        resource_key,
        mode,
        scope: scope ?? params.scope ?? null,
      }));
      return { lease_id: lease.id, fencing_token: seq, ...times, locks, seq };
    }
    const { updated_at: _, ends_with_node: __, waiting: ___, ...shown } = lockView(taken[0], lease, times, 0);
    return { ...shown, resource_key: params.resource_key ?? null, seq };
  }

  /** Takes a node's resources under its new lease; false when somebody is in the way. */
  takeWith(node: ModelNode, owner: string, earlier: readonly ModelWish[]): boolean {
    if (node.resources.length === 0) return true;
    const wish: ModelWish = { keys: node.resources, lease: null, owner, provider: null, since: 0 };
    const over = this.#clear(wish, earlier, "held");
    if (over === null) return false;
    const lease: ModelLease = { id: "", owner, provider: null, until: 0, ttl: 0, token: 0, node, locks: [] };
    this.everyLease.push(lease);
    this.#grant(lease, wish.keys, { task: node.task.id, node: node.id, metadata: {} }, over);
    return true;
  }

  /** The lease id of what was just taken with a node; undefined where nothing was. */
  idWith(node: ModelNode): string | undefined {
    return this.everyLease.find((lease) => lease.node === node)?.id;
  }

  /** What a node's lease holds ends with it. */
  endWith(node: ModelNode): void {
    const lease = this.everyLease.find((one) => one.node === node);
    if (lease !== undefined) this.#end(lease, "RELEASE_RESOURCE_LOCK");
  }

  /** The node's lease was kept. */
  keepWith(node: ModelNode): void {
    const lease = this.everyLease.find((one) => one.node === node);
    for (const lock of lease?.locks ?? []) lock.updated = this.#journal.now;
  }

  heartbeat(params: Params): Json {
    const { now, seq } = this.#journal;
    const { lease } = this.#claimed(params);
    if (lease.node !== null) throw new Refused("INVALID_STATE");
    if (this.#isOver(lease)) throw new Refused("LEASE_LOST");
    lease.ttl = ttlOf(params, this.#world.ttl);
    lease.until = now + lease.ttl;
    for (const lock of lease.locks) lock.updated = now;
    return { ok: true, ...until(lease.until), seq };
  }

  hear(leaseId: Json | undefined): void {
    const lease = this.everyLease.find(({ id }) => id === leaseId);
    if (lease === undefined || !this.#isOver(lease)) return;
    lease.until = this.#journal.now + 1;
    for (const lock of lease.locks) lock.updated = this.#journal.now;
  }

  release(params: Params): Json {
    const { lease, locks } = this.#claimed(params);
    this.#end(lease, "RELEASE_RESOURCE_LOCK", locks);
    return { ok: true, seq: this.#journal.seq };
  }

  /** Ends every lease that holds the key; the nodes that ran under them. */
  forceRelease({ resource_key = null, scope = null, reason = null }: Params): { released: Json[]; nodes: ModelNode[] } {
    const key = modelKey({ resource_key, scope, mode: "exclusive" });
    const holders = this.everyLease
      .filter((lease) => !this.#isOver(lease))
      .flatMap((lease) => lease.locks.filter((lock) => isSame(lock, key)).map((lock) => ({ lease, lock })))
      .toSorted((a, b) => a.lock.row - b.lock.row);
    if (holders.length === 0) throw new Refused("NOT_FOUND");
    const nodes: ModelNode[] = [];
    const released = holders.map(({ lease, lock }): Json => {
      const { id: lease_id, owner, provider, node } = lease;
      const resource_keys = lease.locks.map((one) => one.key);
      this.#end(lease, "FORCE_RELEASE_RESOURCE_LOCK", lease.locks, { reason });
      if (node !== null) nodes.push(node);
      return { lease_id, owner, provider, task_id: lock.task, node_id: lock.node, resource_keys };
    });
    return { released, nodes };
  }

  check(params: Params, line: readonly ModelWish[]): Json {
    return checkLocks(params, this.live, line);
  }

  list(params: Params, line: readonly ModelWish[]): Json {
    return listLocks(params, this.live, line);
  }

  /** Whether a wait for this would never end. */
  isHopeless(wish: ModelWish, line: readonly ModelWish[]): boolean {
    return closesCircle(wish, line, (other) => this.#against(other));
  }

  expire(): void {
    const over = this.everyLease.filter((lease) => this.#isOver(lease));
    const row = ({ locks }: ModelLease) => Math.min(...locks.map((lock) => lock.row));
    for (const lease of over.toSorted((a, b) => a.until - b.until || row(a) - row(b)))
      this.#end(lease, "EXPIRE_RESOURCE_LOCK");
  }

  /** Ends what is over and in the way, oldest first, and says whose that was; null when somebody else is in the way. */
  #clear(wish: ModelWish, earlier: readonly ModelWish[], overdue: "free" | "held"): ModelLease[] | null {
    const against = this.everyLease.filter((lease) => lease.id !== wish.lease && collides(wish, lease.locks));
    if (against.some((lease) => overdue === "held" || !this.#isOver(lease))) return null;
    if (earlier.some((other) => isInTheWay(other, wish, (one) => this.#against(one)))) return null;
    const over = against.toSorted((a, b) => (a.locks[0]?.token ?? 0) - (b.locks[0]?.token ?? 0));
    for (const lease of over) this.#end(lease, "EXPIRE_RESOURCE_LOCK");
    return over;
  }

  /** Live leases of others that hold what the wish collides with. */
  #against(wish: ModelWish): ModelLease[] {
    return this.everyLease.filter(
      (lease) => lease.id !== wish.lease && !this.#isOver(lease) && collides(wish, lease.locks),
    );
  }

  #leaseFor(wish: ModelWish, params: Params): ModelLease {
    const { now } = this.#journal;
    if (wish.lease === null) {
      const ttl = ttlOf(params, this.#world.ttl);
      const named = { owner: text(wish.owner), provider: wish.provider };
      return { id: "", ...named, until: now + ttl, ttl, token: 0, node: null, locks: [] };
    }
    const held = this.everyLease.find(({ id }) => id === wish.lease);
    if (held !== undefined) {
      if (this.#isOver(held)) throw new Refused("LEASE_LOST");
      return held;
    }
    const node = this.#world.node(params.node_id);
    if (node?.lease?.id !== wish.lease) throw new Refused("LEASE_LOST");
    const { id, owner } = node.lease;
    return { id, owner, provider: wish.provider, until: 0, ttl: 0, token: 0, node, locks: [] };
  }

  #grant(
    lease: ModelLease,
    wanted: readonly ModelKey[],
    about: Pick<ModelLock, "task" | "node" | "metadata">,
    over: ModelLease[],
  ): [ModelLock] {
    const { now } = this.#journal;
    const keys = wanted.map((key) => {
      const held = lease.locks.find((lock) => isSame(lock, key));
      return held === undefined ? key : { ...key, key: held.key, mode: stronger(held.mode, key.mode) };
    });
    if (lease.id === "") lease.id = this.#journal.fresh(({ payload }) => (payload as Params).lease_id);
    if (!this.everyLease.includes(lease)) this.everyLease.push(lease);
    const told = {
      lease_id: lease.id,
      owner: lease.owner,
      provider: lease.provider,
      metadata: about.metadata,
      locks: keys.map(lockPayload),
      ...(lease.node !== null && { ends_with_node: true }),
    };
    const from = over.map(({ id: lease_id, owner }) => ({ lease_id, owner }));
    const action = over.length === 0 ? "ACQUIRE_RESOURCE_LOCK" : "TAKE_OVER_RESOURCE_LOCK";
    this.#journal.write(action, { task: about.task, node: about.node }, { ...told, ...(over.length > 0 && { from }) });
    const token = this.#journal.seq;
    const granted = keys.map((key): ModelLock => {
      const held = lease.locks.find((lock) => isSame(lock, key));
      const lock = held ?? { ...key, ...about, acquired: now, updated: now, token, row: ++this.#rows };
      Object.assign(lock, { ...about, mode: key.mode, token, updated: now });
      if (held === undefined) lease.locks.push(lock);
      return lock;
    });
    return granted as [ModelLock];
  }

  #claimed({ resource_key, lease_id, scope }: Params): { lease: ModelLease; locks: ModelLock[] } {
    const lease = this.everyLease.find(({ id }) => id === lease_id);
    const ofScope = (lease?.locks ?? []).filter((lock) => scope === undefined || lock.scope === scope);
    const key = (of: string | null) => modelKey({ resource_key: resource_key ?? null, scope: of, mode: "exclusive" });
    const locks = resource_key === undefined ? ofScope : ofScope.filter((lock) => isSame(lock, key(lock.scope)));
    if (lease !== undefined && locks.length > 0) return { lease, locks };
    if (resource_key === undefined) throw new Refused("LEASE_LOST");
    const wanted = key((scope ?? null) as string | null);
    const others = this.everyLease.filter((one) => one.locks.some((lock) => isSame(lock, wanted)));
    throw new Refused(others.length > 0 ? "LEASE_LOST" : "NOT_FOUND");
  }

  #end(lease: ModelLease, action: string, locks: readonly ModelLock[] = lease.locks, more: Params = {}): void {
    const { id: lease_id, owner } = lease;
    const [first] = locks;
    const payload = { lease_id, owner, locks: locks.map(keyPayload), ...more };
    this.#journal.write(action, { task: first?.task ?? null, node: first?.node ?? null }, payload);
    lease.locks = lease.locks.filter((lock) => !locks.includes(lock));
    if (lease.locks.length === 0) this.everyLease.splice(this.everyLease.indexOf(lease), 1);
  }

  get live(): ModelLease[] {
    return this.everyLease.filter((lease) => !this.#isOver(lease));
  }

  #isOver = (lease: ModelLease) => lease.node === null && lease.until <= this.#journal.now;
}

/** What locks are for: of a node's lease, that node; of another, what is said, or was before. */
function purposeOf({ node, locks: [before] }: ModelLease, { task_id, node_id, metadata = {} }: Params) {
  if (node !== null) return { task: node.task.id, node: node.id, metadata };
  return { task: task_id ?? before?.task ?? null, node: node_id ?? before?.node ?? null, metadata };
}
