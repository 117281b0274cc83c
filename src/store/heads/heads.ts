import { present } from "../../protocol/present.ts";
import type { NodeStatus } from "../../protocol/types.ts";
import { Deadlines } from "./deadlines.ts";
import type { NodeState, StoredNode, StoredTask } from "./entries.ts";
import { addDependent, isOpen, isReady, NodeEntry, TaskEntry, weight } from "./entries.ts";
import { Groups } from "./groups.ts";
import { HeldLocks } from "./held-locks.ts";
import { LabelSets } from "./label-sets.ts";
import { ReadyNodes } from "./ready.ts";

/**
 * The heads of what is active, in memory: of every task that has not ended, its nodes with all that decides what may
 * become of them, and the queues in which they stand; and all locks. Payloads, results and history stay on the disk, and so
 * does all that has ended. The queues follow from the states of nodes and tasks: putting a state back undoes what came of it.
 */
export class Heads {
  readonly #statusOnDisk: (nodeId: string) => NodeStatus | null;
  readonly #tasks = new Map<string, TaskEntry>();
  readonly #nodes = new Map<string, NodeEntry>();
  readonly #byLease = new Map<string, NodeEntry>();
  readonly #heldBack = new Groups<NodeEntry>();
  /**
   * Who waits for a node that is not in memory, or was not when they came: the original let nodes wait for those of other
   * tasks, and for some that nobody knows.
   */
  readonly outside = new Groups<NodeEntry>();
  readonly #labelSets = new LabelSets();
  readonly ready = new ReadyNodes(this.#labelSets);
  readonly deadlines = new Deadlines();
  readonly running = new Set<NodeEntry>();
  /** Tasks in which nodes are to follow a change of others. */
  readonly unsettled = new Set<TaskEntry>();
  /** Takes back what the open unit has changed, the last change first. */
  readonly #undo: (() => void)[] = [];
  readonly locks = new HeldLocks(this.#undo);
  #isPruning = false;
  /** Tasks that the open unit has changed. */
  readonly #changed = new Set<TaskEntry>();

  constructor(statusOnDisk: (nodeId: string) => NodeStatus | null) {
    this.#statusOnDisk = statusOnDisk;
  }

  get tasks(): Iterable<TaskEntry> {
    return this.#tasks.values();
  }

  task(taskId: string): TaskEntry | undefined {
    return this.#tasks.get(taskId);
  }

  node(nodeId: string): NodeEntry | undefined {
    return this.#nodes.get(nodeId);
  }

  underLease(leaseId: string): NodeEntry | undefined {
    return this.#byLease.get(leaseId);
  }

  heldBackBy(leaseId: string): NodeEntry[] {
    return [...this.#heldBack.of(leaseId)];
  }

  get heldBack(): NodeEntry[] {
    return this.#heldBack.all;
  }

  /** Whether something leaves the database, as it was pruned. */
  get isPruning(): boolean {
    return this.#isPruning;
  }

  prune(isUnderWay: boolean): void {
    const before = this.#isPruning;
    this.#isPruning = isUnderWay;
    this.#undo.push(() => (this.#isPruning = before));
  }

  /** How many nodes are in memory. */
  get size(): number {
    return this.#nodes.size;
  }

  /** Whether something of a task can still run or end: one waits for no other, is to be skipped, or was in vain. */
  canGoOn(task: TaskEntry): boolean {
    return task.open > 0 || !task.isSettled;
  }

  /** Where the open unit stands: `undoTo` puts back what it changes after this. */
  get mark(): number {
    return this.#undo.length;
  }

  undoTo(mark: number): void {
    while (this.#undo.length > mark) present(this.#undo.pop(), "a change to undo")();
  }

  /** Tasks whose counts the open unit may have changed, but for those that are not there any more. */
  get changed(): TaskEntry[] {
    return [...this.#changed].filter((task) => this.#tasks.get(task.id) === task);
  }

  /** What the unit has changed stays; tasks that have ended leave the memory. */
  commit(): void {
    for (const task of this.changed) if (task.counts.PENDING + task.counts.RUNNING === 0) this.remove(task);
    this.#changed.clear();
    this.#undo.length = 0;
  }

  /** A task leaves the memory, and takes its nodes with it. */
  remove(task: TaskEntry): void {
    this.#tasks.delete(task.id);
    for (const node of task.nodes) {
      for (const other of node.dependents) if (other.task !== task) this.outside.add(node.state.id, other);
      this.#leave(node);
      this.#nodes.delete(node.state.id);
      this.#labelSets.give(node.labels);
    }
    this.#undo.push(() => {
      this.#tasks.set(task.id, task);
      for (const node of task.nodes) {
        this.#nodes.set(node.state.id, node);
        this.#labelSets.keep(node.labels);
        this.#enter(node);
      }
    });
  }

  /** A task comes into memory, new or from the disk. Its nodes follow. */
  addTask(stored: StoredTask): TaskEntry {
    const task = new TaskEntry(stored);
    this.#tasks.set(task.id, task);
    this.#undo.push(() => this.#tasks.delete(task.id));
    this.#changed.add(task);
    return task;
  }

  /** Nodes come into memory, each task's in registration order; what they wait for is there, or comes with them. */
  addNodes(nodes: Iterable<StoredNode>): void {
    const added: NodeEntry[] = [];
    const waiting: { node: NodeEntry; stored: StoredNode }[] = [];
    for (const stored of nodes) {
      const node = this.#add(stored);
      added.push(node);
      if (stored.dependencies.length > 0) waiting.push({ node, stored });
    }
    for (const { node, stored } of waiting) this.#waitFor(node, stored);
    for (const node of added) this.#enter(node);
    this.#undo.push(() => {
      for (const node of added.toReversed()) this.#drop(node);
      for (const { stored } of waiting.toReversed())
        for (const dependency of distinct(stored.dependencies)) this.#nodes.get(dependency)?.dependents.pop();
    });
  }

  /** Nodes of a task wait for further ones, which are new and so PENDING. */
  extend(nodeIds: readonly string[], added: readonly string[]): void {
    for (const node of nodeIds.map((id) => this.#known(id))) {
      for (const dependency of added) this.#join(this.#known(dependency), node);
      this.#put(node, { ...node.state, waitingOn: node.state.waitingOn + added.length });
    }
  }

  /** Another state takes the node's place, and who waits for it is told. */
  change(node: NodeEntry, change: Partial<NodeState>): void {
    const before = node.state.status;
    this.#put(node, { ...node.state, ...change });
    const { status } = node.state;
    if (status === before) return;
    const { counts } = node.task;
    counts[before]--;
    counts[status]++;
    this.#changed.add(node.task);
    this.#undo.push(() => {
      counts[before]++;
      counts[status]--;
    });
    for (const dependent of node.dependents) this.#tell(dependent, before, status);
  }

