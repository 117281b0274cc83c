import type { BundleRecord, BundleStatus } from "../core/bundle.ts";
import type { Dependent, Edges } from "../core/dag.ts";
import type { Decision } from "../core/decision.ts";
import type { Entry, JournalFilter, JournalHead, JournalRow } from "../core/journal.ts";
import type { LeaseGrant } from "../core/lease.ts";
import type { Attempt, Lock, LockGrant, LockHead, NewNode, Node, NodeHead, Progress, Task } from "../core/model.ts";
import type { Transition } from "../core/node.ts";
import type { SearchTerms } from "../core/resource-index.ts";
import type { ChainedRow, HashedRow } from "../protocol/chain.ts";
import type { Json } from "../protocol/json.ts";
import type { Labels, NodeStatus, TaskState } from "../protocol/types.ts";
import type { PrunableStore } from "./prunable-store.ts";
import type { SliceBounds } from "./slices.ts";
import type { VerifiableStore } from "./verifiable-store.ts";

export type { SliceBounds } from "./slices.ts";

/** How a node has ended, or stands. */
export interface Outcome {
  status: NodeStatus;
  /** What its result takes; null where that is more than was asked for. */
  bytes: number;
  result: { told: Json } | null;
}

/**
 * The durable state, in the domain's words: no SQL and no engine shows through.
 *
 * Every method that changes state takes the journal entry that records it, applies both, and returns the entry's seq;
 * nothing can change without being journalled. All calls are synchronous. Changes happen between `begin` and `commit`.
 */
export interface Store extends PrunableStore, VerifiableStore {
  readonly head: JournalHead;
  readonly totals: Readonly<Totals>;
  readonly schemaVersion: number;
  /** What the transaction that is open, or was last, has journalled. */
  readonly appended: readonly Entry[];

  /** @throws {StorageFailure} */
  begin(): void;
  /**
   * @throws {StorageFailure} with OUTCOME_UNKNOWN unless it is certain that nothing was kept, as when the database file
   * is no longer the one that was opened.
   */
  commit(): void;
  /** Leaves the transaction, whatever state it is in. */
  abandon(): void;
  /** Runs `work`; what it changed stays only if `keep` says so of its result, and never if it throws. */
  attempt<T>(work: () => T, keep: (result: T) => boolean): T;
  /** Closes and opens the database anew, as after a failed commit. @throws {StorageFailure} */
  reopen(): void;
  /** What a caught error says about the storage; null when it says nothing, and is a bug. */
  failureIn(error: unknown): StorageFailure | null;
  /** What is wrong with the storage now; null when it can be read. */
  check(): StorageFailure | null;
  close(): void;

  registerTask(task: Task, nodes: readonly NewNode[], entry: Entry): number;
  /** Adds nodes, for all of which those of `expandBefore` wait from then on. */
  addNodes(task: Task, nodes: readonly NewNode[], expandBefore: readonly string[], entry: Entry): number;
  /** Everything of the task that has not ended becomes FAILED with this error. */
  cancelTask(taskId: string, error: Json, entry: Entry): number;
  /** Sets what `task` says of priority and pause. */
  steerTask(task: Task, entry: Entry): number;
  task(taskId: string): Task | null;
  taskSummary(taskId: string): TaskSummary | null;
  /** Newest first, from the task before `beforeTaskId` (null: from the newest); null when that task is unknown. */
  listTasks(beforeTaskId: string | null, limit: number): Task[] | null;
  /** The same, of tasks of which a node is RUNNING. */
  runningTasks(beforeTaskId: string | null, limit: number): Task[] | null;
  /** Tasks of this name, newest first. */
  tasksNamed(name: string, limit: number): Task[];

