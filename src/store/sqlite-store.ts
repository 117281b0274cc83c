import { taskState } from "../core/dag.ts";
import type { Entry, HashedRow, JournalFilter } from "../core/journal.ts";
import type { LockRequest, NewNode, Task } from "../core/model.ts";
import type { LeaseGrant, Transition } from "../core/node.ts";
import type { Json } from "../protocol/json.ts";
import type { NodeStatus } from "../protocol/types.ts";
import { countMove } from "./head.ts";
import { hashOf } from "./journal.ts";
import { latestSchemaVersion } from "./schema.ts";
import type { PageBounds, RememberedAnswer, Store, TaskSummary } from "./store.ts";
import { Transactions } from "./transactions.ts";

/** Opens the SQLite store at `path`, creating, migrating or adopting what is there. @throws {StorageFailure} */
export function openStore(path: string, nowMs: () => number): Store {
  return new SqliteStore(path, nowMs);
}

/** The domain's words over the tables; each change goes with its journal entry. */
class SqliteStore extends Transactions implements Store {
  readonly schemaVersion = latestSchemaVersion;

  registerTask(task: Task, nodes: readonly NewNode[], entry: Entry): number {
    this.tables.tasks.insert(task);
    this.tables.nodes.insert(task.id, nodes, task.createdAtMs);
    this.totals.tasks++;
    this.totals.nodes.PENDING += nodes.length;
    return this.append(entry);
  }

  task(taskId: string) {
    return this.tables.tasks.find(taskId);
  }

  nodeExists(nodeId: string) {
    return this.tables.nodes.exists(nodeId);
  }

  taskSummary(taskId: string): TaskSummary | null {
    if (this.tables.tasks.find(taskId) === null) return null;
    const counts: Partial<Record<NodeStatus, number>> = {};
    for (const { status, count } of this.tables.nodes.counts(taskId)) counts[status] = count;
    const runnable = this.tables.nodes.hasRunnable(taskId);
    const state = taskState({ running: "RUNNING" in counts, runnable, failed: "FAILED" in counts });
    return { state, counts };
  }

  listTasks(beforeTaskId: string | null, limit: number) {
    return this.tables.tasks.list(beforeTaskId, limit);
  }

  nodeHead(nodeId: string) {
    return this.tables.nodes.head(nodeId);
  }

  nodesOf(taskId: string) {
    return this.tables.nodes.ofTask(taskId);
  }

  nextRunnable(taskId: string) {
    return this.tables.nodes.firstRunnable(taskId);
  }

  resultOf(nodeId: string) {
    return this.tables.nodes.result(nodeId);
  }

  expiredNodes(taskId: string, nowMs: number) {
    return this.tables.nodes.expired(taskId, nowMs);
  }

  dueNodes(nowMs: number, limit: number) {
    return this.tables.nodes.due(nowMs, limit);
  }

  acquireNode({ node, entry }: Transition, grant: LeaseGrant): number {
    const fencingToken = this.append(entry);
    this.tables.nodes.acquire(node.id, grant, fencingToken, entry.timestampMs);
    countMove(this.totals, node.status, "RUNNING");
    return fencingToken;
  }

  rollBackNode({ node, entry }: Transition): number {
    this.tables.nodes.rollBack(node.id, entry.timestampMs);
    countMove(this.totals, node.status, "PENDING");
    return this.append(entry);
  }

  completeNode({ node, entry }: Transition, result: Json): number {
    this.tables.nodes.complete(node.id, result, entry.timestampMs);
    countMove(this.totals, node.status, "COMPLETED");
    return this.append(entry);
  }

  failNode({ node, entry }: Transition, error: Json): number {
    this.tables.nodes.fail(node.id, error, entry.timestampMs);
    countMove(this.totals, node.status, "FAILED");
    return this.append(entry);
  }

  extendNodeLease(nodeId: string, expiresAtMs: number, nowMs: number): void {
    this.tables.nodes.extendLease(nodeId, expiresAtMs, nowMs);
  }

  appendEvent(entry: Entry): number {
    return this.append(entry);
  }

  oldestSeq() {
    return this.tables.journal.oldestSeq();
  }

  taskEvents(taskId: string, limit: number) {
    return this.tables.journal.newestEvents(taskId, limit);
  }

  journalPage(filter: JournalFilter, afterSeq: number, bounds: PageBounds) {
    return this.tables.journal.page(filter, afterSeq, this.head.seq, bounds);
  }

  lock(resourceKey: string) {
    return this.tables.locks.find(resourceKey);
  }

  locks() {
    return this.tables.locks.all();
  }

  dueLocks(nowMs: number, limit: number) {
    return this.tables.locks.due(nowMs, limit);
  }

  putLock(lock: LockRequest, entry: Entry): number {
    const fencingToken = this.append(entry);
    this.tables.locks.put(lock, fencingToken);
    return fencingToken;
  }

  extendLock(resourceKey: string, expiresAtMs: number, ttlMs: number, nowMs: number): void {
    this.tables.locks.extend(resourceKey, expiresAtMs, ttlMs, nowMs);
  }

  removeLock(resourceKey: string, entry: Entry): number {
    this.tables.locks.remove(resourceKey);
    return this.append(entry);
  }

  countLeases(nowMs: number) {
    const locks = this.tables.locks.count(nowMs);
    return {
      running: this.totals.nodes.RUNNING,
      expiredRunning: this.tables.nodes.countExpired(nowMs),
      locks: locks.all,
      expiredLocks: locks.expired,
    };
  }

  nextDeadlineMs(): number | null {
    const node = this.tables.nodes.nextDeadlineMs();
    const lock = this.tables.locks.nextDeadlineMs();
    return node === null || lock === null ? (node ?? lock) : Math.min(node, lock);
  }

  shiftDeadlines(byMs: number): void {
    this.tables.nodes.shiftDeadlines(byMs);
    this.tables.locks.shiftDeadlines(byMs);
  }

  renewLeases(nowMs: number): void {
    this.tables.nodes.renewLeases(nowMs);
    this.tables.locks.renewLeases(nowMs);
  }

  rememberedAnswer(key: string, nowMs: number) {
    return this.tables.idempotency.find(key, nowMs);
  }

  rememberAnswer(key: string, answer: RememberedAnswer, nowMs: number): void {
    this.tables.idempotency.remember(key, answer, nowMs);
  }

  journalSlice(afterSeq: number, limit: number) {
    return this.tables.journal.slice(afterSeq, limit);
  }

  hashOf(previousHash: string, row: HashedRow): string {
    return hashOf(previousHash, row);
  }

  nodeSlice(afterRow: number, limit: number) {
    return this.tables.nodes.slice(afterRow, limit);
  }

  taskSlice(afterRow: number, limit: number) {
    return this.tables.tasks.slice(afterRow, limit);
  }

  lockSlice(afterKey: string, limit: number) {
    return this.tables.locks.slice(afterKey, limit);
  }
}
