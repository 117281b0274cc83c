import type { Effect } from "../core/effects.ts";
import type { HeldKey, Lease, LockGrant, LockHead, NewNode } from "../core/model.ts";
import { present } from "../protocol/present.ts";
import type { Json } from "../protocol/json.ts";
import type { NodeStatus } from "../protocol/types.ts";
import type { FreshState, NodeEntry, NodeState } from "./heads/entries.ts";
import type { Heads } from "./heads/heads.ts";
import type { LockEntry } from "./heads/held-locks.ts";
import { nodeInMemory, taskInMemory } from "./heads/loading.ts";
import { countMoves } from "./tables/head.ts";
import type { Tables } from "./tables/open-tables.ts";
import type { Totals } from "./reads.ts";

/** What an effect is applied to. */
export interface Target {
  readonly tables: Tables;
  readonly heads: Heads;
  readonly totals: Totals;
  /** The journal's newest row: the effect's own, where it has an entry. */
  readonly seq: number;
}

type Of<Kind extends Effect["kind"]> = Extract<Effect, { kind: Kind }>;
type Appliers = { [Kind in Effect["kind"]]: (effect: Of<Kind>, to: Target) => void };

/** What each effect does to the tables and to the heads in memory, beside its row of the journal. */
const appliers: Appliers = {
  registerTask({ task, nodes }, to) {
    const { id, priority, paused } = task;
    to.heads.addTask({ row: to.tables.tasks.insert(task), id, priority, paused });
    insertNodes(id, nodes, task.createdAtMs, to);
    to.totals.tasks++;
  },
  addNodes({ task, nodes, expandBefore, entry }, to) {
    taskInMemory(task.id, to.heads, to.tables);
    insertNodes(task.id, nodes, entry.timestampMs, to);
    if (expandBefore.length === 0) return;
    const added = nodes.map(({ id }) => id);
    const waiting = expandBefore.map((id) => nodeInMemory({ id, taskId: task.id }, to.heads, to.tables));
    to.tables.nodes.extend(rowsOf(waiting), added);
    to.heads.extend(expandBefore, added);
  },
  cancelTask({ taskId, error, entry: { timestampMs: nowMs } }, to) {
    const { tables, heads } = to;
    const open = taskInMemory(taskId, heads, tables).nodes.filter(
      (node) => node.state.status === "PENDING" || node.state.status === "RUNNING" || node.followsAt >= 0,
    );
    outlive(heads.locks.ofNodes(taskId), nowMs, to);
    tables.attempts.endAll(taskId, "CANCELED", error, nowMs);
    tables.nodes.cancel(rowsOf(open), error, nowMs);
    for (const node of open) move(node, { status: "FAILED", failure: "canceled", ...over }, to);
  },
  steerTask({ task: { id, priority, paused } }, { tables, heads }) {
    tables.tasks.steer({ id, priority, paused });
    const task = heads.task(id);
    if (task !== undefined) heads.steer(task, priority, paused);
  },

  acquireNode({ node, grant, entry: { timestampMs: nowMs } }, to) {
    const its = nodeInMemory(node, to.heads, to.tables);
    if (its.state.status !== "PENDING") throw new Error(`PENDING node ${node.id} is not there to be acquired`);
    to.tables.leases.acquire(its.row, grant, to.seq, nowMs);
    const lease = { ...grant, fencingToken: to.seq };
    move(its, { status: "RUNNING", lease, acquiredAtMs: nowMs, heldBackBy: null }, to);
  },
  changeNode({ node, after, entry: { timestampMs: nowMs } }, to) {
    const its = nodeInMemory(node, to.heads, to.tables);
    const { attempt, status, failure, failedAttempts, lostAttempts, notBeforeMs } = after;
    if (attempt !== null) to.tables.attempts.end(its.row, attempt.outcome, attempt.error, nowMs);
    to.tables.nodes.change(its.row, after, nowMs);
    const acquiredAtMs = status === "PENDING" ? null : its.state.acquiredAtMs;
    move(its, { ...over, status, failure, failedAttempts, lostAttempts, notBeforeMs, acquiredAtMs }, to);
  },
  setNodePriority({ nodeId, priority, entry: { taskId } }, { tables, heads }) {
    const its = nodeInMemory({ id: nodeId, taskId: present(taskId, "the task of a node") }, heads, tables);
    tables.nodes.setPriority(its.row, priority);
    heads.change(its, { priority });
  },
  extendNodeLease({ nodeId, expiresAtMs, ttlMs, nowMs }, to) {
    const { tables, heads } = to;
    const its = running(nodeId, heads);
    tables.leases.extend(its.row, expiresAtMs, ttlMs, nowMs);
    heads.change(its, { lease: { ...its.state.lease, expiresAtMs, ttlMs } });
    if (its.state.lease.id !== null) extendLocks(its.state.lease.id, { expiresAtMs, ttlMs, updatedAtMs: nowMs }, to);
  },
  setProgress({ nodeId, progress }, { tables, heads }) {
    tables.leases.setProgress(running(nodeId, heads).row, progress);
  },
  holdBack({ nodeId, leaseId }, { heads }) {
    heads.change(present(heads.node(nodeId), "node", nodeId), { heldBackBy: leaseId });
  },
  forgetHeldBack(_effect, { heads }) {
    for (const node of heads.heldBack) heads.change(node, { heldBackBy: null });
  },

  grantLocks({ grant }, to) {
    for (const key of grant.locks) grantLock(grant, key, to);
  },
  extendLocks({ leaseId, expiresAtMs, ttlMs, nowMs }, to) {
    extendLocks(leaseId, { expiresAtMs, ttlMs, updatedAtMs: nowMs }, to);
  },
  endLocks({ locks }, { tables, heads }) {
    for (const lock of locks) {
      const held = present(heads.locks.held(lock), "a lock of lease", lock.leaseId);
      tables.locks.remove(held.row);
      heads.locks.remove(held);
    }
    // What the lease kept from being handed out may be tried again.
    for (const leaseId of new Set(locks.map((lock) => lock.leaseId)))
      for (const node of heads.heldBackBy(leaseId)) heads.change(node, { heldBackBy: null });
  },

  submitBundle({ bundle, paths }, { tables, seq }) {
    tables.bundles.insert(bundle, paths, seq);
  },
  decideBundle({ bundleId, status, entry }, { tables, seq }) {
    const { bundle_id: _, status: __, ...decision } = entry.payload as Record<string, Json>;
    tables.bundles.decide(bundleId, status, seq, entry.timestampMs, decision);
  },

  appendEvent: () => undefined,
  beginEpoch: () => undefined,
  beginPruning({ leaving: { tasks, strangers, cutSeq, staying }, left }, { tables, heads, totals }) {
    for (const taskId of tasks) {
      const counts = Object.entries(present(tables.tasks.counts(taskId), "the nodes of task", taskId)) as [
        NodeStatus,
        number,
      ][];
      for (const [status, count] of counts) totals.nodes[status] -= count;
    }
    for (const taskId of [...tasks, ...strangers]) {
      // One that ended with nodes that wait for ever is in memory still.
      const task = heads.task(taskId);
      if (task !== undefined) heads.remove(task);
    }
    totals.tasks -= tasks.length;
    totals.rows -= left.rows;
    totals.events -= left.events;
    tables.pruning.begin(cutSeq, [...tasks, ...strangers], staying);
    heads.prune(true);
  },
  takeOutRows({ gaps, bundles, uptoSeq }, { tables }) {
    tables.pruning.takeOut(gaps, bundles, uptoSeq);
  },
  takeOutNodes({ limit }, { tables }) {
    tables.pruning.takeOutNodes(limit);
  },
  freePages({ pages, last }, { tables, heads }) {
    tables.pruning.giveBack(pages, last);
    if (last) heads.prune(false);
  },

  shiftDeadlines({ byMs }, { tables, heads }) {
    const leased = [...heads.running];
    tables.leases.shiftDeadlines(rowsOf(leased), byMs);
    for (const node of leased) extend(node, (lease) => lease.expiresAtMs + byMs, heads);
    tables.locks.shiftDeadlines(byMs);
    for (const lock of heads.locks.all) heads.locks.change(lock, { expiresAtMs: lock.state.expiresAtMs + byMs });
    // A delay is over however the time passed; only a clock set back must not draw it out.
    if (byMs >= 0) return;
    const delayed = [...heads.deadlines.delayed];
    tables.nodes.shiftDelays(rowsOf(delayed), byMs);
    for (const node of delayed) heads.change(node, { notBeforeMs: (node.state.notBeforeMs ?? 0) + byMs });
  },
  renewLeases({ nowMs }, { tables, heads }) {
    const leased = [...heads.running].filter(({ state }) => state.lease?.ttlMs !== 0);
    tables.leases.renew(rowsOf(leased), nowMs);
    for (const node of leased) extend(node, (lease) => nowMs + lease.ttlMs, heads);
    tables.locks.renewLeases(nowMs);
    for (const lock of heads.locks.all)
      if (lock.state.ttlMs > 0) heads.locks.change(lock, { expiresAtMs: nowMs + lock.state.ttlMs });
  },
  endDelays({ nowMs, limit }, { tables, heads }) {
    for (let ended = 0; ended < limit; ended++) {
      const node = heads.deadlines.delayedUntil(nowMs);
      if (node === undefined) return;
      tables.nodes.endDelay(node.row);
      heads.change(node, { notBeforeMs: null });
    }
  },

  rememberAnswer({ key, answer, nowMs, dropped }, { tables }) {
    tables.idempotency.drop(dropped.untilMs, dropped.limit);
    tables.idempotency.remember(key, answer, nowMs);
  },
};

