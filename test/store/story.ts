import { locksEnded, movedNode, nodeChanged } from "../../src/core/effects.ts";
import { isRefusal } from "../../src/core/decision.ts";
import type { ClientEntry, JournalRow } from "../../src/core/journal/journal.ts";
import { expireLocks, grantLocks } from "../../src/core/locks/lock.ts";
import type { Lock, LockGrant, NewNode, NodeHead, Task } from "../../src/core/model.ts";
import { acquireNode, completeNode, failNode, expireNode } from "../../src/core/dag/node.ts";
import { readResourceKey } from "../../src/core/locks/resource-key.ts";
import { registerTask } from "../../src/core/dag/task.ts";
import type { Json } from "../../src/protocol/json.ts";
import type { LockMode } from "../../src/protocol/types.ts";
import type { Store } from "../../src/store/store.ts";
import { newNode, newTask } from "../support/specimen.ts";

/*
 * What tests of a store tell it, each in one short call and in one transaction of its own unless it runs inside
 * `within`. Ids are short names: a store does not care how they look.
 */

/** Runs `work` in one transaction, and commits it. */
export function within<T>(store: Store, work: () => T): T {
  store.begin();
  const result = work();
  store.commit();
  return result;
}

/** `{ b: ["a"] }`: b depends on a. */
export type Graph = Record<string, readonly string[]>;

export function register(store: Store, id: string, graph: Graph, createdAtMs = 1): Task {
  const nodes = Object.entries(graph).map(([nodeId, dependencies]) => ({
    id: nodeId,
    dependencies: [...dependencies],
  }));
  return registerNodes(store, newTask({ id, goal: `goal of ${id}`, context: { of: id }, createdAtMs }), nodes);
}

/** As `register`, for nodes and a task that are more than their edges. */
export function registerNodes(store: Store, task: Task, wanted: readonly Partial<NewNode>[]): Task {
  const nodes = wanted.map((node) => newNode({ payloadSchema: { for: node.id ?? null }, ...node }));
  store.apply({ kind: "registerTask", task, nodes, entry: registerTask(task, nodes) });
  return task;
}

function headOf(store: Store, nodeId: string): NodeHead {
  const head = store.reads.nodes.head(nodeId);
  if (head === null) throw new Error(`there is no node ${nodeId}`);
  return head;
}

/** Gives the node to `lease of <id>` until `expiresAtMs`; its fencing token. */
export function acquire(store: Store, nodeId: string, { expiresAtMs = 100, ttlMs = 50, nowMs = 2 } = {}): number {
  const grant = { id: `lease of ${nodeId}`, owner: "ann", expiresAtMs, ttlMs };
  const node = headOf(store, nodeId);
  return store.apply({ kind: "acquireNode", node: movedNode(node), grant, entry: acquireNode(node, grant, nowMs) });
}

const claimOf = ({ id, taskId }: NodeHead) => ({ taskId, nodeId: id, leaseId: `lease of ${id}` });

export function complete(store: Store, nodeId: string, result: Json = { by: nodeId }): number {
  const node = headOf(store, nodeId);
  const transition = completeNode(node, claimOf(node), result, `end of ${nodeId}`, 3);
  if (isRefusal(transition)) throw new Error(transition.message);
  return store.apply(nodeChanged(transition));
}

/** `random` of the longest pause is waited, where attempts are left. */
export function fail(store: Store, nodeId: string, error: Json = "why", random = 0): number {
  const node = headOf(store, nodeId);
  const transition = failNode(node, claimOf(node), error, `end of ${nodeId}`, 3, random);
  if (isRefusal(transition)) throw new Error(transition.message);
  return store.apply(nodeChanged(transition));
}

export function rollBack(store: Store, nodeId: string): number {
  return store.apply(nodeChanged(expireNode(headOf(store, nodeId), 0, `roll-back of ${nodeId}`, 4)));
}

/** Appends an event: a client's, unless it says otherwise. */
export function tell(store: Store, event: Partial<JournalRow> = {}): number {
  const story = { id: "event", taskId: null, nodeId: null, actionType: "told", payload: null, timestampMs: 5 };
  // A store does not care what an entry tells.
  const entry = { ...story, origin: "client", ...event } as ClientEntry;
  return store.apply({ kind: "appendEvent", entry });
}

/** The global scope's one lock on this key, with all it carries. */
export function lockOn({ reads: { locks } }: Store, resourceKey: string): Lock | null {
  const [head] = locks.on("", resourceKey);
  return head === undefined ? null : { ...head, metadata: locks.metadata(head, Infinity)?.told?.json ?? null };
}

export const allLocks = ({ reads }: Pick<Store, "reads">) => reads.locks.list(0, { rows: 100_000, chars: Infinity });

export interface LockStory {
  expiresAtMs?: number;
  ttlMs?: number;
  mode?: LockMode;
  scope?: string;
  leaseId?: string;
  ofNode?: NodeHead;
}

/** Gives the key to `lease of <key>`, or another; its fencing token. */
export function lock(store: Store, resourceKey: string, story: LockStory = {}): number {
  const { expiresAtMs = 100, ttlMs = 50, mode = "exclusive", scope = "", ofNode } = story;
  const { normal: normalKey } = readResourceKey(resourceKey, { ignoreCase: false, scope: "global" });
  const grant: LockGrant = {
    locks: [{ resourceKey, normalKey, scope, mode, ignoreCase: false }],
    leaseId: story.leaseId ?? `lease of ${resourceKey}`,
    owner: "ann",
    provider: null,
    taskId: ofNode?.taskId ?? null,
    nodeId: ofNode?.id ?? null,
    metadata: { m: 1 },
    endsWithNode: ofNode !== undefined,
    acquiredAtMs: 2,
    expiresAtMs,
    ttlMs,
  };
  return store.apply({ kind: "grantLocks", grant, entry: grantLocks(grant, []) });
}

export function unlock(store: Store, resourceKey: string): number {
  const held = lockOn(store, resourceKey);
  if (held === null) throw new Error(`nobody holds ${resourceKey}`);
  return store.apply(locksEnded([held], expireLocks([held], 6)));
}

/** More than any test writes. */
export const everything = { rows: 100_000, chars: Number.MAX_SAFE_INTEGER };

/** Head and totals, counted from the tables themselves. */
export function recount(store: Store) {
  const journal = store.reads.journal.slice(0, everything);
  const nodes = { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 };
  for (const { status } of store.reads.verification.nodes(0, everything)) nodes[status]++;
  const last = journal.at(-1);
  const events = journal.filter(({ row: { id, taskId, origin, actionType } }) => {
    return (
      id !== null &&
      taskId !== null &&
      (origin === "client" || actionType === "COMPLETE_NODE" || actionType === "FAIL_NODE")
    );
  });
  return {
    head: { seq: last?.row.seq ?? 0, hash: last?.hash ?? "0".repeat(64) },
    totals: {
      tasks: store.reads.verification.tasks(0, everything).length,
      rows: journal.length,
      events: events.length,
      nodes,
    },
  };
}

export const asTold = ({ reads: { head, totals } }: Store) => ({
  head: { ...head },
  totals: { ...totals, nodes: { ...totals.nodes } },
});
