import { taskState } from "../core/dag.ts";
import type { Entry, HashedRow, JournalFilter } from "../core/journal.ts";
import type { LeaseGrant } from "../core/lease.ts";
import type { LockRequest, NewNode, NodeHead, Progress, Task } from "../core/model.ts";
import type { Transition } from "../core/node.ts";
import type { Json } from "../protocol/json.ts";
import { settings } from "../protocol/settings.ts";
import type { Labels, NodeStatus } from "../protocol/types.ts";
import { countMoves } from "./head.ts";
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
    this.#insertNodes(task, nodes, task.createdAtMs);
    this.totals.tasks++;
    this.totals.nodes.PENDING += nodes.length;
    return this.append(entry);
  }

  addNodes(task: Task, nodes: readonly NewNode[], expandBefore: readonly string[], entry: Entry): number {
    this.tables.tasks.addPending(task.id, nodes.length);
    this.#insertNodes(task, nodes, entry.timestampMs);
    const added = nodes.map(({ id }) => id);
    for (const id of expandBefore) this.tables.dependencies.extend(id, added);
    this.totals.nodes.PENDING += nodes.length;
    return this.append(entry);
  }

  cancelTask(taskId: string, error: Json, entry: Entry): number {
    const counts = this.tables.tasks.counts(taskId);
    this.tables.attempts.endAll(taskId, "CANCELED", error, entry.timestampMs);
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

  task(taskId: string) {
    return this.tables.tasks.find(taskId);
  }

  taskSummary(taskId: string): TaskSummary | null {
    const counts = this.tables.tasks.counts(taskId);
    if (counts === null) return null;
    const occurring = Object.entries(counts).filter(([, count]) => count > 0);
    return {
      state: taskState(counts, this.tables.ready.isOpen(taskId) || this.tables.dependencies.isUnsettled(taskId)),
      counts: Object.fromEntries(occurring),
    };
  }

  listTasks(beforeTaskId: string | null, limit: number) {
    return this.tables.tasks.list(beforeTaskId, limit);
  }

  nodeExists(nodeId: string) {
    return this.tables.nodes.exists(nodeId);
  }

  nodeHead(nodeId: string) {
    return this.tables.nodes.head(nodeId);
  }

  nodeUnderLease(taskId: string, leaseId: string) {
    return this.tables.leases.find(taskId, leaseId);
  }

  nodeIdByName(taskId: string, name: string) {
    return this.tables.nodes.idByName(taskId, name);
  }

  node(nodeId: string) {
    return this.tables.nodes.one(nodeId);
  }

  nodesOf(taskId: string) {
    return this.tables.nodes.ofTask(taskId);
  }

  edgesOf(taskId: string) {
    return this.tables.dependencies.edgesOf(taskId);
  }

  nextRunnable(taskId: string | null, labels: Labels) {
    return this.tables.ready.next(taskId, labels);
  }

  outcomeOf(nodeId: string) {
    return this.tables.nodes.outcome(nodeId);
  }

  failedDependencies(nodeId: string) {
    return this.tables.dependencies.failedOf(nodeId);
  }

  nodesToSkip(taskId: string | null, limit: number) {
    return this.tables.dependencies.toSkip(taskId, limit);
  }

  nodesSkippedInVain(taskId: string | null, limit: number) {
    return this.tables.dependencies.skippedInVain(taskId, limit);
  }

  attemptsOf(nodeId: string, limit: number) {
    return this.tables.attempts.ofNode(nodeId, limit);
  }

  attemptUnder(nodeId: string, leaseId: string) {
    return this.tables.attempts.byLease(nodeId, leaseId);
  }

  expiredNodes(taskId: string | null, nowMs: number, limit: number) {
    return this.tables.leases.expired(taskId, nowMs, limit);
  }

  dueNodes(nowMs: number, limit: number) {
    return this.tables.leases.due(nowMs, limit);
  }

  endDelays(nowMs: number, limit: number) {
    return this.tables.ready.endDelays(nowMs, limit);
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
    this.tables.dependencies.count(row, node.status, after.status);
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
    this.tables.leases.extend(nodeId, expiresAtMs, ttlMs, nowMs);
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
      expiredRunning: this.tables.leases.countExpired(nowMs),
      locks: locks.all,
      expiredLocks: locks.expired,
    };
  }

  nextDeadlineMs(): number | null {
    const { leases, locks, ready, dependencies } = this.tables;
    if (dependencies.isUnsettled(null)) return 0;
    const next = [leases.nextDeadlineMs(), locks.nextDeadlineMs(), ready.nextDelayMs()].filter((ms) => ms !== null);
    return next.length === 0 ? null : Math.min(...next);
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
    const { nodes, attempts } = this.tables;
    return nodes.slice(afterRow, bounds).map((node) => ({ ...node, attempts: attempts.replayedOf(node.row) }));
  }

  taskSlice(afterRow: number, bounds: SliceBounds) {
    return this.tables.tasks.slice(afterRow, bounds);
  }

  lockSlice(afterKey: string, limit: number) {
    return this.tables.locks.slice(afterKey, limit);
  }

  #insertNodes(task: Task, nodes: readonly NewNode[], nowMs: number): void {
    const { nodes: table, dependencies: waiting, labels } = this.tables;
    const own = new Set(nodes.map(({ id }) => id));
    const rows = nodes.map((node) => {
      const standing = waiting.standing(node.policy.onDependencyFailure, node.dependencies, own);
      return table.insert(task, node, standing, labels.idOf(node.labels), nowMs);
    });
    for (const [index, { dependencies }] of nodes.entries()) waiting.waitFor(rows[index] ?? 0, dependencies);
  }

  #move(node: NodeHead, to: NodeStatus): void {
    countMoves(this.totals, node.status, to);
    this.tables.tasks.move(node.taskId, node.status, to);
  }
}
