import type { Json } from "../../../src/protocol/json.ts";
import { Ids, ModelJournal, unseen } from "./journal.ts";
import { ModelLocks } from "./locks.ts";
import {
  countStatuses,
  failedBefore,
  hasCycle,
  iso,
  isRead,
  type Lease,
  type ModelNode,
  nodeStatusView,
  nodeView,
  plainTask,
  Refused,
  sorted,
  text,
  until,
} from "./views.ts";

/*
 * The service as its contract tells it, written without a look at how it is built: plain maps, no rule of src/core
 * used. Ids that the service makes are taken from its answers and must never have been seen before.
 */

export interface Ask {
  method: string;
  params: { [name: string]: Json };
  key: string | undefined;
}

/** An answer as far as the model foretells it: of a refusal the kind, and the journal's seq at that moment. */
export interface Foretold {
  result?: Json;
  seq?: number;
  refused?: { kind: string; seq: Json };
  replayed?: true;
}

export class ReferenceModel {
  readonly tasks = new Map<string, { id: string; goal: Json; context: Json; created: number; nodes: ModelNode[] }>();
  readonly nodes = new Map<string, ModelNode>();
  readonly ids = new Ids();
  readonly journal = new ModelJournal(this.ids);
  readonly locks = new ModelLocks(this.journal);
  readonly #keys = new Map<string, { method: string; params: string; answer: Foretold }>();
  readonly #ttl: number;
  readonly #contextEvents: number;
  /** How many leases a node may lose. */
  readonly #lostMax: number;
  /** What the service answered to the request at hand: where new ids come from. */
  #shown: { [name: string]: Json } = {};

  constructor(options: { ttl: number; contextEvents: number; lostMax: number }) {
    this.#ttl = options.ttl;
    this.#lostMax = options.lostMax;
    this.#contextEvents = options.contextEvents;
  }

  /** The time of the turn. */
  get now(): number {
    return this.journal.now;
  }

  set now(ms: number) {
    this.journal.now = ms;
  }

  get seq(): number {
    return this.journal.seq;
  }

