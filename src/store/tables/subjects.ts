import type { Node } from "../../core/model.ts";
import type { NodeEntry, TaskEntry } from "../heads/entries.ts";
import { compareLocks, compareTasks } from "../heads/comparison.ts";
import type { Heads } from "../heads/heads.ts";
import type { LockEntry } from "../heads/held-locks.ts";
import { type Row, toNode } from "./node-rows.ts";
import { boundedRows, textChars } from "./slices.ts";
import { present } from "../../protocol/present.ts";
import { taskState } from "../../core/dag/dag.ts";
import { genesis } from "../../core/journal/journal.ts";
import type { HeadState } from "./head.ts";
import type { Tables } from "./open-tables.ts";
import type { JournalReads, LeaseReads, LockReads, Reads, TaskReads } from "../reads.ts";
import { schemaFault } from "../schema/migrations.ts";
import type { VerificationReads } from "./verification-reads.ts";

/** Tasks looked at for being idle in one turn: some milliseconds. */
const idleTasksMax = 256;

/** Reads that stay the same object when the connection behind them is another. */
export function lastingReads(current: () => Subjects, state: () => HeadState): Reads {
  return {
    get head() {
      return state().journal;
    },
    get totals() {
      return state().totals;
    },
    get tasks() {
      return current().tasks;
    },
    get nodes() {
      return current().nodes;
    },
    get dag() {
      return current().dag;
    },
    get leases() {
      return current().leases;
    },
    get locks() {
      return current().locks;
    },
    get journal() {
      return current().journal;
    },
    get bundles() {
      return current().bundles;
    },
    get answers() {
      return current().answers;
    },
    get pruning() {
      return current().pruning;
    },
    get verification() {
      return current().verification;
    },
  };
}

export type Subjects = Omit<Reads, "head" | "totals">;

/** The same reads, each after a check: whoever has kept one from before is stopped as well. */
export function guarded(subjects: Subjects, check: () => void): Subjects {
  const checked =
    (read: (...asked: unknown[]) => unknown) =>
    (...asked: unknown[]) => {
      check();
      return read(...asked);
    };
  const mapped = (whole: object, how: (part: never) => unknown) =>
    Object.fromEntries(Object.entries(whole).map(([name, part]) => [name, how(part as never)]));
  // Every member of every subject is a function.
  return mapped(subjects, (subject) => mapped(subject, checked)) as unknown as Subjects;
}

/** What the heads in memory and the tables tell together: of what is active the heads decide, and tables hold the rest. */
export function subjectsOf(tables: Tables, heads: Heads, state: () => HeadState): Subjects {
  const { dependencies, attempts, bundles, idempotency, pruning } = tables;
  /** The first of the task, or of any. */
  const following = (taskId: string | null, firstOf: (task: TaskEntry) => NodeEntry | undefined) => {
    const named = taskId === null ? undefined : heads.task(taskId);
    const tasks = taskId === null ? heads.unsettled : named === undefined ? [] : [named];
    let first: NodeEntry | undefined;
    for (const task of tasks) {
      const node = firstOf(task);
      if (node !== undefined && (first === undefined || task.row < first.task.row)) first = node;
    }
    return first?.state ?? null;
  };
  return {
    tasks: taskReads(tables, heads),
    nodes: {
      ...nodeReads(tables, heads),
      attempts: attempts.ofNode,
      attemptUnder: (nodeId, leaseId) => attempts.byLease(nodeId, leaseId),
    },
    dag: {
      ...dependencies,
      hasDependents: (nodeId) => (heads.node(nodeId)?.dependents.length ?? 0) > 0,
      isSettled: () => heads.unsettled.size === 0,
      toSkip: (taskId) => following(taskId, ({ toSkip }) => toSkip.first),
      skippedInVain: (taskId) => following(taskId, ({ skippedInVain }) => skippedInVain.first),
    },
    leases: leaseReads(heads, state),
    locks: lockReads(tables, heads),
    journal: journalReads(tables, state),
    bundles,
    answers: idempotency,
    pruning: { ...pruning, isUnderWay: () => heads.isPruning },
    verification: verificationReads(tables, heads),
  };
}

