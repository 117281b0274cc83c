import { genesisHash, type Origin } from "../protocol/chain.ts";
import type { Json } from "../protocol/json.ts";

/**
 * The transitions the daemon journals, each in the transaction that makes it. Clients may give their own events any
 * name, also one of these; `origin` tells the two apart.
 */
export const actions = {
  registerTask: "REGISTER_TASK",
  addNodes: "ADD_NODES",
  cancelTask: "CANCEL_TASK",
  pauseTask: "PAUSE_TASK",
  resumeTask: "RESUME_TASK",
  setPriority: "SET_PRIORITY",
  acquireNode: "ACQUIRE_NODE",
  rollBackNode: "TIMEOUT_ROLLBACK",
  completeNode: "COMPLETE_NODE",
  failNode: "FAIL_NODE",
  releaseNode: "RELEASE_NODE",
  skipNode: "SKIP_NODE",
  retryNode: "RETRY_NODE",
  acquireLock: "ACQUIRE_RESOURCE_LOCK",
  takeOverLock: "TAKE_OVER_RESOURCE_LOCK",
  releaseLock: "RELEASE_RESOURCE_LOCK",
  expireLock: "EXPIRE_RESOURCE_LOCK",
  forceReleaseLock: "FORCE_RELEASE_RESOURCE_LOCK",
  guardBypass: "GUARD_BYPASS",
  submitBundle: "SUBMIT_PATCH_BUNDLE",
  decideBundle: "DECIDE_PATCH_BUNDLE",
  /** What the daemon sees of an event that clients commit too. */
  noteConflict: "conflict",
  /** Rows before it have left for an archive. */
  pruneJournal: "PRUNE_JOURNAL",
  /** From here on an older copy of the database goes on, in a new epoch: seqs between have been given and are lost. */
  restoreDatabase: "RESTORE_DATABASE",
  adoptTask: "ADOPT_TASK",
  adoptLock: "ADOPT_RESOURCE_LOCK",
} as const;

/** A row about to be journalled. */
export interface Entry {
  /** Set exactly on what the contract calls events: client events, completions, failures and roll-backs. */
  id: string | null;
  taskId: string | null;
  nodeId: string | null;
  actionType: string;
  origin: Origin;
  payload: Json;
  timestampMs: number;
}

/** A row of the journal. */
export interface JournalRow extends Entry {
  seq: number;
}

/** Whether the original's journal would hold the row: it has what clients tell of nodes, completions and failures. */
export function isOriginalEvent({ id, taskId, origin, actionType }: Omit<Entry, "payload">): boolean {
  const isEnd = actionType === actions.completeNode || actionType === actions.failNode;
  return id !== null && taskId !== null && (origin === "client" || isEnd);
}

/** The journal's newest row. */
export interface JournalHead {
  seq: number;
  hash: string;
}

/** The journal before its first row. */
export const genesis: JournalHead = { seq: 0, hash: genesisHash };

/** Which rows of the journal a reader wants. Null means any. */
export interface JournalFilter {
  taskId: string | null;
  nodeId: string | null;
  actionTypes: readonly string[] | null;
}

export function matchesFilter(row: Omit<Entry, "payload">, filter: JournalFilter): boolean {
  return (
    (filter.taskId === null || row.taskId === filter.taskId) &&
    (filter.nodeId === null || row.nodeId === filter.nodeId) &&
    (filter.actionTypes === null || filter.actionTypes.includes(row.actionType))
  );
}
