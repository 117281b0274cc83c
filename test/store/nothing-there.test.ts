import { describe, expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { acquireNode, skipNode } from "../../src/core/dag/node.ts";
import { addNodes, cancellation, cancelTask, pauseTask, registerTask, setPriority } from "../../src/core/dag/task.ts";
import { isRefusal } from "../../src/core/decision.ts";
import { type Effect, locksEnded, movedNode, nodeChanged } from "../../src/core/effects.ts";
import { entryOf } from "../../src/core/journal/journal.ts";
import { pruneEntry } from "../../src/core/journal/prune.ts";
import { expireLocks } from "../../src/core/locks/lock.ts";
import type { Lock } from "../../src/core/model.ts";
import { openStore } from "../../src/store/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { differenceOf } from "../service/replica.ts";
import { newNode, newTask, nodeHead } from "../support/specimen.ts";
import { asTold, register, within } from "./story.ts";
import { openedAtMs, TemporaryDirectory } from "./temporary.ts";

/*
 * Effects come from rules that have looked first. One about what is not there is a bug: it throws, so that its unit is
 * undone and the journal tells nothing of it, or there is nothing that it could change.
 */

type Of<Kind extends Effect["kind"]> = Extract<Effect, { kind: Kind }>;
type Case<Kind extends Effect["kind"]> =
  | { throws: string; effect: Of<Kind> }
  | { changes: "nothing"; effect: Of<Kind> }
  /** It makes what it is about, or tells of it in the words of clients, who may name what they like. */
  | "needs nothing to be there";

const task = newTask({ id: "no task" });
const node = nodeHead({ id: "no node", taskId: "no task" });
const grant = { id: "lease", owner: "ann", expiresAtMs: 9, ttlMs: 5 };
const lock: Lock = {
  resourceKey: "k",
  normalKey: "k",
  scope: "",
  mode: "exclusive",
  ignoreCase: false,
  leaseId: "no lease",
  owner: "ann",
  provider: null,
  taskId: null,
  nodeId: null,
  metadata: null,
  endsWithNode: false,
  acquiredAtMs: 1,
  expiresAtMs: 2,
  ttlMs: 1,
  fencingToken: 1,
  updatedAtMs: 1,
};
const waiting = [newNode({ id: "b", dependencies: ["no node"] })];
const pruned = { olderThanMs: 1, cutSeq: 1, rows: 0, tasks: 1, archive: "a", archiveSha256: "0".repeat(64) };
const verdict = {
  status: "REJECTED",
  reason: "no",
  decided_by: "ann",
  merged_revision: null,
  alternatives: [],
} as const;

const accepted = <T extends object>(decision: T) => {
  if (isRefusal(decision)) throw new Error(decision.message);
  return decision as Exclude<T, { refusal: unknown }>;
};

const cases: { [Kind in Effect["kind"]]: Case<Kind> } = {
  registerTask: {
    throws: "dependency no node",
    effect: { kind: "registerTask", task, nodes: waiting, entry: registerTask(task, waiting) },
  },
  addNodes: {
    throws: "task no task",
    effect: { kind: "addNodes", task, nodes: [], expandBefore: [], entry: addNodes(task.id, [], [], null, 3) },
  },
  cancelTask: {
    throws: "task no task",
    effect: {
      kind: "cancelTask",
      taskId: task.id,
      error: cancellation("why"),
      entry: accepted(cancelTask(task, 1, "why", 3)) as Of<"cancelTask">["entry"],
    },
  },
  steerTask: {
    throws: "task no task",
    effect: { kind: "steerTask", task, entry: pauseTask(task, true, 3) as Of<"steerTask">["entry"] },
  },
  acquireNode: {
    throws: "node no node",
    effect: { kind: "acquireNode", node: movedNode(node), grant, entry: acquireNode(node, grant, 3) },
  },
  changeNode: { throws: "node no node", effect: nodeChanged(skipNode(node, [], 3)) as Of<"changeNode"> },
  setNodePriority: {
    throws: "node no node",
    effect: { kind: "setNodePriority", nodeId: node.id, priority: 3, entry: setPriority(task.id, node.id, 3, 3) },
  },
  extendNodeLease: {
    throws: "node no node",
    effect: { kind: "extendNodeLease", nodeId: node.id, expiresAtMs: 9, ttlMs: 5, nowMs: 3 },
  },
  setProgress: {
    throws: "node no node",
    effect: { kind: "setProgress", nodeId: node.id, progress: { percent: 1, message: null } },
  },
  holdBack: { throws: "node no node", effect: { kind: "holdBack", nodeId: node.id, leaseId: "lease" } },
  forgetHeldBack: { changes: "nothing", effect: { kind: "forgetHeldBack" } },
  grantLocks: "needs nothing to be there",
  // The lease of a node need hold no locks.
  extendLocks: {
    changes: "nothing",
    effect: { kind: "extendLocks", leaseId: "no lease", expiresAtMs: 9, ttlMs: 5, nowMs: 3 },
  },
  endLocks: {
    throws: "lease no lease",
    effect: locksEnded([lock], expireLocks([lock], 3)) as Of<"endLocks">,
  },
  submitBundle: "needs nothing to be there",
  decideBundle: {
    throws: "bundle no bundle",
    effect: {
      kind: "decideBundle",
      bundleId: "no bundle",
      status: "REJECTED",
      entry: entryOf(
        "DECIDE_PATCH_BUNDLE",
        { taskId: null, nodeId: null },
        { bundle_id: "no bundle", ...verdict, alternatives: [] },
        3,
      ),
    },
  },
  appendEvent: "needs nothing to be there",
  beginEpoch: "needs nothing to be there",
  beginPruning: {
    throws: "task no task",
    effect: {
      kind: "beginPruning",
      leaving: { tasks: [task.id], strangers: [], cutSeq: 1, staying: [] },
      left: { rows: 0, events: 0 },
      entry: pruneEntry(pruned, 3),
    },
  },
  takeOutRows: { throws: "pruning", effect: { kind: "takeOutRows", gaps: [], bundles: [], uptoSeq: 1 } },
  takeOutNodes: { throws: "pruning", effect: { kind: "takeOutNodes", limit: 9 } },
  freePages: { changes: "nothing", effect: { kind: "freePages", pages: 1, last: true } },
  shiftDeadlines: { changes: "nothing", effect: { kind: "shiftDeadlines", byMs: -5 } },
  renewLeases: { changes: "nothing", effect: { kind: "renewLeases", nowMs: 3 } },
  endDelays: { changes: "nothing", effect: { kind: "endDelays", nowMs: 3, limit: 9 } },
  rememberAnswer: "needs nothing to be there",
};

/** Where the tables differ afterwards from those of a task whose one node is PENDING, and nothing else. */
function differenceAfter(work: (store: Store) => void): string | null {
  using directory = new TemporaryDirectory();
  const [file, before] = ["state.db", "before.db"].map((name) => join(directory.path, name)) as [string, string];
  inStore(file, (store) => within(store, () => register(store, "a task", { "a node": [] })));
  copyFileSync(file, before);
  inStore(file, work);
  return differenceOf(file, before);
}

function inStore(file: string, work: (store: Store) => void): void {
  const store = openStore(file, () => openedAtMs);
  try {
    work(store);
  } finally {
    store.close();
  }
}

const those = Object.entries(cases).flatMap(([kind, its]) => (typeof its === "string" ? [] : [[kind, its] as const]));
const throwing = those.flatMap(([kind, its]) => ("throws" in its ? [[kind, its.throws, its.effect] as const] : []));
const idle = those.flatMap(([kind, its]) => ("changes" in its ? [[kind, its.effect] as const] : []));

describe("about what is not there", () => {
  test.each(throwing)("%s throws, names it, and leaves the unit as it was", (_, named, effect) => {
    const difference = differenceAfter((store) => {
      const before = asTold(store);
      within(store, () => {
        const attempt = () =>
          store.savepoint(
            () => store.apply(effect),
            () => true,
          );
        expect(attempt).toThrow(named);
        expect(store.appended).toEqual([]);
      });
      expect(asTold(store)).toEqual(before);
    });
    expect(difference).toBeNull();
  });

  test.each(idle)("%s changes nothing", (_, effect) => {
    expect(differenceAfter((store) => within(store, () => store.apply(effect)))).toBeNull();
  });
});

test.each<[string, Effect]>([
  ["extended", { kind: "extendNodeLease", nodeId: "a node", expiresAtMs: 9, ttlMs: 5, nowMs: 3 }],
  ["told progress of", { kind: "setProgress", nodeId: "a node", progress: { percent: 1, message: null } }],
])("a node that does not run has no lease to be %s", (_, effect) => {
  const difference = differenceAfter((store) =>
    within(store, () => expect(() => store.apply(effect)).toThrow("RUNNING node a node")),
  );
  expect(difference).toBeNull();
});

test("a node that runs is given to nobody else", () => {
  const taken = nodeHead({ id: "a node", taskId: "a task" });
  const effect: Effect = { kind: "acquireNode", node: movedNode(taken), grant, entry: acquireNode(taken, grant, 3) };
  differenceAfter((store) => {
    within(store, () => store.apply(effect));
    store.begin();
    expect(() => store.apply(effect)).toThrow("PENDING node a node");
    store.abandon();
    expect(store.reads.totals.nodes).toEqual({ PENDING: 0, RUNNING: 1, COMPLETED: 0, FAILED: 0 });
  });
});