  /** Nodes that are RUNNING, of all tasks; the lease that ends first comes first. */
  runningNodes(bounds: SliceBounds): Node[];
  /** Whether a node id is taken, by any task. */
  nodeExists(nodeId: string): boolean;
  nodeHead(nodeId: string): NodeHead | null;
  /** Null for a node without a name, undefined for no node. */
  nodeName(nodeId: string): string | null | undefined;
  /** The task's RUNNING node under this lease. */
  nodeUnderLease(taskId: string, leaseId: string): NodeHead | null;
  nodeIdByName(taskId: string, name: string): string | null;
  node(nodeId: string): Node | null;
  /** All nodes of a task in registration order, as they are now; each is read out when it is asked for. */
  nodesOf(taskId: string): Iterable<Node>;
  /** How the task's nodes stand to each other, in registration order. */
  dagOf(taskId: string): Dependent[];
  /** What its nodes' payloads and results take, in bytes. */
  payloadBytes(taskId: string): number;
  /** The same, with what each waits for and nothing else. */
  edgesOf(taskId: string): Edges[];
  /** How many dependencies the task's nodes have together. */
  dependencyCount(taskId: string): number;
  /** The next node to hand out, of the task or of any: by task priority, node priority, registration order. */
  nextRunnable(taskId: string | null, labels: Labels): Node | null;
  /** A node's status, and its result or error; null for a node nobody knows. */
  outcomeOf(nodeId: string, bytesMax: number): Outcome | null;
  /** Whether another node depends on it. */
  hasDependents(nodeId: string): boolean;
  /** Which of the node's dependencies are FAILED, in their order. */
  failedDependencies(nodeId: string): string[];
  /** Counts some more of the dependents of nodes that changed and have very many; false when there are none left. */
  countDependents(): boolean;
  /** Whether dependents are left to be counted: until then they wait as before. */
  readonly isCounting: boolean;
  /** PENDING nodes of the task, or of any, to be skipped, as one of their dependencies is FAILED. */
  nodesToSkip(taskId: string | null, limit: number): NodeHead[];
  /** Nodes of the task, or of any, that were skipped although none of their dependencies is FAILED any more. */
  nodesSkippedInVain(taskId: string | null, limit: number): NodeHead[];
  /** The newest attempts at the node that have ended and began before this fencing token was given, oldest first. */
  attemptsOf(nodeId: string, beforeToken: number, bounds: SliceBounds): Attempt[];
  attemptUnder(nodeId: string, leaseId: string): Attempt | null;
  /** RUNNING nodes of the task, or of any, whose lease is over. */
  expiredNodes(taskId: string | null, nowMs: number, limit: number): NodeHead[];
  /** RUNNING nodes of any task whose lease is over; zero-length leases are left to the next acquire. */
  dueNodes(nowMs: number, limit: number): NodeHead[];
  /** Makes nodes runnable whose delay is over; whether there were any. */
  endDelays(nowMs: number, limit: number): boolean;
  /** Keeps a node from being handed out as long as this lease holds locks. */
  holdBack(nodeId: string, leaseId: string): void;
  /** Whether there are such nodes. */
  readonly holdsBack: boolean;
  /** Lets all of them be tried again. */
  forgetHeldBack(): void;
  acquireNode(node: NodeHead, grant: LeaseGrant, entry: Entry): number;
  changeNode(transition: Transition): number;
  setNodePriority(nodeId: string, priority: number, entry: Entry): number;
  extendNodeLease(nodeId: string, expiresAtMs: number, ttlMs: number, nowMs: number): void;
  setProgress(nodeId: string, progress: Progress): void;

  /** What was noted beside the database of a newer journal than the one it held when it was opened; null: nothing. */
  readonly lostHead: JournalHead | null;
  /** Appends the row with which the journal goes on at `seq`, which is above all before it. */
  beginEpoch(seq: number, entry: Entry): number;

  appendEvent(entry: Entry): number;
  /** The first row the journal still holds; 1 as long as nothing was pruned. */
  oldestSeq(): number;
  /** The task's newest events (what the contract's `event_journal` shows), oldest first. */
  taskEvents(taskId: string, limit: number): JournalRow[];
  journalPage(filter: JournalFilter, afterSeq: number, bounds: PageBounds): JournalPage;

  /** Locks that may overlap with what these terms were made of, some of them maybe twice; read nothing else meanwhile. */
  locksNear(scope: string, terms: SearchTerms): Iterable<LockHead>;
  /** All that is known of a lock. */
  lockOf(head: LockHead): Lock | null;
  /** What a lease holds, in the order it was granted. */
  locksOf(leaseId: string): Lock[];
  /** Whether any lease has this owner and provider. */
  holdsAnything(owner: string, provider: string | null): boolean;
  /** Who holds this very key. */
  locksOn(scope: string, normalKey: string): Lock[];
  /** All locks on record, ordered by key. */
  locks(): Lock[];
  /** Whether case counts in what is held of a scope; null where nothing is. */
  ignoresCase(scope: string): boolean | null;
  /** Leases of the task's running nodes that hold locks. */
  leasesOfNodes(taskId: string): string[];
  /** Leases of locks that are over, the longest overdue first. */
  dueLockLeases(nowMs: number, limit: number): string[];
  /** Grants keys to a lease; one it holds already gets mode, purpose and fencing token of this grant. */
  grantLocks(grant: LockGrant, entry: Entry): number;
  extendLocks(leaseId: string, expiresAtMs: number, ttlMs: number, nowMs: number): void;
  /** Ends some or all locks of one lease; nodes it held back may be tried again. */
  endLocks(locks: readonly Lock[], entry: Entry): number;