function nodeReads({ nodes, tasks }: Tables, heads: Heads): Omit<Reads["nodes"], "attempts" | "attemptUnder"> {
  const toWhole = (row: Row): Node => toNode(row, heads.node(row.id)?.state.heldBackBy ?? null);
  return {
    ...nodes,
    countActive: () => heads.size,
    countEnded(taskId) {
      const counts = heads.task(taskId) === undefined ? tasks.counts(taskId) : null;
      return counts === null ? 0 : Object.values(counts).reduce((sum, ofStatus) => sum + ofStatus, 0);
    },
    head: (nodeId) => heads.node(nodeId)?.state ?? nodes.head(nodeId),
    find(nodeId) {
      const row = nodes.find(nodeId);
      return row === null ? null : toWhole(row);
    },
    ofTask: (taskId) => Iterator.from(nodes.ofTask(taskId)).map(toWhole),
    running: (bounds) =>
      boundedRows(
        heads.deadlines
          .byEnd(heads.running)
          .slice(0, bounds.rows)
          .values()
          .map(({ row }) => nodes.at(row)),
        bounds,
      ).map(toWhole),
    next(taskId, labels) {
      const task = taskId === null ? null : heads.task(taskId);
      const next = task === undefined ? undefined : heads.ready.next(task, labels);
      return next === undefined ? null : toWhole(nodes.at(next.row));
    },
    heldBack: () =>
      heads.heldBack.map(({ state }) => ({ nodeId: state.id, leaseId: present(state.heldBackBy, "the lease") })),
  };
}

/** Tasks whose nodes are waited for by nodes of others, in memory, which could not be read again without them. */
function awaitedTasks({ nodes }: Pick<Tables, "nodes">, heads: Heads): ReadonlySet<string> {
  const isInMemory = (node: NodeEntry) => heads.node(node.state.id) === node;
  const awaited = [...heads.outside.names].filter((id) => [...heads.outside.of(id)].some(isInMemory));
  return new Set(awaited.flatMap((id) => nodes.head(id)?.taskId ?? []));
}

function taskReads({ nodes, tasks, journal, bundles }: Tables, heads: Heads): TaskReads {
  const summary: TaskReads["summary"] = (taskId) => {
    const task = heads.task(taskId);
    const counts = task?.counts ?? tasks.counts(taskId);
    if (counts === null) return null;
    const occurring = Object.entries(counts).filter(([, count]) => count > 0);
    return {
      state: taskState(counts, task !== undefined && heads.canGoOn(task)),
      counts: Object.fromEntries(occurring),
    };
  };
  return {
    ...tasks,
    summary,
    running(beforePlace, bounds) {
      const places = new Set([...heads.running].map(({ task }) => task.row).filter((row) => row < beforePlace));
      return tasks.inPlaces(
        [...places].toSorted((a, b) => b - a),
        bounds,
      );
    },
    idle(afterRow, cutSeq, olderThanMs) {
      const [holding, awaited] = [heads.locks.taskIds, awaitedTasks({ nodes }, heads)];
      const some = tasks.quiet(afterRow, idleTasksMax);
      const isOld = (seq: number) =>
        seq <= cutSeq && present(journal.at(seq), "the last row of a task").timestampMs < olderThanMs;
      const ended = some.filter(
        ({ id }) =>
          isOld(journal.lastSeqOf(id)) &&
          !holding.has(id) &&
          !awaited.has(id) &&
          bundles.openOf({ scope: null, taskId: id }, 1).length === 0 &&
          summary(id)?.state !== "ACTIVE",
      );
      return { tasks: ended, afterRow: some.length < idleTasksMax ? null : (some.at(-1)?.row ?? null) };
    },
  };
}

