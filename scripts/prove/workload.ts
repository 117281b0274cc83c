import type { Chance } from "./chance.ts";

/** A request as it goes over the wire, but for its id. */
export interface Request {
  method: string;
  params: Record<string, unknown>;
  /** Absent where the method changes nothing. */
  idempotency_key?: string;
}

/** An answer as it came, but for its id. */
export interface Answer {
  result?: Record<string, unknown> | null;
  error?: { data: { kind: string; seq?: number } };
  /** Beside a result of null. */
  seq?: number;
  replayed?: boolean;
}

/** What clients of one daemon know of each other: enough to get in each other's way. */
export interface Common {
  tasks: { id: string; nodes: string[] }[];
}

interface HeldNode {
  task_id: string;
  node_id: string;
  lease_id: string;
}

interface HeldLock {
  resource_key: string;
  lease_id: string;
}

/** How many of the newest tasks are still worked on. */
const tasksAlive = 4;
const lockKeys = ["file:src/lib.rs", "file:src/main.rs", "tool:git-index", "db:schema"];
/** Leases this short run out while the daemon lives; all others outlive every run. */
const shortTtlSecs = 1;
const longTtlSecs = 100_000;

/**
 * One client's stream of requests, and what it learns from the answers. Each request that changes state carries its
 * idempotency key also where it is journalled, so that whoever reads the journal knows whose row is whose.
 */
export class Worker {
  readonly #name: string;
  readonly #chance: Chance;
  readonly #common: Common;
  readonly #ids: () => string;
  readonly #nodes: HeldNode[] = [];
  readonly #locks: HeldLock[] = [];
  /** What it held once, to come too late with. */
  #formerNode: HeldNode | null = null;
  #formerLock: HeldLock | null = null;
  #made = 0;

  constructor(name: string, chance: Chance, common: Common) {
    this.#name = name;
    this.#chance = chance;
    this.#common = common;
    this.#ids = () => uuid(chance);
  }

  next(): Request {
    const key = `${this.#name}-${++this.#made}`;
    const wish = this.#chance.below(100);
    const request = this.#wish(wish, key);
    return request.method === "Health" ? request : { ...request, idempotency_key: key };
  }

  learn({ method, params }: Request, { result }: Answer): void {
    if (result === undefined || result === null) return;
    if (method === "RegisterTask") {
      const nodes = params.initial_nodes as { id: string }[];
      this.#common.tasks.push({ id: String(result.task_id), nodes: nodes.map(({ id }) => id) });
      if (this.#common.tasks.length > tasksAlive) this.#common.tasks.shift();
    } else if (method === "AcquireNextNode") {
      const { task_id, node_id, lease_id } = result as unknown as HeldNode;
      this.#nodes.push({ task_id, node_id, lease_id });
    } else if (method === "AcquireResourceLock") {
      const { resource_key, lease_id } = result as unknown as HeldLock;
      this.#locks.push({ resource_key, lease_id });
    }
  }

  #wish(wish: number, key: string): Request {
    if (this.#common.tasks.length === 0 || wish < 6) return this.#register(key);
    if (wish < 8) return { method: "Health", params: {} };
    if (wish < 30) return this.#event(key);
    if (wish < 50) return this.#acquireNode(key);
    if (wish < 58) return this.#underLease("HeartbeatNode", {}, key);
    if (wish < 72) return this.#endNode(key);
    if (wish < 86) return this.#acquireLock(key);
    if (wish < 90) return this.#underLock("HeartbeatResourceLock", key);
    return this.#underLock("ReleaseResourceLock", key);
  }

  #register(key: string): Request {
    const nodes: { id: string; dependencies: string[]; max_attempts: number }[] = [];
    for (let n = 1 + this.#chance.below(6); n > 0; n--) {
      const earlier = nodes.at(-1);
      const waits = earlier !== undefined && this.#chance.happens(0.3);
      const max_attempts = 1 + this.#chance.below(3);
      nodes.push({ id: this.#ids(), dependencies: waits ? [earlier.id] : [], max_attempts });
    }
    return { method: "RegisterTask", params: { goal: "a goal", context: { key }, initial_nodes: nodes } };
  }

  /** An event at a node of our own, or at any without a lease: that is refused while the node runs. */
  #event(key: string): Request {
    const held = this.#nodes.at(-1);
    const payload = { key, text: "x".repeat(this.#chance.below(this.#chance.happens(0.05) ? 20_000 : 600)) };
    if (held !== undefined && this.#chance.happens(0.8)) return { method: "CommitEvent", params: { ...held, payload } };
    const task = this.#chance.of(this.#common.tasks);
    return { method: "CommitEvent", params: { task_id: task.id, node_id: this.#chance.of(task.nodes), payload } };
  }

  #acquireNode(key: string): Request {
    const ttl_secs = this.#chance.happens(0.1) ? shortTtlSecs : longTtlSecs;
    const wait_ms = this.#chance.happens(0.2) ? 20 : 0;
    const task_id = this.#chance.of(this.#common.tasks).id;
    return { method: "AcquireNextNode", params: { task_id, lease_owner: key, ttl_secs, wait_ms } };
  }

  #endNode(key: string): Request {
    const wish = this.#chance.below(10);
    if (wish < 7) return this.#underLease("CompleteNode", { result_payload: { key } }, key);
    if (wish < 9) return this.#underLease("FailNode", { error_payload: { key } }, key);
    return this.#underLease("ReleaseNode", {}, key);
  }

  /** Something only the holder may do. What ends a lease makes it a former one. */
  #underLease(method: string, more: Record<string, unknown>, key: string): Request {
    const late = this.#formerNode !== null && this.#chance.happens(0.1);
    if (late) return { method, params: { ...this.#formerNode, ...more } };
    const held = method === "HeartbeatNode" ? this.#nodes[0] : this.#nodes.shift();
    if (held === undefined) return this.#acquireNode(key);
    this.#formerNode = held;
    return { method, params: { ...held, ...more } };
  }

  #acquireLock(key: string): Request {
    const ttl_secs = this.#chance.happens(0.1) ? shortTtlSecs : longTtlSecs;
    const resource_key = this.#chance.of(lockKeys);
    return { method: "AcquireResourceLock", params: { resource_key, owner: this.#name, ttl_secs, metadata: { key } } };
  }

  #underLock(method: string, key: string): Request {
    const late = this.#formerLock !== null && this.#chance.happens(0.1);
    if (late) return { method, params: { ...this.#formerLock } };
    const held = method === "HeartbeatResourceLock" ? this.#locks[0] : this.#locks.shift();
    if (held === undefined) return this.#acquireLock(key);
    this.#formerLock = held;
    const kept = method === "HeartbeatResourceLock" ? { ttl_secs: longTtlSecs } : {};
    return { method, params: { ...held, ...kept } };
  }
}

/** An id of version 4 that the seed repeats. */
function uuid(chance: Chance): string {
  const digits = (count: number) => Array.from({ length: count }, () => chance.below(16).toString(16)).join("");
  return `${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`;
}