  steer(task: TaskEntry, priority: number, paused: boolean): void {
    const { priority: oldPriority, paused: wasPaused } = task;
    const set = (toPriority: number, toPaused: boolean) => {
      task.priority = toPriority;
      task.paused = toPaused;
      this.ready.order(task);
    };
    set(priority, paused);
    this.#undo.push(() => set(oldPriority, wasPaused));
  }

  #join(dependency: NodeEntry, node: NodeEntry): void {
    addDependent(dependency, node);
    this.#undo.push(() => dependency.dependents.pop());
  }

  #known(nodeId: string): NodeEntry {
    return present(this.#nodes.get(nodeId), "node", nodeId);
  }

  /** For how much a node counts with one that waits for it changes. */
  #tell(node: NodeEntry, before: NodeStatus, status: NodeStatus): void {
    const { policy, waitingOn, failingOn } = node.state;
    const waits = weight(status, policy.onDependencyFailure) - weight(before, policy.onDependencyFailure);
    const fails = Number(status === "FAILED") - Number(before === "FAILED");
    if (waits === 0 && fails === 0) return;
    this.#put(node, { ...node.state, waitingOn: waitingOn + waits, failingOn: failingOn + fails });
  }

  #put(node: NodeEntry, state: NodeState): void {
    const before = node.state;
    this.#move(node, state);
    this.#undo.push(() => this.#move(node, before));
  }

  #move(node: NodeEntry, state: NodeState): void {
    this.#leave(node);
    node.state = state;
    this.#enter(node);
  }

  /** The node leaves all queues its state put it in. */
  #leave(node: NodeEntry): void {
    const { status, lease, heldBackBy } = node.state;
    this.deadlines.remove(node);
    this.ready.remove(node);
    this.running.delete(node);
    if (node.followsAt >= 0) this.#unfollow(node);
    if (isOpen(node.state)) node.task.open--;
    if (status === "RUNNING" && lease !== null && lease.id !== null) this.#byLease.delete(lease.id);
    if (heldBackBy !== null) this.#heldBack.remove(heldBackBy, node);
  }

  /** The node stands in the queues its state puts it in. */
  #enter(node: NodeEntry): void {
    const { state, task } = node;
    const { status, lease, heldBackBy, failingOn } = state;
    this.deadlines.put(node);
    if (isReady(state)) this.ready.put(node);
    if (isOpen(state)) task.open++;
    if (status === "RUNNING") this.running.add(node);
    if (status === "RUNNING" && lease !== null && lease.id !== null) this.#byLease.set(lease.id, node);
    if (status === "PENDING" && failingOn > 0 && state.policy.onDependencyFailure === "skip") task.toSkip.put(node);
    if (status === "FAILED" && state.failure === "skipped" && failingOn === 0) this.#skipInVain(node);
    if (!task.isSettled) this.unsettled.add(task);
    if (heldBackBy !== null) this.#heldBack.add(heldBackBy, node);
  }

  #unfollow(node: NodeEntry): void {
    const { task } = node;
    const wasOpen = task.isOpen;
    (node.state.status === "PENDING" ? task.toSkip : task.skippedInVain).remove(node);
    if (task.isSettled) this.unsettled.delete(task);
    if (task.isOpen !== wasOpen) this.ready.order(task);
  }

  /** The first such node keeps what is ready of its task from being handed out. */
  #skipInVain(node: NodeEntry): void {
    const { task } = node;
    const wasOpen = task.isOpen;
    task.skippedInVain.put(node);
    if (task.isOpen !== wasOpen) this.ready.order(task);
  }

  #add(stored: StoredNode): NodeEntry {
    const node = new NodeEntry(this.#labelSets.take(stored.labels), stored);
    this.#changed.add(node.task);
    this.#nodes.set(node.state.id, node);
    for (const other of this.outside.of(node.state.id))
      if (this.#nodes.get(other.state.id) === other) addDependent(node, other);
    node.task.nodes.push(node);
    node.task.counts[node.state.status]++;
    return node;
  }

  /** Joins a new node to those it waits for. */
  #waitFor(node: NodeEntry, { state, dependencies }: StoredNode): void {
    for (const dependency of distinct(dependencies)) {
      const other = this.#nodes.get(dependency);
      if (other === undefined) this.outside.add(dependency, node);
      else addDependent(other, node);
      const status = other === undefined ? this.#statusOnDisk(dependency) : other.state.status;
      state.waitingOn += weight(status, state.policy.onDependencyFailure);
      state.failingOn += Number(status === "FAILED");
    }
  }

  /** Takes a node back that was the last to come. */
  #drop(node: NodeEntry): void {
    this.#leave(node);
    this.#nodes.delete(node.state.id);
    node.task.nodes.pop();
    node.task.counts[node.state.status]--;
    this.#labelSets.give(node.labels);
  }
}

const distinct = (ids: readonly string[]): Iterable<string> => (ids.length > 1 ? new Set(ids) : ids);