  bundle(bundleId: string): BundleRecord | null;
  /** Ids of open bundles of a task, or else of a scope, oldest first. */
  openBundles(of: { scope: string | null; taskId: string | null }, limit: number): string[];
  /** Open bundles that have one of these paths, or one above or below it, newest first. */
  bundlesMeeting(scope: string, paths: readonly string[], limit: number): BundleRecord[];
  /** Newest first, from the bundle before `beforeId` (null: from the newest); null when that bundle is unknown. */
  listBundles(beforeId: string | null, limit: number): BundleRecord[] | null;
  submitBundle(bundle: BundleRecord, paths: readonly string[], entry: Entry): number;
  decideBundle(bundleId: string, status: BundleStatus, entry: Entry): number;
  /** The journal row with this seq. */
  journalRow(seq: number): JournalRow | null;

  /** Leases and locks on record, and how many of them are over. */
  countLeases(nowMs: number): LeaseCounts;
  /**
   * The next moment at which a lease, lock or delay is over; null when there is none. 0, which is over, while dependents
   * are to be counted, nodes to be skipped, or were in vain.
   */
  nextDeadlineMs(): number | null;
  shiftDeadlines(byMs: number): void;
  /** Gives every live lease and lock its full time again. */
  renewLeases(nowMs: number): void;

  /** Null for a key that was never used, or longer ago than answers are kept. */
  rememberedAnswer(key: string, nowMs: number): RememberedAnswer | null;
  rememberAnswer(key: string, answer: RememberedAnswer, nowMs: number): void;

  /** Journal rows after `afterSeq` with what is needed to recompute their hashes. */
  journalSlice(afterSeq: number, bounds: SliceBounds): ChainedRow[];
  /** The hash the row with this seq is chained to. */
  hashBefore(seq: number): string;
  /** The hash a row must have. */
  hashOf(previousHash: string, row: HashedRow): string;

  /** Whether a copy is being made. */
  readonly isBackingUp: boolean;
  /** Starts a consistent copy to a file that does not exist yet; one at a time. Refusal: INVALID_STATE. */
  startBackup(path: string): Decision<Backup>;
}

/** Kept with the journal's head, so that counting never scans. */
export interface Totals {
  tasks: number;
  /** Rows of the journal, and how many of them the original's would hold. */
  rows: number;
  events: number;
  nodes: Record<NodeStatus, number>;
}

export interface TaskSummary {
  state: TaskState;
  counts: Partial<Record<NodeStatus, number>>;
}

export interface PageBounds {
  /** Most rows of the page. */
  limit: number;
  /** Most journal rows looked at for it. */
  scanMax: number;
  /** The page ends after the row with which its payloads pass this many characters. */
  payloadCharsMax: number;
}

export interface JournalPage {
  rows: JournalRow[];
  /** Everything up to here was looked at. */
  nextAfterSeq: number;
}

export interface LeaseCounts {
  running: number;
  expiredRunning: number;
  locks: number;
  expiredLocks: number;
}

/** A copy of the database as it was when the backup started, made in steps between other work. */
export interface Backup {
  readonly bytes: number;
  /** Neither complete nor given up. */
  readonly active: boolean;
  /** Goes on; true when the copy is complete under its name. @throws {StorageFailure} */
  step(): boolean;
  /** Gives it up and removes what was written. */
  cancel(): void;
}

/** The answer an idempotency key stands for. */
export interface RememberedAnswer {
  method: string;
  paramsHash: string;
  /** The answer's `result` or `error` member as JSON text. */
  answer: string;
}

/** The storage could not do it; `kind` is the refusal every affected request gets. */
export class StorageFailure extends Error {
  readonly kind: "STORAGE_FULL" | "STORAGE_FAILED" | "OUTCOME_UNKNOWN";
  /** Whether the database must be reopened before it is trusted again; else the next try may simply succeed. */
  readonly reopen: boolean;

  constructor(kind: StorageFailure["kind"], message: string, { reopen }: { reopen: boolean }) {
    super(message);
    this.kind = kind;
    this.reopen = reopen;
  }
}
