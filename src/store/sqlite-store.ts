import { existsSync } from "node:fs";
import type { BundleRecord, BundleStatus } from "../core/bundle.ts";
import type { Entry, JournalHead } from "../core/journal.ts";
import type { LeaseGrant } from "../core/lease.ts";
import type { Lock, LockGrant, NewNode, NodeHead, Progress, Task } from "../core/model.ts";
import type { Transition } from "../core/node.ts";
import type { Json } from "../protocol/json.ts";
import { settings } from "../protocol/settings.ts";
import type { ArchiveHeader, ChainedRow } from "../protocol/chain.ts";
import type { NodeStatus } from "../protocol/types.ts";
import { startArchive } from "./archive.ts";
import { readHeadOf } from "./database.ts";
import { countMoves } from "./head.ts";
import { HeadNote } from "./head-note.ts";
import { latestSchemaVersion } from "./schema.ts";
import type { Gap } from "./pruning.ts";
import type { Archive, LeavingRows, LeavingTasks } from "./pruning-reads.ts";
import type { RememberedAnswer } from "./reads.ts";
import type { Store } from "./store.ts";
import { Transactions } from "./transactions.ts";

const defaultLeaseTtlMs = settings.nodeTimeoutSecs.default * 1000;

/**
 * Opens the SQLite store at `path`, creating, migrating or adopting what is there; leases of an adopted database get
 * `leaseTtlMs`, as the original kept deadlines only.
 *
 * @throws {StorageFailure}
 */
export function openStore(path: string, nowMs: () => number, leaseTtlMs = defaultLeaseTtlMs): Store {
  return new SqliteStore(path, nowMs, leaseTtlMs);
}

/**
 * Opens a backup that nobody has open, to be read as it is.
 *
 * @throws {StorageFailure} when it is no database of this agentd's
 */
export function openBackup(path: string): Store {
  return new SqliteStore(path, () => 0, defaultLeaseTtlMs, { readOnly: true });
}

/**
 * The newest head that is known of a database nobody has open: its own, or the one noted beside it. Null where nothing
 * is, or it cannot be read any more.
 */
export function lastHeadOf(path: string): JournalHead | null {
  const note = new HeadNote(path);
  const noted = note.read();
  note.close();
  const its = existsSync(path) ? readHeadOf(path) : null;
  return its !== null && its.seq > (noted?.seq ?? 0) ? its : noted;
}

/** The domain's words over the tables; each change goes with its journal entry. */
class SqliteStore extends Transactions implements Store {
  readonly schemaVersion = latestSchemaVersion;

  registerTask(task: Task, nodes: readonly NewNode[], entry: Entry): number {
    this.tables.tasks.insert(task, nodes.length);
    this.#insertNodes(task, nodes, task.createdAtMs);
    this.totals.tasks++;
    this.totals.nodes.PENDING += nodes.length;
    return this.append(entry);
  }

  addNodes(task: Task, nodes: readonly NewNode[], expandBefore: readonly string[], entry: Entry): number {
    this.tables.tasks.addPending(task.id, nodes.length);
    this.#insertNodes(task, nodes, entry.timestampMs);
    const added = nodes.map(({ id }) => id);
    if (expandBefore.length > 0) this.tables.dependencies.extend(expandBefore, added);
    this.totals.nodes.PENDING += nodes.length;
    return this.append(entry);
  }

  cancelTask(taskId: string, error: Json, entry: Entry): number {
    const counts = this.tables.tasks.counts(taskId);
    this.tables.locks.outlive(taskId, entry.timestampMs);
    this.tables.attempts.endAll(taskId, "CANCELED", error, entry.timestampMs);
    this.tables.countings.finishTask(taskId);
    this.tables.nodes.cancelInVain(taskId, error, entry.timestampMs);
    this.tables.dependencies.countCanceled(taskId);
    this.tables.nodes.cancel(taskId, error, entry.timestampMs);
    this.tables.tasks.cancel(taskId);
    for (const status of ["PENDING", "RUNNING"] as const) {
      countMoves(this.totals, status, "FAILED", counts?.[status] ?? 0);
    }
    return this.append(entry);
  }

  steerTask(task: Task, entry: Entry): number {
    this.tables.tasks.steer(task);
    this.tables.nodes.repeatTask(task);
    return this.append(entry);
  }

  countDependents() {
    return this.tables.countings.goOn();
  }

  endDelays(nowMs: number, limit: number) {
    return this.tables.ready.endDelays(nowMs, limit);
  }

  holdBack(nodeId: string, leaseId: string): void {
    this.tables.ready.holdBack(nodeId, leaseId);
  }

  forgetHeldBack(): void {
    this.tables.ready.forgetHeldBack();
  }

  acquireNode(node: NodeHead, grant: LeaseGrant, entry: Entry): number {
    const fencingToken = this.append(entry);
    this.tables.leases.acquire(node.id, grant, fencingToken, entry.timestampMs);
    this.#move(node, "RUNNING");
    return fencingToken;
  }

  changeNode({ node, after, entry }: Transition): number {
    const { attempt } = after;
    if (attempt !== null) this.tables.attempts.end(node.id, attempt.outcome, attempt.error, entry.timestampMs);
    const row = this.tables.nodes.change(node.id, after, entry.timestampMs);
    this.tables.countings.start(row, node.status, after.status);
    this.#move(node, after.status);
    return this.append(entry);
  }

