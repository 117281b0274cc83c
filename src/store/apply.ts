import type { Effect } from "../core/effects.ts";
import type { NewNode } from "../core/model.ts";
import type { Json } from "../protocol/json.ts";
import type { NodeStatus } from "../protocol/types.ts";
import { countMoves } from "./tables/head.ts";
import type { Tables } from "./tables/open-tables.ts";
import type { Totals } from "./reads.ts";
import { present } from "../protocol/present.ts";

/** What an effect is applied to. */
export interface Target {
  readonly tables: Tables;
  readonly totals: Totals;
  /** The journal's newest row: the effect's own, where it has an entry. */
  readonly seq: number;
}

type Of<Kind extends Effect["kind"]> = Extract<Effect, { kind: Kind }>;
type Appliers = { [Kind in Effect["kind"]]: (effect: Of<Kind>, to: Target) => void };

/** What each effect does to the tables, beside its row of the journal. */
const appliers: Appliers = {
  registerTask({ task, nodes }, to) {
    to.tables.tasks.insert(task, nodes.length);
    insertNodes(task, nodes, task.createdAtMs, to);
    to.totals.tasks++;
  },
  addNodes({ task, nodes, expandBefore, entry }, to) {
    to.tables.tasks.addPending(task.id, nodes.length);
    insertNodes(task, nodes, entry.timestampMs, to);
    const added = nodes.map(({ id }) => id);
    if (expandBefore.length > 0) to.tables.dependencies.extend(expandBefore, added);
  },
  cancelTask({ taskId, error, entry: { timestampMs: nowMs } }, { tables, totals }) {
    const counts = present(tables.tasks.counts(taskId), "the nodes of task", taskId);
    tables.locks.outlive(taskId, nowMs);
    tables.attempts.endAll(taskId, "CANCELED", error, nowMs);
    tables.countings.finishTask(taskId);
    tables.nodes.cancelInVain(taskId, error, nowMs);
    tables.dependencies.countCanceled(taskId);
    tables.nodes.cancel(taskId, error, nowMs);
    tables.tasks.cancel(taskId);
    for (const status of ["PENDING", "RUNNING"] as const) countMoves(totals, status, "FAILED", counts[status]);
  },
  steerTask({ task }, { tables }) {
    tables.tasks.steer(task);
    tables.nodes.repeatTask(task);
  },

  acquireNode({ node, grant, entry }, to) {
    to.tables.leases.acquire(node.id, grant, to.seq, entry.timestampMs);
    move(node, "RUNNING", to);
  },
  changeNode({ node, after, countedMax, entry: { timestampMs: nowMs } }, to) {
    const { attempts, nodes, countings } = to.tables;
    const { attempt } = after;
    if (attempt !== null) attempts.end(node.id, attempt.outcome, attempt.error, nowMs);
    countings.start(nodes.change(node.id, after, nowMs), node.status, after.status, countedMax);
    move(node, after.status, to);
  },
  setNodePriority({ nodeId, priority }, { tables }) {
    tables.nodes.setPriority(nodeId, priority);
  },
  extendNodeLease({ nodeId, expiresAtMs, ttlMs, nowMs }, { tables }) {
    const leaseId = tables.leases.extend(nodeId, expiresAtMs, ttlMs, nowMs);
    if (leaseId !== null) tables.locks.extend(leaseId, expiresAtMs, ttlMs, nowMs);
  },
  setProgress({ nodeId, progress }, { tables }) {
    tables.leases.setProgress(nodeId, progress);
  },
  holdBack({ nodeId, leaseId }, { tables }) {
    tables.ready.holdBack(nodeId, leaseId);
  },
  forgetHeldBack(_effect, { tables }) {
    tables.ready.forgetHeldBack();
  },
  countDependents({ countedMax }, { tables }) {
    tables.countings.goOn(countedMax);
  },

  grantLocks({ grant }, { tables, seq }) {
    for (const key of grant.locks) tables.locks.put(grant, key, seq);
  },
  extendLocks({ leaseId, expiresAtMs, ttlMs, nowMs }, { tables }) {
    tables.locks.extend(leaseId, expiresAtMs, ttlMs, nowMs);
  },
  endLocks({ locks }, { tables }) {
    for (const lock of locks) tables.locks.remove(lock);
    for (const leaseId of new Set(locks.map((lock) => lock.leaseId))) tables.ready.letGo(leaseId);
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
  beginPruning({ leaving: { tasks, strangers, cutSeq, staying }, left }, { tables, totals }) {
    for (const taskId of tasks) {
      const counts = Object.entries(present(tables.tasks.counts(taskId), "the nodes of task", taskId)) as [
        NodeStatus,
        number,
      ][];
      for (const [status, count] of counts) totals.nodes[status] -= count;
    }
    totals.tasks -= tasks.length;
    totals.rows -= left.rows;
    totals.events -= left.events;
    tables.pruning.begin(cutSeq, [...tasks, ...strangers], staying);
  },
  takeOutRows({ gaps, bundles, uptoSeq }, { tables }) {
    tables.pruning.takeOut(gaps, bundles, uptoSeq);
  },
  takeOutNodes({ limit }, { tables }) {
    tables.pruning.takeOutNodes(limit);
  },
  freePages({ pages, last }, { tables }) {
    tables.pruning.giveBack(pages, last);
  },

  shiftDeadlines({ byMs }, { tables }) {
    tables.leases.shiftDeadlines(byMs);
    tables.locks.shiftDeadlines(byMs);
    // A delay is over however the time passed; only a clock set back must not draw it out.
    if (byMs < 0) tables.ready.shiftDelays(byMs);
  },
  renewLeases({ nowMs }, { tables }) {
    tables.leases.renew(nowMs);
    tables.locks.renewLeases(nowMs);
  },
  endDelays({ nowMs, limit }, { tables }) {
    tables.ready.endDelays(nowMs, limit);
  },

  rememberAnswer({ key, answer, nowMs, dropped }, { tables }) {
    tables.idempotency.drop(dropped.untilMs, dropped.limit);
    tables.idempotency.remember(key, answer, nowMs);
  },
};

/** Applies an effect to the tables; its row of the journal is there already. */
export function applyToTables(effect: Effect, to: Target): void {
  // The row of its own kind takes it: a union of functions has no call that says so.
  (appliers[effect.kind] as (effect: Effect, to: Target) => void)(effect, to);
}

function insertNodes(task: Of<"addNodes">["task"], nodes: readonly NewNode[], nowMs: number, to: Target): void {
  const { nodes: table, dependencies: waiting, labels } = to.tables;
  to.totals.nodes.PENDING += nodes.length;
  if (nodes.length === 0) return;
  const own = new Set(nodes.map(({ id }) => id));
  const arriving = nodes.map((node) => {
    const standing = waiting.standing(node.policy.onDependencyFailure, node.dependencies, own);
    return { node, ...standing, labelSet: labels.idOf(node.labels) };
  });
  const first = table.insert(task, arriving, nowMs);
  for (const [index, { dependencies }] of nodes.entries()) waiting.waitFor(first + index, dependencies);
}

function move(node: Of<"changeNode">["node"], to: NodeStatus, { tables, totals }: Target): void {
  countMoves(totals, node.status, to);
  tables.tasks.move(node.taskId, node.status, to);
}
