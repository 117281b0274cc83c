import type { Json } from "../protocol/json.ts";
import type { KindAbout } from "../protocol/transitions.ts";
import type { BundleRecord, BundleStatus } from "./bundles/bundle.ts";
import type { ClientEntry, EntryOf } from "./journal/journal.ts";
import type { LeaseGrant } from "./lease/lease.ts";
import type { LockEntry } from "./locks/lock.ts";
import type { LockGrant, LockHead, NewNode, NodeHead, Progress, Task } from "./model.ts";
import type { After, NodeChange } from "./dag/node.ts";
import type { Gap, LeavingRows, LeavingTasks } from "./journal/prune.ts";

/**
 * All that can happen to the state, as data: it can be written down as JSON, read with `parseStored`, which keeps numbers
 * to the letter, and applied again elsewhere. What an effect does depends on the state and on itself alone; the time it
 * needs is its own, and so is how much of something it does at once. Where it has an entry, it is journalled. Of the others
 * no journal tells: heartbeats and progress, deadlines that the clock moved, delays that are over, nodes held back for a
 * lock, answers that are remembered, and the steps in which what was pruned leaves.
 */
export type Effect = TaskEffect | NodeEffect | LockEffect | BundleEffect | JournalEffect | ClockEffect | AnswerEffect;

type TaskEffect =
  | { kind: "registerTask"; task: Task; nodes: readonly NewNode[]; entry: EntryOf<"REGISTER_TASK"> }
  /** For all of these nodes those of `expandBefore` wait from then on. */
  | {
      kind: "addNodes";
      task: SteeredTask;
      nodes: readonly NewNode[];
      expandBefore: readonly string[];
      entry: EntryOf<"ADD_NODES">;
    }
  /** Everything of the task that has not ended becomes FAILED with this error. */
  | { kind: "cancelTask"; taskId: string; error: Json; entry: EntryOf<"CANCEL_TASK"> }
  | { kind: "steerTask"; task: SteeredTask; entry: EntryOf<KindAbout<"task">> };

type NodeEffect =
  | { kind: "acquireNode"; node: MovedNode; grant: LeaseGrant; entry: EntryOf<"ACQUIRE_NODE"> }
  | { kind: "changeNode"; node: MovedNode; after: After; entry: NodeChange["entry"] }
  | { kind: "setNodePriority"; nodeId: string; priority: number; entry: EntryOf<"SET_PRIORITY"> }
  /** The lease of the node and of all locks under it. */
  | { kind: "extendNodeLease"; nodeId: string; expiresAtMs: number; ttlMs: number; nowMs: number }
  | { kind: "setProgress"; nodeId: string; progress: Progress }
  /** Keeps a node from being handed out as long as this lease holds locks. */
  | { kind: "holdBack"; nodeId: string; leaseId: string }
  /** Lets all of them be tried again. */
  | { kind: "forgetHeldBack" };

type LockEffect =
  /** A key that the lease holds already gets mode, purpose and fencing token of this grant. */
  | { kind: "grantLocks"; grant: LockGrant; entry: LockEntry }
  | { kind: "extendLocks"; leaseId: string; expiresAtMs: number; ttlMs: number; nowMs: number }
  /** Some or all locks of one lease; nodes it held back may be tried again. */
  | { kind: "endLocks"; locks: readonly EndedLock[]; entry: LockEntry };

type BundleEffect =
  | { kind: "submitBundle"; bundle: BundleRecord; paths: readonly string[]; entry: EntryOf<"SUBMIT_PATCH_BUNDLE"> }
  | { kind: "decideBundle"; bundleId: string; status: BundleStatus; entry: EntryOf<"DECIDE_PATCH_BUNDLE"> };

type JournalEffect =
  | { kind: "appendEvent"; entry: ClientEntry | EntryOf<"conflict"> }
  /** The entry gets this seq, which is above all before it. */
  | { kind: "beginEpoch"; seq: number; entry: EntryOf<"RESTORE_DATABASE"> }
  /**
   * From here on the tasks are gone, and their rows with those of no task leave the journal up to `cutSeq`, but for the
   * leases and bundles that stay: the next three take them out. Not while another is under way.
   */
  | { kind: "beginPruning"; leaving: LeavingTasks; left: LeavingRows; entry: EntryOf<"PRUNE_JOURNAL"> }
  /** Rows leave, and bundles with their submissions; everything up to `uptoSeq` was looked at. */
  | { kind: "takeOutRows"; gaps: readonly Gap[]; bundles: readonly string[]; uptoSeq: number }
  /** At most so many nodes of a task that leaves, once there are no more rows to take out. */
  | { kind: "takeOutNodes"; limit: number }
  /** So many pages of the file, where it has such, go back to the file system; pruning is over with the `last` of them. */
  | { kind: "freePages"; pages: number; last: boolean };

type ClockEffect =
  | { kind: "shiftDeadlines"; byMs: number }
  /** Gives every live lease and lock its full time again. */
  | { kind: "renewLeases"; nowMs: number }
  /** Makes nodes runnable whose delay is over, at most so many. */
  | { kind: "endDelays"; nowMs: number; limit: number };

/** At most so many answers that were remembered until `untilMs` are dropped for it. */
type AnswerEffect = {
  kind: "rememberAnswer";
  key: string;
  answer: RememberedAnswer;
  nowMs: number;
  dropped: { untilMs: number; limit: number };
};

/** What a task says that its nodes repeat. */
export type SteeredTask = Pick<Task, "id" | "priority" | "paused">;

/** A node as it is before it moves. */
export type MovedNode = Pick<NodeHead, "id" | "taskId" | "status">;

/** What finds a lock that is held. */
export type EndedLock = Pick<LockHead, "leaseId" | "scope" | "normalKey">;

/** The answer an idempotency key stands for. */
export interface RememberedAnswer {
  method: string;
  paramsHash: string;
  /** The answer's `result` or `error` member as JSON text. */
  answer: string;
}

export const movedNode = ({ id, taskId, status }: NodeHead): MovedNode => ({ id, taskId, status });

export function nodeChanged({ node, after, entry }: NodeChange): Effect {
  return { kind: "changeNode", node: movedNode(node), after, entry };
}

export function locksEnded(locks: readonly LockHead[], entry: LockEntry): Effect {
  const ended = locks.map(({ leaseId, scope, normalKey }) => ({ leaseId, scope, normalKey }));
  return { kind: "endLocks", locks: ended, entry };
}
