import { taskState } from "../core/dag.ts";
import { genesis, type JournalFilter } from "../core/journal.ts";
import type { LockHead } from "../core/model.ts";
import type { HashedRow } from "../protocol/chain.ts";
import type { SearchTerms } from "../core/resource-index.ts";
import type { Labels } from "../protocol/types.ts";
import { hashOf } from "./journal.ts";
import type { PageBounds, SliceBounds, TaskSummary } from "./store.ts";
import type { IdleTasks } from "./prunable-store.ts";
import { Transactions } from "./transactions.ts";

/** Tasks looked at for being idle in one turn: some milliseconds. */
const idleTasksMax = 256;

/** What can be asked of the tables. */
export class Reads extends Transactions {
  task(taskId: string) {
    return this.tables.tasks.find(taskId);
  }

  taskSummary(taskId: string): TaskSummary | null {
    const counts = this.tables.tasks.counts(taskId);
    if (counts === null) return null;
    const occurring = Object.entries(counts).filter(([, count]) => count > 0);
    return {
      state: taskState(counts, this.#isOpen(taskId)),
      counts: Object.fromEntries(occurring),
    };
  }

  listTasks(beforeTaskId: string | null, limit: number) {
    return this.tables.tasks.list(beforeTaskId, limit);
  }

  runningTasks(beforeTaskId: string | null, limit: number) {
    return this.tables.tasks.running(beforeTaskId, limit);
  }

  tasksNamed(name: string, limit: number) {
    return this.tables.tasks.named(name, limit);
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

  nodeName(nodeId: string) {
    return this.tables.nodes.nameOf(nodeId);
  }

  node(nodeId: string) {
    return this.tables.nodes.one(nodeId);
  }

  dagOf(taskId: string) {
    return this.tables.dependencies.dagOf(taskId);
  }

  payloadBytes(taskId: string) {
    return this.tables.nodes.payloadBytes(taskId);
  }

  nodesOf(taskId: string) {
    return this.tables.nodes.ofTask(taskId);
  }

  dependencyCount(taskId: string) {
    return this.tables.dependencies.countOf(taskId);
  }

  runningNodes(bounds: SliceBounds) {
    return this.tables.nodes.running(bounds);
  }

  edgesOf(taskId: string) {
    return this.tables.dependencies.edgesOf(taskId);
  }

  nextRunnable(taskId: string | null, labels: Labels) {
    return this.tables.ready.next(taskId, labels);
  }

  get holdsBack() {
    return this.tables.ready.holdsBack();
  }

  outcomeOf(nodeId: string, bytesMax: number) {
    return this.tables.nodes.outcome(nodeId, bytesMax);
  }

  failedDependencies(nodeId: string) {
    return this.tables.dependencies.failedOf(nodeId);
  }

  hasDependents(nodeId: string) {
    return this.tables.dependencies.hasDependents(nodeId);
  }

  get isCounting() {
    return this.tables.countings.isUnderWay(null);
  }

  nodesToSkip(taskId: string | null, limit: number) {
    return this.tables.dependencies.toSkip(taskId, limit);
  }

  nodesSkippedInVain(taskId: string | null, limit: number) {
    return this.tables.dependencies.skippedInVain(taskId, limit);
  }

  attemptsOf(nodeId: string, beforeToken: number, bounds: SliceBounds) {
    return this.tables.attempts.ofNode(nodeId, beforeToken, bounds);
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

  oldestSeq() {
    return this.tables.journal.oldestSeq();
  }

  taskEvents(taskId: string, limit: number) {
    return this.tables.journal.newestEvents(taskId, limit);
  }

  journalPage(filter: JournalFilter, afterSeq: number, bounds: PageBounds) {
    return this.tables.journal.page(filter, afterSeq, this.head.seq, bounds);
  }

  locksNear(scope: string, terms: SearchTerms) {
    return this.tables.locks.near(scope, terms);
  }

  lockOf({ leaseId, scope, normalKey }: LockHead) {
    return this.tables.locks.one(leaseId, scope, normalKey);
  }

  locksOf(leaseId: string) {
    return this.tables.locks.ofLease(leaseId);
  }

  holdsAnything(owner: string, provider: string | null) {
    return this.tables.locks.holdsAnything(owner, provider);
  }

  locksOn(scope: string, normalKey: string) {
    return this.tables.locks.on(scope, normalKey);
  }

  locks() {
    return this.tables.locks.all();
  }

  ignoresCase(scope: string) {
    return this.tables.locks.ignoresCase(scope);
  }

  leasesOfNodes(taskId: string) {
    return this.tables.locks.leasesOfNodes(taskId);
  }

  dueLockLeases(nowMs: number, limit: number) {
    return this.tables.locks.dueLeases(nowMs, limit);
  }

  bundle(bundleId: string) {
    return this.tables.bundles.find(bundleId);
  }

  openBundles(of: { scope: string | null; taskId: string | null }, limit: number) {
    return this.tables.bundles.openOf(of, limit);
  }

  bundlesMeeting(scope: string, paths: readonly string[], limit: number) {
    return this.tables.bundles.meeting(scope, paths, limit);
  }

  listBundles(beforeId: string | null, limit: number) {
    return this.tables.bundles.list(beforeId, limit);
  }

  lastSeqBefore(beforeMs: number) {
    return this.tables.journal.lastSeqBefore(beforeMs, this.head.seq);
  }

  idleTasks(afterRow: number, cutSeq: number, olderThanMs: number): IdleTasks {
    const { tasks, journal, locks, bundles } = this.tables;
    const holding = locks.taskIds();
    const some = tasks.quiet(afterRow, idleTasksMax);
    const isOld = (seq: number) => seq <= cutSeq && (journal.at(seq)?.timestampMs ?? 0) < olderThanMs;
    const ended = some.filter(
      ({ id }) =>
        isOld(journal.lastSeqOf(id)) &&
        !holding.has(id) &&
        bundles.openOf({ scope: null, taskId: id }, 1).length === 0 &&
        this.taskSummary(id)?.state !== "ACTIVE",
    );
    return { tasks: ended, afterRow: some.length < idleTasksMax ? null : (some.at(-1)?.row ?? null) };
  }

  get pruning() {
    return this.tables.pruning.current();
  }

  get isPruning() {
    return this.tables.pruning.isUnderWay();
  }

  isDeparting(taskId: string) {
    return this.tables.pruning.isDeparting(taskId);
  }

  gapFrom(firstSeq: number) {
    return this.tables.pruning.gapFrom(firstSeq);
  }

  lastGoneFrom(seq: number) {
    return this.tables.pruning.lastGoneFrom(seq);
  }

  journalRow(seq: number) {
    return this.tables.journal.at(seq);
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
    const { leases, locks, ready, dependencies, countings } = this.tables;
    if (countings.isUnderWay(null) || dependencies.isUnsettled(null)) return 0;
    const next = [leases.nextDeadlineMs(), locks.nextDeadlineMs(), ready.nextDelayMs()].filter((ms) => ms !== null);
    return next.length === 0 ? null : Math.min(...next);
  }

  rememberedAnswer(key: string, nowMs: number) {
    return this.tables.idempotency.find(key, nowMs);
  }

  hashBefore(seq: number): string {
    const { journal, pruning } = this.tables;
    const before = journal.hashAt(seq - 1) ?? pruning.gapTo(seq - 1)?.hash;
    if (before === undefined && seq > 1) throw new Error(`nothing of the journal is known before seq ${seq}`);
    return before ?? genesis.hash;
  }

  journalSlice(afterSeq: number, bounds: SliceBounds) {
    return this.tables.journal.slice(afterSeq, bounds);
  }

  hashOf(previousHash: string, row: HashedRow): string {
    return hashOf(previousHash, row);
  }

  /** Whether something of the task can still run, be it after what is left to count or to skip. */
  #isOpen(taskId: string): boolean {
    const { ready, dependencies, countings } = this.tables;
    return ready.isOpen(taskId) || dependencies.isUnsettled(taskId) || countings.isUnderWay(taskId);
  }
}