/** Applies an effect to the tables and to what is in memory; its row of the journal is there already. */
export function applyEffect(effect: Effect, to: Target): void {
  // The row of its own kind takes it: a union of functions has no call that says so.
  (appliers[effect.kind] as (effect: Effect, to: Target) => void)(effect, to);
}

/** What stands on a node only while it waits for a worker, or has one. */
const over = { lease: null, notBeforeMs: null, heldBackBy: null } as const;

const rowsOf = (entries: readonly { row: number }[]): number[] => entries.map(({ row }) => row);

function running(nodeId: string, heads: Heads): NodeEntry & { state: { lease: Lease } } {
  const its = heads.node(nodeId);
  if (its === undefined || !isLeased(its)) throw new Error(`RUNNING node ${nodeId} is not there to be changed`);
  return its;
}

const isLeased = (node: NodeEntry): node is NodeEntry & { state: { lease: Lease } } => node.state.lease !== null;

function extend(node: NodeEntry, until: (lease: Lease) => number, heads: Heads): void {
  const lease = present(node.state.lease, "the lease of node", node.state.id);
  heads.change(node, { lease: { ...lease, expiresAtMs: until(lease) } });
}

/** A key that its lease holds already keeps its place and its first spelling. */
function grantLock(grant: LockGrant, key: HeldKey, { tables, heads, seq }: Target): void {
  const { locks: _, metadata, ...granted } = grant;
  const held = heads.locks.held({ ...key, leaseId: grant.leaseId });
  const metadataBytes = Buffer.byteLength(JSON.stringify(metadata));
  const now = { metadataBytes, fencingToken: seq, updatedAtMs: grant.acquiredAtMs };
  if (held === undefined) {
    const row = tables.locks.insert(grant, key, seq);
    heads.locks.add({ row, state: { ...key, ...granted, ...now } });
    return;
  }
  tables.locks.regrant(held.row, grant, key, seq);
  const { taskId, nodeId, endsWithNode } = grant;
  heads.locks.change(held, { mode: key.mode, taskId, nodeId, endsWithNode, ...now });
}

