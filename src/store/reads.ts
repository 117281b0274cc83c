import type { BundleRecord } from "../core/bundles/bundle.ts";
import type { Dependent, Edges } from "../core/dag/dag.ts";
import type { JournalFilter, JournalHead, JournalRow } from "../core/journal/journal.ts";
import type { RememberedAnswer } from "../core/effects.ts";
import type { Attempt, LockHead, Node, NodeHead, Task } from "../core/model.ts";
import type { SearchTerms } from "../core/locks/resource-index.ts";
import type { ChainedRow, HashedRow } from "../protocol/chain.ts";
import type { Json } from "../protocol/json.ts";
import type { Labels, NodeStatus, TaskState } from "../protocol/types.ts";
import type { SliceBounds } from "./tables/slices.ts";
import type { VerificationReads } from "./tables/verification-reads.ts";

/**
 * What can be asked of the state, by subject, in the domain's words: no SQL and no engine shows through. All calls are
 * synchronous, and see what the open unit has changed.
 */
export interface Reads {
  readonly head: JournalHead;
  readonly totals: Readonly<Totals>;
  readonly tasks: TaskReads;
  readonly nodes: NodeReads;
  readonly dag: DagReads;
  readonly leases: LeaseReads;
  readonly locks: LockReads;
  readonly journal: JournalReads;
  readonly bundles: BundleReads;
  readonly answers: AnswerReads;
  readonly pruning: PruningReads;
  readonly verification: VerificationReads;
}

/** Kept with the journal's head, so that counting never scans. */
export interface Totals {
  tasks: number;
  /** Rows of the journal, and how many of them the original's would hold. */
  rows: number;
  events: number;
  nodes: Record<NodeStatus, number>;
}

export interface TaskReads {
  find(taskId: string): Task | null;
  summary(taskId: string): TaskSummary | null;
  /** Where a task stands among all, the newest last; null for one nobody knows. */
  placeOf(taskId: string): number | null;
  /** Newest first, those that stand before a place. */
  list(beforePlace: number, bounds: SliceBounds): ListedTask[];
  /** The same, of tasks of which a node is RUNNING. */
  running(beforePlace: number, bounds: SliceBounds): ListedTask[];
  /** Tasks of this name, newest first. */
  named(name: string, limit: number): Task[];
  /**
   * Some tasks, from the first after `afterRow`, that have ended: nothing of them came after `cutSeq`, and its last row is
   * older than this moment too, as a clock that was set back makes `cutSeq` a guess.
   */
  idle(afterRow: number, cutSeq: number, olderThanMs: number): IdleTasks;
}

/** A row of a list. */
export interface Listed {
  place: number;
  /** What it took to read. */
  chars: number;
}

/** A task without its context, which may be long. */
export interface ListedTask extends Omit<Task, "context">, Listed {}

export interface TaskSummary {
  state: TaskState;
  counts: Partial<Record<NodeStatus, number>>;
}

export interface IdleTasks {
  tasks: { id: string; counts: Record<NodeStatus, number> }[];
  /** From where to go on; null when these were the last. */
  afterRow: number | null;
}

export interface NodeReads {
  /** The first of these ids that a node has, of any task. */
  taken(nodeIds: readonly string[]): string | null;
  /** How many nodes tasks that have not ended have together. */
  countActive(): number;
  /** How many nodes a task has that has ended, which it comes back with; none where it has not. */
  countEnded(taskId: string): number;
  head(nodeId: string): NodeHead | null;
  find(nodeId: string): Node | null;
  /** Null for a node without a name, undefined for no node. */
  nameOf(nodeId: string): string | null | undefined;
  idByName(taskId: string, name: string): string | null;
  /** All nodes of a task in registration order, as they are now; each is read out when it is asked for. */
  ofTask(taskId: string): Iterable<Node>;
  /** What the payloads and results of a task's nodes take, in bytes. */
  payloadBytes(taskId: string): number;
  /** Nodes that are RUNNING, of all tasks; the lease that ends first comes first. */
  running(bounds: SliceBounds): Node[];
  /** A node's status, and its result or error; null for a node nobody knows. */
  outcome(nodeId: string, bytesMax: number): Outcome | null;
  /** The next node to hand out, of the task or of any: by task priority, node priority, registration order. */
  next(taskId: string | null, labels: Labels): Node | null;
  /** Nodes that are kept from being handed out, each with the lease whose locks do so. */
  heldBack(): { nodeId: string; leaseId: string }[];
  /** The newest attempts at the node that have ended and began before this fencing token was given, oldest first. */
  attempts(nodeId: string, beforeToken: number, bounds: SliceBounds): Attempt[];
  attemptUnder(nodeId: string, leaseId: string): Attempt | null;
}

/** How a node has ended, or stands. */
export interface Outcome {
  status: NodeStatus;
  /** What its result takes; null where that is more than was asked for. */
  bytes: number;
  result: { told: Json } | null;
}

export interface DagReads {
  /** How the task's nodes stand to each other, in registration order. */
  of(taskId: string): Dependent[];
  /** The same, with what each waits for and nothing else. */
  edges(taskId: string): Edges[];
  /** How many dependencies the task's nodes have together. */
  countEdges(taskId: string): number;
  /** Whether others wait, or have waited, for a node; false where its task has ended. */
  hasDependents(nodeId: string): boolean;
  /** Which of the node's dependencies are FAILED, in their order. */
  failedOf(nodeId: string): string[];
  /** Whether nothing follows any more from changes of nodes: nobody is to be skipped, or was in vain. */
  isSettled(): boolean;
  /** The first PENDING node of the task, or of any, to be skipped, as one of its dependencies is FAILED. */
  toSkip(taskId: string | null): NodeHead | null;
  /** The first node of the task, or of any, that was skipped although none of its dependencies is FAILED any more. */
  skippedInVain(taskId: string | null): NodeHead | null;
}

