import { taskState } from "../core/dag.ts";
import type { Entry, HashedRow, JournalFilter } from "../core/journal.ts";
import type { LockRequest, NewNode, NodeHead, Task } from "../core/model.ts";
import type { LeaseGrant, Transition } from "../core/node.ts";
import type { Json } from "../protocol/json.ts";
import { settings } from "../protocol/settings.ts";
import type { NodeStatus } from "../protocol/types.ts";
import { countMove } from "./head.ts";
import { hashOf } from "./journal.ts";
import { latestSchemaVersion } from "./schema.ts";
import type { PageBounds, RememberedAnswer, SliceBounds, Store, TaskSummary } from "./store.ts";
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

/** The domain's words over the tables; each change goes with its journal entry. */
class SqliteStore extends Transactions implements Store {
  readonly schemaVersion = latestSchemaVersion;

  registerTask(task: Task, nodes: readonly NewNode[], entry: Entry): number {
    this.tables.tasks.insert(task, nodes.length);
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
    const counts = this.tables.tasks.counts(taskId);
    if (counts === null) return null;
    const runnable = this.tables.nodes.hasRunnable(taskId);
    const occurring = Object.entries(counts).filter(([, count]) => count > 0);
    return { state: taskState(counts, runnable), counts: Object.fromEntries(occurring) };
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

  expiredNodes(taskId: string, nowMs: number, limit: number) {
    return this.tables.nodes.expired(taskId, nowMs, limit);
  }

  dueNodes(nowMs: number, limit: number) {
    return this.tables.nodes.due(nowMs, limit);
  }

  acquireNode({ node, entry }: Transition, grant: LeaseGrant): number {
    const fencingToken = this.append(entry);
    this.tables.nodes.acquire(node.id, grant, fencingToken, entry.timestampMs);
    this.#move(node, "RUNNING");
    return fencingToken;
  }

  rollBackNode({ node, entry }: Transition): number {
    this.tables.nodes.rollBack(node.id, entry.timestampMs);
    this.#move(node, "PENDING");
    return this.append(entry);
  }

  completeNode({ node, entry }: Transition, result: Json): number {
    this.tables.nodes.complete(node.id, result, entry.timestampMs);
    this.#move(node, "COMPLETED");
    return this.append(entry);
  }

  failNode({ node, entry }: Transition, error: Json): number {
    this.tables.nodes.fail(node.id, error, entry.timestampMs);
    this.#move(node, "FAILED");
    return this.append(entry);
  }

  extendNodeLease(nodeId: string, expiresAtMs: number, ttlMs: number, nowMs: number): void {
    this.tables.nodes.extendLease(nodeId, expiresAtMs, ttlMs, nowMs);
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

  journalSlice(afterSeq: number, bounds: SliceBounds) {
    return this.tables.journal.slice(afterSeq, bounds);
  }

  hashOf(previousHash: string, row: HashedRow): string {
    return hashOf(previousHash, row);
  }

  nodeSlice(afterRow: number, bounds: SliceBounds) {
    return this.tables.nodes.slice(afterRow, bounds);
  }

  taskSlice(afterRow: number, bounds: SliceBounds) {
    return this.tables.tasks.slice(afterRow, bounds);
  }

  lockSlice(afterKey: string, limit: number) {
    return this.tables.locks.slice(afterKey, limit);
  }

  #move(node: NodeHead, to: NodeStatus): void {
    countMove(this.totals, node.status, to);
    this.tables.tasks.move(node.taskId, node.status, to);
  }
}