function leaseReads(heads: Heads, state: () => HeadState): LeaseReads {
  const { deadlines, locks } = heads;
  const states = (nodes: readonly NodeEntry[]) => nodes.map((node) => node.state);
  return {
    node(taskId, leaseId) {
      const node = heads.underLease(leaseId);
      return node?.task.id === taskId ? node.state : null;
    },
    expired(taskId, nowMs, limit) {
      const over = deadlines.expired(nowMs, ({ task }) => taskId === null || task.id === taskId);
      return states(over.slice(0, limit));
    },
    due: (nowMs, limit) => states(deadlines.due(nowMs, limit)),
    dueLocks: (nowMs, limit) => leasesOf(locks.due(nowMs, limit)),
    count(nowMs) {
      const { RUNNING: running } = state().totals.nodes;
      const over = { expiredRunning: deadlines.countExpired(nowMs), expiredLocks: locks.countOver(nowMs) };
      return { running, locks: locks.size, ...over };
    },
    nextDeadlineMs() {
      const next = [deadlines.nextLeaseMs, deadlines.nextDelayMs, locks.nextDeadlineMs].filter((ms) => ms !== null);
      return next.length === 0 ? null : Math.min(...next);
    },
  };
}

function lockReads({ locks: table }: Tables, { locks }: Heads): LockReads {
  const statesOf = (some: readonly LockEntry[]) => some.map(({ state }) => state);
  return {
    near: (scope, terms) => locks.near(scope, terms),
    list: (afterPlace, bounds) =>
      boundedRows(locks.after(afterPlace), bounds, ({ state }) => textChars(state)).map(({ row, state }) => ({
        ...state,
        place: row,
        chars: textChars(state),
      })),
    isHeld: (head) => locks.granted(head) !== undefined,
    metadata(head, bytesMax) {
      const lock = locks.granted(head);
      if (lock === undefined) return null;
      const { metadataBytes: bytes } = lock.state;
      return { bytes, told: bytes > bytesMax ? null : { json: table.metadata(lock.row) } };
    },
    ofLease: (leaseId) => statesOf(locks.ofLease(leaseId)),
    holdsAnything: (owner, provider) => locks.holdsAnything(owner, provider),
    on: (scope, normalKey) => statesOf(locks.on(scope, normalKey)),
    ignoresCase: (scope) => locks.ignoresCase(scope),
    leasesOfNodes: (taskId) => leasesOf(locks.ofNodes(taskId)),
  };
}

const leasesOf = (locks: readonly LockEntry[]): string[] => [...new Set(locks.map(({ state }) => state.leaseId))];

function journalReads({ journal, pruning }: Tables, state: () => HeadState): JournalReads {
  return {
    ...journal,
    page: (filter, afterSeq, bounds) => journal.page(filter, afterSeq, state().journal.seq, bounds),
    lastSeqBefore: (beforeMs) => journal.lastSeqBefore(beforeMs, state().journal.seq),
    hashBefore(seq) {
      const before = journal.hashAt(seq - 1) ?? pruning.gapTo(seq - 1)?.hash;
      if (before === undefined && seq > 1) throw new Error(`nothing of the journal is known before seq ${seq}`);
      return before ?? genesis.hash;
    },
    gapFrom: (firstSeq) => pruning.gapFrom(firstSeq),
    lastGoneFrom: pruning.lastGoneFrom,
    goneWithin: pruning.goneWithin,
  };
}

function verificationReads(tables: Tables, heads: Heads): VerificationReads {
  const { db, tasks, nodes, attempts, locks, lockSlices, bundles } = tables;
  return {
    schemaFault: () => schemaFault(db),
    memoryOfTasks: (afterRow, nodesMax) => compareTasks(heads, tables, afterRow, nodesMax),
    memoryOfLocks: (afterRow, limit) => compareLocks(heads, tables, afterRow, limit),
    tasks: tasks.slice,
    nodes: (afterRow, bounds) =>
      nodes.slice(afterRow, bounds).map((node) => ({ ...node, attempts: attempts.replayedOf(node.row) })),
    locks: lockSlices.slice,
    countLocks: locks.count,
    bundles: (afterRow, bounds) => bundles.slice(afterRow, bounds),
    answers: tables.idempotency.slice,
  };
}