  setNodePriority(nodeId: string, priority: number, entry: Entry): number {
    this.tables.nodes.setPriority(nodeId, priority);
    return this.append(entry);
  }

  setProgress(nodeId: string, progress: Progress): void {
    this.tables.leases.setProgress(nodeId, progress);
  }

  extendNodeLease(nodeId: string, expiresAtMs: number, ttlMs: number, nowMs: number): void {
    const leaseId = this.tables.leases.extend(nodeId, expiresAtMs, ttlMs, nowMs);
    if (leaseId !== null) this.tables.locks.extend(leaseId, expiresAtMs, ttlMs, nowMs);
  }

  beginEpoch(seq: number, entry: Entry): number {
    return this.append(entry, seq);
  }

  appendEvent(entry: Entry): number {
    return this.append(entry);
  }

  grantLocks(grant: LockGrant, entry: Entry): number {
    const fencingToken = this.append(entry);
    for (const key of grant.locks) this.tables.locks.put(grant, key, fencingToken);
    return fencingToken;
  }

  extendLocks(leaseId: string, expiresAtMs: number, ttlMs: number, nowMs: number): void {
    this.tables.locks.extend(leaseId, expiresAtMs, ttlMs, nowMs);
  }

  endLocks(locks: readonly Lock[], entry: Entry): number {
    for (const lock of locks) this.tables.locks.remove(lock);
    for (const leaseId of new Set(locks.map((lock) => lock.leaseId))) this.tables.ready.letGo(leaseId);
    return this.append(entry);
  }

  submitBundle(bundle: BundleRecord, paths: readonly string[], entry: Entry): number {
    const seq = this.append(entry);
    this.tables.bundles.insert(bundle, paths, seq);
    return seq;
  }

  decideBundle(bundleId: string, status: BundleStatus, entry: Entry): number {
    const { bundle_id: _, status: __, ...decision } = entry.payload as Record<string, Json>;
    const seq = this.append(entry);
    this.tables.bundles.decide(bundleId, status, seq, entry.timestampMs, decision);
    return seq;
  }

  startArchive(directory: string, name: string, header: Omit<ArchiveHeader, "agentd_archive">): Archive {
    return startArchive(directory, name, header);
  }

  beginPruning({ tasks, strangers, cutSeq, staying }: LeavingTasks, left: LeavingRows, entry: Entry): number {
    const { totals } = this;
    for (const taskId of tasks) {
      const counts = Object.entries(this.tables.tasks.counts(taskId) ?? {}) as [NodeStatus, number][];
      for (const [status, count] of counts) totals.nodes[status] -= count;
    }
    totals.tasks -= tasks.length;
    totals.rows -= left.rows;
    totals.events -= left.events;
    this.tables.pruning.begin(cutSeq, [...tasks, ...strangers], staying);
    return this.append(entry);
  }

  takeOutRows(rows: readonly ChainedRow[], bundles: readonly string[], uptoSeq: number): void {
    const gaps: Gap[] = [];
    for (const { row, hash } of rows) {
      const gap = gaps.at(-1);
      if (gap?.lastSeq === row.seq - 1) Object.assign(gap, { lastSeq: row.seq, hash });
      else gaps.push({ firstSeq: row.seq, lastSeq: row.seq, hash });
    }
    this.tables.pruning.takeOut(gaps, bundles, uptoSeq);
  }

  goOnPruning(): boolean {
    const { pruning } = this.tables;
    const stage = pruning.current()?.stage;
    if (stage === "rows") pruning.enter("nodes");
    else if (stage === "nodes" && !pruning.takeOutNodes()) pruning.enter("pages");
    else if (stage === "pages") return pruning.freePages();
    return stage !== undefined;
  }

  shiftDeadlines(byMs: number): void {
    this.tables.leases.shiftDeadlines(byMs);
    this.tables.locks.shiftDeadlines(byMs);
    // A delay is over however the time passed; only a clock set back must not draw it out.
    if (byMs < 0) this.tables.ready.shiftDelays(byMs);
  }

  renewLeases(nowMs: number): void {
    this.tables.leases.renew(nowMs);
    this.tables.locks.renewLeases(nowMs);
  }

  rememberAnswer(key: string, answer: RememberedAnswer, nowMs: number): void {
    this.tables.idempotency.remember(key, answer, nowMs);
  }

  #insertNodes(task: Task, nodes: readonly NewNode[], nowMs: number): void {
    const { nodes: table, dependencies: waiting, labels } = this.tables;
    const own = new Set(nodes.map(({ id }) => id));
    const arriving = nodes.map((node) => {
      const standing = waiting.standing(node.policy.onDependencyFailure, node.dependencies, own);
      return { node, ...standing, labelSet: labels.idOf(node.labels) };
    });
    const first = nodes.length === 0 ? 0 : table.insert(task, arriving, nowMs);
    for (const [index, { dependencies }] of nodes.entries()) waiting.waitFor(first + index, dependencies);
  }

  #move(node: NodeHead, to: NodeStatus): void {
    countMoves(this.totals, node.status, to);
    this.tables.tasks.move(node.taskId, node.status, to);
  }
}
