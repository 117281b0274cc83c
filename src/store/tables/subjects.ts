import { taskState } from "../../core/dag/dag.ts";
import { genesis } from "../../core/journal/journal.ts";
import type { HeadState } from "./head.ts";
import type { Tables } from "./open-tables.ts";
import type { JournalReads, LeaseReads, Reads, TaskReads } from "../reads.ts";
import { schemaFault } from "../schema.ts";
import type { VerificationReads } from "./verification-reads.ts";
import { present } from "../../protocol/present.ts";

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

/** The tables' own reads, and what several of them tell together. */
export function subjectsOf(tables: Tables, state: () => HeadState): Subjects {
  const { nodes, dependencies, locks, ready, attempts, bundles, idempotency, pruning, countings } = tables;
  return {
    tasks: taskReads(tables),
    nodes: {
      ...nodes,
      next: (taskId, labels) => ready.next(taskId, labels),
      isAnyHeldBack: ready.isAnyHeldBack,
      attempts: attempts.ofNode,
      attemptUnder: (nodeId, leaseId) => attempts.byLease(nodeId, leaseId),
    },
    dag: {
      ...dependencies,
      isCounting: () => countings.isUnderWay(null),
      isSettled: () => !countings.isUnderWay(null) && !dependencies.isUnsettled(null),
    },
    leases: leaseReads(tables, state),
    locks,
    journal: journalReads(tables, state),
    bundles,
    answers: idempotency,
    pruning,
    verification: verificationReads(tables),
  };
}

function taskReads({ tasks, journal, locks, bundles, ready, dependencies, countings }: Tables): TaskReads {
  /** Whether something of the task can still run, be it after what is left to count or to skip. */
  const isOpen = (taskId: string) =>
    ready.isOpen(taskId) || dependencies.isUnsettled(taskId) || countings.isUnderWay(taskId);
  const summary: TaskReads["summary"] = (taskId) => {
    const counts = tasks.counts(taskId);
    if (counts === null) return null;
    const occurring = Object.entries(counts).filter(([, count]) => count > 0);
    return { state: taskState(counts, isOpen(taskId)), counts: Object.fromEntries(occurring) };
  };
  return {
    ...tasks,
    summary,
    idle(afterRow, cutSeq, olderThanMs) {
      const holding = locks.taskIds();
      const some = tasks.quiet(afterRow, idleTasksMax);
      const isOld = (seq: number) =>
        seq <= cutSeq && present(journal.at(seq), "the last row of a task").timestampMs < olderThanMs;
      const ended = some.filter(
        ({ id }) =>
          isOld(journal.lastSeqOf(id)) &&
          !holding.has(id) &&
          bundles.openOf({ scope: null, taskId: id }, 1).length === 0 &&
          summary(id)?.state !== "ACTIVE",
      );
      return { tasks: ended, afterRow: some.length < idleTasksMax ? null : (some.at(-1)?.row ?? null) };
    },
  };
}

function leaseReads(tables: Tables, state: () => HeadState): LeaseReads {
  const { leases, locks, ready } = tables;
  const deadlines = { nodes: leases.nextDeadlineMs, locks: locks.nextDeadlineMs, delays: ready.nextDelayMs };
  return {
    node: (taskId, leaseId) => leases.find(taskId, leaseId),
    expired: leases.expired,
    due: leases.due,
    dueLocks: locks.dueLeases,
    count(nowMs) {
      const held = locks.count(nowMs);
      const { RUNNING: running } = state().totals.nodes;
      return { running, expiredRunning: leases.countExpired(nowMs), locks: held.all, expiredLocks: held.expired };
    },
    nextDeadlineMs(of) {
      if (of !== undefined) return deadlines[of]();
      const next = Object.values(deadlines).flatMap((read) => read() ?? []);
      return next.length === 0 ? null : Math.min(...next);
    },
  };
}

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

function verificationReads(tables: Tables): VerificationReads {
  const { db, tasks, nodes, attempts, locks, lockSlices, bundles, dependencies, countings, labels } = tables;
  return {
    schemaFault: () => schemaFault(db),
    tasks: tasks.slice,
    nodes: (afterRow, bounds) =>
      nodes.slice(afterRow, bounds).map((node) => ({ ...node, attempts: attempts.replayedOf(node.row) })),
    locks: lockSlices.slice,
    countLocks: () => locks.count(0).all,
    bundles: (afterRow, bounds) => bundles.slice(afterRow, bounds),
    edges: dependencies.slice,
    countings: countings.all,
    labelSets: labels.setSlice,
    labelMembers: labels.memberSlice,
    hasLabel: labels.hasMember,
    answers: tables.idempotency.slice,
  };
}