  /** Moves every deadline, as after a disturbance of the clocks. */
  shift(ms: number): void {
    for (const lease of this.#leases()) lease.until += ms;
  }

  /** Gives every lease its full time again, as after a restart. */
  renew(): void {
    for (const lease of this.#leases()) lease.until = this.now + lease.ttl;
  }

  /** Ends what is over, the longest overdue first. */
  expire(): void {
    const dead = [...this.nodes.values()].filter(({ lease }) => lease !== null && lease.until <= this.now);
    for (const node of dead.toSorted((a, b) => (a.lease?.until ?? 0) - (b.lease?.until ?? 0))) this.#rollBack(node);
    this.locks.expire();
  }

  /** What the service must answer; `shown` is what it did answer. */
  answer(ask: Ask, shown: Json): Foretold {
    this.#shown = typeof shown === "object" && shown !== null && !Array.isArray(shown) ? shown : {};
    const { method, key } = ask;
    if (key === undefined || isRead(method)) return this.#perform(ask);
    const params = sorted(ask.params);
    const first = this.#keys.get(key);
    if (first === undefined) {
      const answer = this.#perform(ask);
      this.#keys.set(key, { method, params, answer });
      return answer;
    }
    if (first.method === method && first.params === params) return { ...first.answer, replayed: true };
    return { refused: { kind: "IDEMPOTENCY_MISMATCH", seq: this.seq } };
  }

  #perform({ method, params }: Ask): Foretold {
    try {
      const result = this.#methods[method]?.(params) ?? null;
      return result === null && !isRead(method) ? { result, seq: this.seq } : { result };
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      return { refused: { kind: refused.kind, seq: this.seq } };
    }
  }

  readonly #methods: Record<string, (params: { [name: string]: Json }) => Json> = {
    RegisterTask: ({ goal = null, context = {}, initial_nodes }) => {
      const nodes = initial_nodes as { id: string; dependencies: string[]; payload_schema: Json }[];
      const ids = nodes.map(({ id }) => id);
      if (new Set(ids).size < ids.length) throw new Refused("DUPLICATE_ID");
      if (nodes.some((node) => node.dependencies.some((id) => !ids.includes(id))))
        throw new Refused("UNKNOWN_DEPENDENCY");
      if (hasCycle(nodes)) throw new Refused("CYCLE");
      if (ids.some((id) => this.nodes.has(id))) throw new Refused("DUPLICATE_ID");
      const id = this.#fresh("task_id");
      const mine = nodes.map((node): ModelNode => {
        const fresh = { failedAttempts: 0, lostAttempts: 0, updated: this.now };
        const idle = { status: "PENDING", lease: null, result: null, acquired: null, ...fresh } as const;
        return { id: node.id, task: id, dependencies: node.dependencies, schema: node.payload_schema, ...idle };
      });
      for (const node of mine) this.nodes.set(node.id, node);
      this.tasks.set(id, { id, goal, context, created: this.now, nodes: mine });
      this.journal.write("REGISTER_TASK", null, id, null, {
        goal,
        context,
        nodes: nodes.map(({ ...node }) => node),
      });
      return { task_id: id, nodes: nodes.map((node) => ({ id: node.id, name: null })), seq: this.seq };
    },

    AcquireNextNode: ({ task_id, lease_owner = "anonymous" }) => {
      const task = this.#task(task_id);
      for (const node of task.nodes) if (node.lease !== null && node.lease.until <= this.now) this.#rollBack(node);
      const node = task.nodes.find((candidate) => this.#isRunnable(candidate));
      if (node === undefined) return null;
      const lease = {
        id: this.#fresh("lease_id"),
        owner: text(lease_owner),
        until: this.now + this.#ttl,
        ttl: this.#ttl,
      };
      this.journal.write("ACQUIRE_NODE", null, task.id, node.id, {
        lease_id: lease.id,
        lease_owner: lease.owner,
      });
      node.lease = { ...lease, token: this.seq };
      Object.assign(node, { status: "RUNNING", acquired: this.now, updated: this.now, result: null });
      const grant = { task_id: task.id, node_id: node.id, lease_id: lease.id, lease_owner: lease.owner };
      return {
        ...grant,
        ...until(lease.until),
        fencing_token: this.seq,
        seq: this.seq,
        context: this.#context(task, node),
      };
    },

    HeartbeatNode: (params) => {
      const { lease, node } = this.#underLease(params);
      lease.until = this.now + lease.ttl;
      node.updated = this.now;
      return { ok: true, ...until(lease.until), seq: this.seq };
    },
    CompleteNode: (params) => this.#end(params, "COMPLETED", "COMPLETE_NODE", "result", params.result_payload ?? null),
    FailNode: (params) => {
      const { node } = this.#underLease(params);
      node.failedAttempts++;
      const ended = this.#end(params, "FAILED", "FAIL_NODE", "error", params.error_payload ?? null);
      return { ...ended, status: "FAILED", not_before_ms: null };
    },

    CommitEvent: ({ task_id, node_id, lease_id, action_type = "COMMIT_EVENT", payload = null }) => {
      const node = this.#node(task_id, node_id);
      if (node.lease !== null && node.lease.id !== lease_id) throw new Refused("LEASE_LOST");
      const id = this.#fresh("event_id");
      this.journal.write(text(action_type), id, node.task, node.id, payload, "client");
      return { event_id: id, seq: this.seq };
    },

    AcquireResourceLock: (params) => this.locks.acquire(params, this.#ttl, () => this.#fresh("lease_id")),
    HeartbeatResourceLock: (params) => this.locks.heartbeat(params, this.#ttl),
    ReleaseResourceLock: (params) => this.locks.release(params),
    ListResourceLocks: () => this.locks.list(),
    TaskStatus: ({ task_id }) => {
      const { id, goal, context, created, nodes } = this.#task(task_id);
      const counts = countStatuses(nodes);
      const canRun = nodes.some((node) => node.status === "RUNNING" || this.#isRunnable(node));
      const state = canRun ? "ACTIVE" : "FAILED" in counts ? "FAILED" : "COMPLETED";
      const task = { id, goal, context, created_at: iso(created), ...plainTask };
      return {
        task,
        state,
        counts,
        nodes: nodes.map((node) => nodeStatusView(node, failedBefore(node, this.nodes))),
      };
    },
    ListEvents: () => ({ events: this.journal.rows(this.#shown.events), next_after_seq: this.seq, last_seq: this.seq }),
  };

  /** What Metrics says of the database, as far as it is not of the schema. */
  metrics(): Json {
    const locks = this.locks.held;
    const running = [...this.nodes.values()].filter(({ lease }) => lease !== null);
    return {
      total_tasks: this.tasks.size,
      total_nodes: this.nodes.size,
      total_events: this.seq,
      active_resource_locks: locks.filter((lock) => lock.until > this.now).length,
      expired_resource_locks: locks.filter((lock) => lock.until <= this.now).length,
      running_leases: running.length,
      expired_running_leases: running.filter(({ lease }) => (lease?.until ?? 0) <= this.now).length,
      node_status_counts: countStatuses([...this.nodes.values()]),
    };
  }

  #context(task: { id: string; goal: Json; context: Json; created: number }, node: ModelNode): Json {
    const shown = (this.#shown.context as { event_journal?: Json } | undefined)?.event_journal;
    const events = this.journal.eventsOf(task.id, shown);
    return {
      task: { id: task.id, goal: task.goal, context: task.context, created_at: iso(task.created), ...plainTask },
      node: nodeView(node),
      completed_dependencies: node.dependencies.map((id) => {
        return { node_id: id, result_payload: this.nodes.get(id)?.result ?? null };
      }),
      event_journal_limit: this.#contextEvents,
      event_journal: this.#contextEvents === 0 ? [] : events.slice(-this.#contextEvents),
    };
  }

  #end(
    params: { [name: string]: Json },
    status: "COMPLETED" | "FAILED",
    action: string,
    as: string,
    payload: Json,
  ): { event_id: string; seq: number } {
    const { node } = this.#underLease(params);
    Object.assign(node, { status, lease: null, result: payload, updated: this.now });
    const id = this.#fresh("event_id");
    this.journal.write(action, id, node.task, node.id, { [as]: payload });
    return { event_id: id, seq: this.seq };
  }

  #rollBack(node: ModelNode): void {
    const lost_attempts = ++node.lostAttempts;
    const lease = { lease_id: node.lease?.id ?? null, lease_owner: node.lease?.owner ?? null };
    if (lost_attempts === this.#lostMax) {
      const error = { kind: "TOO_MANY_LOST_LEASES", lost_attempts };
      this.journal.write("FAIL_NODE", unseen, node.task, node.id, { error, cause: "lost", ...lease });
      Object.assign(node, { status: "FAILED", lease: null, result: error, updated: this.now });
      return;
    }
    this.journal.write("TIMEOUT_ROLLBACK", unseen, node.task, node.id, { ...lease, lost_attempts });
    Object.assign(node, { status: "PENDING", lease: null, acquired: null, updated: this.now });
  }

  #task(id: Json | undefined) {
    const task = this.tasks.get(text(id));
    if (task === undefined) throw new Refused("NOT_FOUND");
    return task;
  }

  #node(taskId: Json | undefined, nodeId: Json | undefined): ModelNode {
    const node = this.nodes.get(text(nodeId));
    if (node === undefined || node.task !== taskId) throw new Refused("NOT_FOUND");
    return node;
  }

  #underLease({ task_id, node_id, lease_id }: { [name: string]: Json }): { node: ModelNode; lease: Lease } {
    const node = this.#node(task_id, node_id);
    if (node.status === "COMPLETED" || node.status === "FAILED") throw new Refused("INVALID_STATE");
    if (node.lease === null || node.lease.id !== lease_id) throw new Refused("LEASE_LOST");
    return { node, lease: node.lease };
  }

  #leases(): Lease[] {
    const ofNodes = [...this.nodes.values()].flatMap(({ lease }) => (lease === null ? [] : [lease]));
    return [...ofNodes, ...this.locks.held];
  }

  #isRunnable(node: ModelNode): boolean {
    return node.status === "PENDING" && node.dependencies.every((id) => this.nodes.get(id)?.status === "COMPLETED");
  }

  #fresh(name: string): string {
    const id = this.#shown[name];
    return typeof id === "string" && this.ids.isNew(id) ? id : `${name}: a new id`;
  }
}