function extendLocks(
  leaseId: string,
  change: Pick<LockHead, "expiresAtMs" | "ttlMs" | "updatedAtMs">,
  { tables, heads }: Target,
): void {
  const locks = heads.locks.ofLease(leaseId);
  if (locks.length === 0) return;
  tables.locks.extend(rowsOf(locks), change.expiresAtMs, change.ttlMs, change.updatedAtMs);
  for (const lock of locks) heads.locks.change(lock, change);
}

/** Locks of nodes that run no more are over. */
function outlive(locks: readonly LockEntry[], nowMs: number, { tables, heads }: Target): void {
  if (locks.length === 0) return;
  tables.locks.outlive(rowsOf(locks), nowMs);
  for (const lock of locks) heads.locks.change(lock, { endsWithNode: false, expiresAtMs: nowMs, ttlMs: 0 });
}

function insertNodes(taskId: string, nodes: readonly NewNode[], nowMs: number, to: Target): void {
  to.totals.nodes.PENDING += nodes.length;
  if (nodes.length === 0) return;
  const task = taskInMemory(taskId, to.heads, to.tables);
  const own = new Set(nodes.map(({ id }) => id));
  for (const id of nodes.flatMap(({ dependencies }) => dependencies))
    if (!own.has(id)) present(to.heads.node(id), "dependency", id);
  const first = to.tables.nodes.insert(taskId, nodes, nowMs);
  to.heads.addNodes(nodes.map((node, index) => ({ ...node, task, row: first + index, state: newState(taskId, node) })));
}

function newState(taskId: string, { id, priority, policy }: NewNode): FreshState {
  return {
    id,
    taskId,
    status: "PENDING",
    lease: null,
    policy,
    failedAttempts: 0,
    lostAttempts: 0,
    failure: null,
    priority,
    acquiredAtMs: null,
    notBeforeMs: null,
    heldBackBy: null,
    waitingOn: 0,
    failingOn: 0,
  };
}

function move(
  node: NodeEntry,
  change: Partial<NodeState> & Pick<NodeState, "status">,
  { heads, totals }: Target,
): void {
  countMoves(totals, node.state.status, change.status);
  heads.change(node, change);
}
