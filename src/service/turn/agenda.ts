import type { Effect } from "../../core/effects.ts";
import type { Reads } from "../../store/reads.ts";

/** What the daemon has to do of its own accord, and when the next of each kind is due; null while nothing is. */
export const agenda = {
  nodes: ({ leases }: Reads) => leases.nextDeadlineMs("nodes"),
  locks: ({ leases }: Reads) => leases.nextDeadlineMs("locks"),
  delays: ({ leases }: Reads) => leases.nextDeadlineMs("delays"),
  /** What follows from changes of nodes is due at once, and so over like a deadline. */
  changes: ({ dag }: Reads) => (dag.isSettled() ? null : 0),
  pruning: ({ pruning }: Reads) => (pruning.isUnderWay() ? 0 : null),
} satisfies Record<string, (reads: Reads) => number | null>;

export type Item = keyof typeof agenda;
export const allItems = Object.keys(agenda) as Item[];

/** Of which items the next may be due at another time after an effect: only these are asked for after its commit. */
export const itemsMovedBy: Readonly<Record<Effect["kind"], readonly Item[]>> = {
  registerTask: ["changes"],
  addNodes: ["changes"],
  cancelTask: ["nodes", "locks", "delays", "changes"],
  steerTask: [],
  acquireNode: ["nodes"],
  changeNode: ["nodes", "delays", "changes"],
  setNodePriority: [],
  extendNodeLease: ["nodes", "locks"],
  setProgress: [],
  holdBack: [],
  forgetHeldBack: [],
  grantLocks: ["locks"],
  extendLocks: ["locks"],
  endLocks: ["locks"],
  submitBundle: [],
  decideBundle: [],
  appendEvent: [],
  beginEpoch: [],
  beginPruning: ["pruning"],
  takeOutRows: ["pruning"],
  takeOutNodes: ["changes", "pruning"],
  freePages: ["pruning"],
  shiftDeadlines: ["nodes", "locks", "delays"],
  renewLeases: ["nodes", "locks"],
  endDelays: ["delays"],
  rememberAnswer: [],
};
