import fc from "fast-check";
import { defaultPolicy } from "../../../src/core/dag/node-policy.ts";
import type { DependencyPolicy, Labels, NodeStatus } from "../../../src/protocol/types.ts";
import type { NodeEntry, NodeState, StoredNode, TaskEntry } from "../../../src/store/heads/entries.ts";
import { Heads } from "../../../src/store/heads/heads.ts";

/* Tasks and nodes in memory to which anything may happen. */

const labelsOf: readonly Labels[] = [{}, {}, { os: "linux" }, { os: "linux", gpu: "yes" }, { gpu: "yes" }];
const policies: readonly DependencyPolicy[] = ["wait", "skip", "run"];

interface Step {
  what:
    | "task"
    | "nodes"
    | "acquire"
    | "end"
    | "retry"
    | "priority"
    | "delay"
    | "hold"
    | "letGo"
    | "steer"
    | "shift"
    | "extend";
  pick: number;
  other: number;
}
const anyStep: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom(
    ...([
      "task",
      "nodes",
      "nodes",
      "acquire",
      "acquire",
      "end",
      "end",
      "retry",
      "priority",
      "delay",
      "hold",
      "letGo",
    ] as const),
    ...(["steer", "shift", "extend"] as const),
  ),
  pick: fc.nat(1_000),
  other: fc.nat(1_000),
});
/** Steps of one request; undone, or kept; and whether the unit ends after it. */
export const anyRequest = fc.record({
  steps: fc.array(anyStep, { maxLength: 6 }),
  undone: fc.boolean(),
  commits: fc.boolean(),
});

export class World {
  readonly heads = new Heads(() => null);
  readonly tasks = new Map<string, TaskEntry>();
  readonly nodes = new Map<string, { entry: NodeEntry; dependencies: readonly string[] }>();
  #next = 0;

  run(step: Step): void {
    const { what, pick, other } = step;
    if (what === "task") return this.#addTask(pick, other);
    const task = [...this.tasks.values()].at(pick % Math.max(1, this.tasks.size));
    if (task === undefined) return;
    if (what === "nodes") return this.#addNodes(task, pick, other);
    if (what === "steer") return this.heads.steer(task, other % 3, pick % 4 === 0);
    const node = task.nodes.at(other % Math.max(1, task.nodes.length));
    if (node === undefined) return;
    this.#move(step, node);
    this.#keepBack(step, node);
    if (what === "extend" && node.state.status === "PENDING") this.#extend(task, node);
  }

  #move({ what, pick }: Step, node: NodeEntry): void {
    const { heads } = this;
    const { status, waitingOn, failingOn, lease } = node.state;
    if (what === "acquire" && status === "PENDING" && waitingOn === 0) heads.change(node, running(node, pick));
    if (what === "end" && status === "RUNNING") heads.change(node, ended(pick));
    if (what === "end" && status === "PENDING" && failingOn > 0)
      heads.change(node, { status: "FAILED", failure: "skipped", notBeforeMs: null, heldBackBy: null });
    if (what === "retry" && status === "FAILED") heads.change(node, { status: "PENDING", failure: null });
    if (what === "shift" && lease !== null)
      heads.change(node, { lease: { ...lease, expiresAtMs: lease.expiresAtMs + pick - 500 } });
  }

  #keepBack({ what, pick }: Step, node: NodeEntry): void {
    const { heads } = this;
    const isFree = node.state.status === "PENDING";
    if (what === "priority") heads.change(node, { priority: pick % 4 });
    if (what === "delay" && isFree) heads.change(node, { notBeforeMs: pick % 2 === 0 ? null : pick });
    if (what === "hold" && isFree) heads.change(node, { heldBackBy: `lease ${pick % 5}` });
    if (what === "letGo")
      for (const held of heads.heldBackBy(`lease ${pick % 5}`)) heads.change(held, { heldBackBy: null });
  }

  commit(): void {
    this.heads.commit();
    this.forgetGone();
  }

  /** What is not in memory any more, as it was undone or has ended. */
  forgetGone(): void {
    for (const id of this.tasks.keys()) if (this.heads.task(id) === undefined) this.tasks.delete(id);
    for (const id of this.nodes.keys()) if (this.heads.node(id) === undefined) this.nodes.delete(id);
  }

  #addTask(pick: number, other: number): void {
    const row = ++this.#next;
    const task = this.heads.addTask({ row, id: `task ${row}`, priority: pick % 3, paused: other % 5 === 0 });
    this.tasks.set(task.id, task);
  }

  #addNodes(task: TaskEntry, pick: number, other: number): void {
    const known = task.nodes.map(({ state }) => state.id);
    const stored: StoredNode[] = [];
    for (let i = 0; i < 1 + (pick % 4); i++) {
      const row = ++this.#next;
      const dependencies = known.filter((_, at) => (at + pick + i) % 3 === 0).slice(0, 4);
      const id = `node ${row}`;
      const onDependencyFailure = policies[(other + i) % 3] ?? "wait";
      const labels = labelsOf[(pick + i) % labelsOf.length] ?? {};
      stored.push({
        task,
        row,
        labels,
        dependencies,
        state: { ...newNode(id, task.id, onDependencyFailure), priority: other % 3 },
      });
      known.push(id);
    }
    this.heads.addNodes(stored);
    for (const { state, dependencies } of stored) this.#note(state.id, dependencies);
  }

  #extend(task: TaskEntry, node: NodeEntry): void {
    const row = ++this.#next;
    this.heads.addNodes([{ task, row, labels: {}, dependencies: [], state: newNode(`node ${row}`, task.id, "wait") }]);
    this.#note(`node ${row}`, []);
    this.heads.extend([node.state.id], [`node ${row}`]);
    const before = this.nodes.get(node.state.id)?.dependencies ?? [];
    this.#note(node.state.id, [...before, `node ${row}`]);
  }

  #note(id: string, dependencies: readonly string[]): void {
    const entry = this.heads.node(id);
    if (entry === undefined) throw new Error(`${id} is not in memory`);
    this.nodes.set(id, { entry, dependencies });
  }
}

function newNode(id: string, taskId: string, onDependencyFailure: DependencyPolicy): NodeState {
  const none = { lease: null, failure: null, acquiredAtMs: null, notBeforeMs: null, heldBackBy: null };
  const counts = { failedAttempts: 0, lostAttempts: 0, priority: 0, waitingOn: 0, failingOn: 0 };
  return { id, taskId, status: "PENDING", policy: { ...defaultPolicy, onDependencyFailure }, ...none, ...counts };
}

function running({ row }: NodeEntry, pick: number): Partial<NodeState> {
  const lease = {
    id: `lease of ${row}`,
    owner: null,
    expiresAtMs: pick,
    ttlMs: pick % 2 === 0 ? 0 : 5,
    fencingToken: 1,
  };
  return { status: "RUNNING", lease, notBeforeMs: null, heldBackBy: null };
}

function ended(pick: number): Partial<NodeState> {
  const status: NodeStatus = pick % 3 === 0 ? "FAILED" : pick % 3 === 1 ? "COMPLETED" : "PENDING";
  return {
    status,
    lease: null,
    failure: status === "FAILED" ? "error" : null,
    notBeforeMs: status === "PENDING" && pick % 2 === 0 ? pick : null,
  };
}
