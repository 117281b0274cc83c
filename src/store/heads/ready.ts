import { present } from "../../protocol/present.ts";
import type { Labels } from "../../protocol/types.ts";
import { Bucket, firstOf, goesFirstOfAll, type NodeEntry, type TaskEntry } from "./entries.ts";
import { Heap } from "./heap.ts";
import type { LabelSets } from "./label-sets.ts";

/**
 * Which node is handed out next: the first of a heap, whoever asks. A task's ready nodes stand in one bucket for each set
 * of labels; buckets are ordered by their first nodes, within their task and within all of the same labels, and tasks by
 * their first buckets.
 */
export class ReadyNodes {
  readonly #tasks = new Heap<"readyAt", TaskEntry>("readyAt", (a, b) =>
    firstOf(a.ready.first, b.ready.first, goesFirstOfAll),
  );
  readonly #sets: LabelSets;

  constructor(sets: LabelSets) {
    this.#sets = sets;
  }

  /** Of the task, or of any: by task priority, node priority, and registration order; only with all these labels. */
  next(task: TaskEntry | null, labels: Labels): NodeEntry | undefined {
    if (task?.isOpen === false) return undefined;
    if (Object.keys(labels).length > 0) return this.#nextLabelled(task, labels);
    const bucket = task === null ? this.#tasks.first?.ready.first : task.ready.first;
    return bucket?.nodes.first;
  }

  /** A node is ready, or goes before others than it did. */
  put(node: NodeEntry): void {
    const bucket = node.task.buckets.get(node.labels) ?? new Bucket(node.task, node.labels);
    const { first } = bucket.nodes;
    bucket.nodes.put(node);
    // Behind the first it changes nothing for the bucket's place.
    if (first !== bucket.nodes.first || first === node) this.#place(bucket);
  }

  /** A node is ready no more. */
  remove(node: NodeEntry): void {
    if (node.readyAt < 0) return;
    const bucket = present(node.task.buckets.get(node.labels), "the bucket of a ready node");
    const { first } = bucket.nodes;
    bucket.nodes.remove(node);
    if (first === node) this.#place(bucket);
  }

  /** The task was paused or resumed, has another priority, or is settled. */
  order(task: TaskEntry): void {
    for (const bucket of task.buckets.values()) this.#place(bucket);
  }

  #place(bucket: Bucket): void {
    const { task, labels } = bucket;
    const isEmpty = bucket.nodes.size === 0;
    if (isEmpty) task.buckets.delete(labels);
    else task.buckets.set(labels, bucket);
    place(task.ready, bucket, !isEmpty);
    place(labels.ready, bucket, !isEmpty && task.isOpen);
    place(this.#tasks, task, task.ready.size > 0 && task.isOpen);
  }

  #nextLabelled(task: TaskEntry | null, labels: Labels): NodeEntry | undefined {
    let first: NodeEntry | undefined;
    for (const set of this.#sets.having(labels)) {
      const node = task === null ? set.ready.first?.nodes.first : task.buckets.get(set)?.nodes.first;
      if (node !== undefined && (first === undefined || goesFirstOfAll(node, first))) first = node;
    }
    return first;
  }
}

function place<Slot extends string, T extends Record<Slot, number>>(heap: Heap<Slot, T>, item: T, isIn: boolean): void {
  if (isIn) heap.put(item);
  else heap.remove(item);
}
