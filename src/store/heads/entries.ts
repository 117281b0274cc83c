import type { NodeHead } from "../../core/model.ts";
import type { DependencyPolicy, Labels, NodeStatus } from "../../protocol/types.ts";
import { Heap } from "./heap.ts";

/** All of a node that decides what may become of it. It is never changed: another takes its place. */
export interface NodeState extends Readonly<NodeHead> {
  readonly priority: number;
  readonly acquiredAtMs: number | null;
  /** Nobody gets it earlier. */
  readonly notBeforeMs: number | null;
  /** The lease whose locks, or those before whom it would go, keep it from being handed out. */
  readonly heldBackBy: string | null;
  /** How many distinct dependencies are not COMPLETED, or not ended for a node that runs whatever became of them. */
  readonly waitingOn: number;
  /** How many are FAILED. */
  readonly failingOn: number;
}

/** Whether a node that waits for one with this status waits for it still. */
export const weight = (status: NodeStatus | null, policy: DependencyPolicy): number =>
  Number(status !== "COMPLETED" && !(status === "FAILED" && policy === "run"));

/** Whether it waits for no other node. */
export const isOpen = ({ status, waitingOn }: NodeState): boolean => status === "PENDING" && waitingOn === 0;

/** Whether it waits for a worker alone; its task may be paused. */
export const isReady = (state: NodeState): boolean =>
  isOpen(state) && state.notBeforeMs === null && state.heldBackBy === null;

/** A task that comes into memory. */
export type StoredTask = Pick<TaskEntry, "row" | "id" | "priority" | "paused">;

/** A node that comes into memory. */
export interface StoredNode {
  task: TaskEntry;
  row: number;
  labels: Labels;
  dependencies: readonly string[];
  state: FreshState;
}

/** The state of a node that is about to come into memory: how its dependencies stand is found out there. */
export type FreshState = Omit<NodeState, "waitingOn" | "failingOn"> & { waitingOn: number; failingOn: number };

/** A node of a task that has not ended, and where it stands in the queues. */
export class NodeEntry {
  /** Among the ready ones of its labels. */
  readyAt = -1;
  /** Among what is over at some time: its lease, or its delay. */
  dueAt = -1;
  /** Among those of its task that are to follow a change of others. */
  followsAt = -1;
  /** Who waits for it. */
  dependents: NodeEntry[] = nobody;
  readonly row: number;
  readonly task: TaskEntry;
  readonly labels: LabelSet;
  state: NodeState;

  constructor(labels: LabelSet, { task, row, state }: StoredNode) {
    this.row = row;
    this.task = task;
    this.labels = labels;
    this.state = state;
  }
}

/** Shared by all who have none: most nodes of a wide task. */
const nobody: NodeEntry[] = [];

export const addDependent = (entry: NodeEntry, dependent: NodeEntry): void => {
  if (entry.dependents === nobody) entry.dependents = [dependent];
  else entry.dependents.push(dependent);
};

/** A task of which something may still happen by itself or by a worker. */
export class TaskEntry {
  /** Among tasks with ready nodes. */
  readyAt = -1;
  /** In registration order. */
  readonly nodes: NodeEntry[] = [];
  readonly counts: Record<NodeStatus, number> = { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 };
  /** PENDING nodes that wait for no other. */
  open = 0;
  /** PENDING nodes to be skipped, as a dependency is FAILED. */
  readonly toSkip = new Heap<"followsAt", NodeEntry>("followsAt", comesFirst);
  /**
   * Nodes that were skipped although no dependency is FAILED any more. What they wait for is PENDING as long as there are
   * any, since nothing of such a task is handed out: so no task ends with one.
   */
  readonly skippedInVain = new Heap<"followsAt", NodeEntry>("followsAt", comesFirst);
  /** Ready nodes, by their labels. */
  readonly buckets = new Map<LabelSet, Bucket>();
  readonly ready = new Heap<"inTask", Bucket>("inTask", bucketGoesFirst);
  readonly row: number;
  readonly id: string;
  priority: number;
  paused: boolean;

  constructor({ row, id, priority, paused }: StoredTask) {
    this.row = row;
    this.id = id;
    this.priority = priority;
    this.paused = paused;
  }

  /** Whether its ready nodes are handed out. */
  get isOpen(): boolean {
    return !this.paused && this.skippedInVain.size === 0;
  }

  /** Whether nothing follows any more from changes of its nodes. */
  get isSettled(): boolean {
    return this.toSkip.size + this.skippedInVain.size === 0;
  }
}

/** Ready nodes of one task that have the same labels. */
export class Bucket {
  inTask = -1;
  /** Among the buckets of its labels of all tasks. */
  inSet = -1;
  readonly nodes = new Heap<"readyAt", NodeEntry>("readyAt", nodeGoesFirst);
  readonly task: TaskEntry;
  readonly labels: LabelSet;

  constructor(task: TaskEntry, labels: LabelSet) {
    this.task = task;
    this.labels = labels;
  }
}

/** What labels some nodes have: nodes of the same labels share one set. */
export class LabelSet {
  /** How many nodes have it. */
  nodes = 0;
  /** Their ready nodes, of tasks that are not paused. */
  readonly ready = new Heap<"inSet", Bucket>("inSet", (a, b) => firstOf(a, b, goesFirstOfAll));
  readonly text: string;
  readonly labels: Labels;

  constructor(text: string, labels: Labels) {
    this.text = text;
    this.labels = labels;
  }
}

/** In registration order. */
const comesFirst = (a: NodeEntry, b: NodeEntry): boolean => a.row < b.row;

/** Within a task: by priority, then in registration order. */
const nodeGoesFirst = (a: NodeEntry, b: NodeEntry): boolean =>
  a.state.priority === b.state.priority ? a.row < b.row : a.state.priority > b.state.priority;

/** Among all tasks: theirs first. */
export const goesFirstOfAll = (a: NodeEntry, b: NodeEntry): boolean =>
  a.task.priority === b.task.priority ? nodeGoesFirst(a, b) : a.task.priority > b.task.priority;

function bucketGoesFirst(a: Bucket, b: Bucket): boolean {
  return firstOf(a, b, nodeGoesFirst);
}

/** Compares two that hold nodes by the first of each; one that holds none goes last. */
export function firstOf(
  a: Bucket | undefined,
  b: Bucket | undefined,
  goesBefore: (a: NodeEntry, b: NodeEntry) => boolean,
): boolean {
  const [first, other] = [a?.nodes.first, b?.nodes.first];
  return first !== undefined && (other === undefined || goesBefore(first, other));
}