/** Leases of nodes and locks, and when they end. */
export interface LeaseReads {
  /** The task's RUNNING node under this lease. */
  node(taskId: string, leaseId: string): NodeHead | null;
  /** RUNNING nodes of the task, or of any, whose lease is over. */
  expired(taskId: string | null, nowMs: number, limit: number): NodeHead[];
  /** RUNNING nodes of any task whose lease is over; zero-length leases are left to the next acquire. */
  due(nowMs: number, limit: number): NodeHead[];
  /** Leases of locks that are over, the longest overdue first. */
  dueLocks(nowMs: number, limit: number): string[];
  /** Leases and locks on record, and how many of them are over. */
  count(nowMs: number): LeaseCounts;
  /** The next moment at which a lease of a node or of locks is over, or a delay; null when there is none. */
  nextDeadlineMs(): number | null;
}

export interface LeaseCounts {
  running: number;
  expiredRunning: number;
  locks: number;
  expiredLocks: number;
}

export interface LockReads {
  /** Locks that may overlap with what these terms were made of, some of them maybe twice. */
  near(scope: string, terms: SearchTerms): Iterable<LockHead>;
  /** Locks on record after a place, in the order they were first granted. */
  list(afterPlace: number, bounds: SliceBounds): ListedLock[];
  /** Whether a lock is still held under the grant it was read with. */
  isHeld(head: LockHead): boolean;
  /** What the holder tells of such a lock; null where it is not held any more. */
  metadata(head: LockHead, bytesMax: number): Metadata | null;
  /** What a lease holds, in the order it was granted. */
  ofLease(leaseId: string): LeasedLock[];
  /** Whether any lease has this owner and provider. */
  holdsAnything(owner: string, provider: string | null): boolean;
  /** Who holds this very key. */
  on(scope: string, normalKey: string): LockHead[];
  /** Whether case counts in what is held of a scope; null where nothing is. */
  ignoresCase(scope: string): boolean | null;
  /** Leases of the task's running nodes that hold locks. */
  leasesOfNodes(taskId: string): string[];
}

export interface LeasedLock extends LockHead {
  metadataBytes: number;
}

export interface ListedLock extends LockHead, Listed {}

export interface Metadata {
  bytes: number;
  /** Null where that is more than was asked for. */
  told: { json: Json } | null;
}

export interface JournalReads {
  /** The row with this seq. */
  at(seq: number): JournalRow | null;
  /** The first row the journal still holds; 1 as long as nothing was pruned. */
  oldestSeq(): number;
  /** The task's newest events (what the contract's `event_journal` shows) of those after a seq, oldest first. */
  newestEvents(taskId: string, afterSeq: number, limit: number): HashedRow[];
  page(filter: JournalFilter, afterSeq: number, bounds: PageBounds): JournalPage;
  /** Rows after `afterSeq` with what is needed to recompute their hashes. */
  slice(afterSeq: number, bounds: SliceBounds): ChainedRow[];
  /** The hash the row with this seq is chained to. */
  hashBefore(seq: number): string;
  /** The last row written before this moment, as far as the journal's times go up; 0 when there is none. */
  lastSeqBefore(beforeMs: number): number;
  /** The gap that begins with this seq. */
  gapFrom(firstSeq: number): { lastSeq: number; hash: string } | null;
  /** The last row of those that have left the journal with this one; null where this one is there, or never was. */
  lastGoneFrom(seq: number): number | null;
  /** How many rows have left in gaps that begin after one row and not after another. */
  goneWithin(afterSeq: number, lastSeq: number): number;
}

export interface PageBounds {
  /** Most rows of the page. */
  limit: number;
  /** Most journal rows looked at for it. */
  scanMax: number;
  /** The page ends after the row with which what was looked at passes this many characters. */
  scanCharsMax: number;
  /** The page ends after the row with which its payloads pass this many characters. */
  payloadCharsMax: number;
}

export interface JournalPage {
  rows: JournalRow[];
  /** Characters of their payloads. */
  payloadChars: number;
  /** Everything up to here was looked at. */
  nextAfterSeq: number;
  /** How many rows were looked at, and their characters: of those that do not match the payload is not read. */
  scanned: SliceBounds;
}

export interface BundleReads {
  find(bundleId: string): BundleRecord | null;
  /** Ids of open bundles of a task, or else of a scope, oldest first. */
  openOf(of: { scope: string | null; taskId: string | null }, limit: number): string[];
  /** Open bundles that have one of these paths, or one above or below it, newest first. */
  meeting(scope: string, paths: readonly string[], limit: number): BundleRecord[];
  /** Where a bundle stands among all, the newest last; null for one nobody knows. */
  placeOf(bundleId: string): number | null;
  /** Newest first, those that stand before a place. */
  list(beforePlace: number, bounds: SliceBounds): (BundleRecord & Listed)[];
}

export interface AnswerReads {
  /** Null for a key that was never used, or longer ago than answers are kept. */
  find(key: string, nowMs: number): RememberedAnswer | null;
}

/** What leaves the database, as it is old. */
export interface PruningReads {
  /** What is under way; null when nothing is. */
  current(): Pruning | null;
  /** Whether something is: known without a look. */
  isUnderWay(): boolean;
  isDeparting(taskId: string): boolean;
  /** Pages of the file that hold nothing any more. */
  freePages(): number;
}

/** Something leaves the database: rows of the journal, then nodes, then the pages they took. */
export interface Pruning {
  stage: "rows" | "nodes" | "pages";
  cutSeq: number;
  /** Up to here rows were looked at. */
  afterSeq: number;
  /** Leases of locks and bundles all of whose rows stay. */
  staying: ReadonlySet<string>;
}
