import type { Json } from "../../../src/protocol/json.ts";
import type { ModelBundle } from "./bundles.ts";
import { ModelJournal } from "./journal.ts";
import { ModelLocks } from "./locks.ts";
import { type Lease, type ModelNode, type ModelTask, type Params, Refused, text } from "./views.ts";

export interface ModelSettings {
  ttl: number;
  contextEvents: number;
  /** How many leases a node may lose. */
  lostMax: number;
}

export type Method = (state: ModelState, params: Params) => Json;

/** All that is known of tasks, nodes and locks, and the questions every rule asks of it. */
export class ModelState {
  readonly tasks = new Map<string, ModelTask>();
  /** In registration order. */
  readonly nodes = new Map<string, ModelNode>();
  /** In the order of their submission. */
  readonly bundles: ModelBundle[] = [];
  readonly journal = new ModelJournal();
  readonly locks: ModelLocks;
  readonly settings: ModelSettings;
  /** What stands for chance, from 0 to below 1. */
  random = 0;

  constructor(settings: ModelSettings) {
    this.settings = settings;
    const node = (id: Json | undefined) => this.nodes.get(text(id));
    this.locks = new ModelLocks(this.journal, { ttl: settings.ttl, node });
  }

  /** Gives what undoes all that happens from here on. */
  remember(): () => void {
    // In one piece: a lease refers to the node it ends with.
    const { tasks, nodes, bundles, leases } = structuredClone({
      tasks: this.tasks,
      nodes: this.nodes,
      bundles: this.bundles,
      leases: this.locks.everyLease,
    });
    const undoJournal = this.journal.remember();
    return () => {
      undoJournal();
      refill(this.tasks, tasks);
      refill(this.nodes, nodes);
      this.bundles.splice(0, Infinity, ...bundles);
      this.locks.everyLease.splice(0, Infinity, ...leases);
    };
  }

  get now(): number {
    return this.journal.now;
  }

  get seq(): number {
    return this.journal.seq;
  }

  task(id: Json | undefined): ModelTask {
    const task = this.tasks.get(text(id));
    if (task === undefined) throw new Refused("NOT_FOUND");
    return task;
  }

  node(taskId: Json | undefined, nodeId: Json | undefined): ModelNode {
    const node = this.nodes.get(text(nodeId));
    if (node === undefined || node.task.id !== taskId) throw new Refused("NOT_FOUND");
    return node;
  }

  /** Refuses whoever does not hold the node, and says how the lease ended that is presented. */
  underLease({ task_id, node_id, lease_id }: Params): { node: ModelNode; lease: Lease } {
    const node = this.node(task_id, node_id);
    const ended = node.attempts.find((attempt) => attempt.lease_id === lease_id)?.outcome;
    if (node.endedBy === "cancel") throw new Refused("LEASE_LOST", ended ?? "CANCELED");
    if (node.status === "COMPLETED" || node.status === "FAILED") throw new Refused("INVALID_STATE");
    if (node.lease === null || node.lease.id !== lease_id) throw new Refused("LEASE_LOST", ended);
    return { node, lease: node.lease };
  }

  dependenciesOf(node: ModelNode): ModelNode[] {
    return [...new Set(node.dependencies)].flatMap((id) => this.nodes.get(id) ?? []);
  }

  /** The nodes that have this one as a dependency, in registration order. */
  dependentsOf({ id, task }: ModelNode): ModelNode[] {
    return task.nodes.filter(({ dependencies }) => dependencies.includes(id));
  }

  failedDependencies(node: ModelNode): string[] {
    return this.dependenciesOf(node).flatMap(({ id, status }) => (status === "FAILED" ? [id] : []));
  }

  /** Waits for no other node: for a worker, or for its time, or for its task. */
  isOpen(node: ModelNode): boolean {
    const enough = node.onDependencyFailure === "run" ? ["COMPLETED", "FAILED"] : ["COMPLETED"];
    return node.status === "PENDING" && this.dependenciesOf(node).every(({ status }) => enough.includes(status));
  }

  stateOf({ nodes }: ModelTask): "ACTIVE" | "COMPLETED" | "FAILED" {
    if (nodes.some((node) => node.status === "RUNNING" || this.isOpen(node))) return "ACTIVE";
    return nodes.some(({ status }) => status === "FAILED") ? "FAILED" : "COMPLETED";
  }

  /** Moves every deadline, as after a disturbance of the clocks; a delay is only not drawn out by it. */
  shift(ms: number): void {
    for (const lease of this.leases()) lease.until += ms;
    if (ms >= 0) return;
    for (const node of this.nodes.values()) if (node.notBefore !== null) node.notBefore += ms;
  }

  /** Somebody asks under a lease, which lasts until that is heard. */
  hear({ node_id, lease_id }: Params): void {
    if (typeof lease_id !== "string") return;
    const node = this.nodes.get(text(node_id));
    const lease = node?.lease ?? null;
    if (node !== undefined && lease?.id === lease_id && lease.until <= this.now && lease.ttl > 0) {
      lease.until = this.now + 1;
      node.updated = this.now;
      this.locks.keepWith(node);
    }
    this.locks.hear(lease_id);
  }

  /** Gives every lease its full time again, as after a restart. Delays go on meanwhile. */
  renew(): void {
    for (const lease of this.leases()) lease.until = this.now + lease.ttl;
  }

  /** Whether anything there is ends by time alone. */
  get hasDeadlines(): boolean {
    return this.leases().length > 0 || [...this.nodes.values()].some(({ notBefore }) => notBefore !== null);
  }

  leases(): Lease[] {
    const ofNodes = [...this.nodes.values()].flatMap(({ lease }) => (lease === null ? [] : [lease]));
    return [...ofNodes, ...this.locks.leases];
  }
}

function refill<Value>(map: Map<string, Value>, entries: ReadonlyMap<string, Value>): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}
