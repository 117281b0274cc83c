import type { MemoryFault, MemorySlice } from "../tables/verification-reads.ts";
import type { Tables } from "../tables/open-tables.ts";
import type { NodeEntry, TaskEntry } from "./entries.ts";
import { Heads } from "./heads.ts";
import { HeldLocks, type LockEntry } from "./held-locks.ts";
import { loadTask } from "./loading.ts";

/**
 * Compares heads in memory with what the tables say of the same tasks, those after a row: as many as have so many nodes
 * together, and one at least. What keeps a node from being handed out is known in memory alone.
 */
export function compareTasks(heads: Heads, tables: Tables, afterTask: number, nodesMax: number): MemorySlice {
  const expected = new Heads(tables.dependencies.statusOf);
  let lastRow: number | null = null;
  for (const task of tables.tasks.active(afterTask)) {
    loadTask(task, expected, tables);
    if (expected.size < nodesMax) continue;
    lastRow = task.row;
    break;
  }
  // Where rows were altered, a task may have no nodes that go on: those leave, as they left the memory.
  expected.commit();
  const upTo = lastRow ?? Number.POSITIVE_INFINITY;
  const found = [...heads.tasks].filter(({ row }) => row > afterTask && row <= upTo);
  const fault = firstFault([found, heads], [expected.tasks, expected]) ?? pruningFault(heads, tables);
  return { fault, lastRow };
}

function pruningFault({ isPruning: found }: Heads, { pruning }: Tables): MemoryFault | null {
  const expected = pruning.isUnderWay();
  return found === expected ? null : { where: "pruning in memory", field: "isUnderWay", expected, found };
}

/** The same for so many locks after a row. */
export function compareLocks({ locks }: Heads, tables: Tables, afterLock: number, limit: number): MemorySlice {
  const stored = Iterator.from(tables.locks.all(afterLock)).take(limit).toArray();
  const lastRow = stored.length < limit ? null : (stored.at(-1)?.row ?? null);
  const expected = new HeldLocks([]);
  expected.load(stored);
  const upTo = lastRow ?? Number.POSITIVE_INFINITY;
  const found = Iterator.from(locks.after(afterLock)).filter(({ row }) => row <= upTo);
  return { fault: lockFault([found, locks], [expected.all, expected]), lastRow };
}

/** Entries, and what they are of. */
type Side<Entry, Of = Heads> = readonly [entries: Iterable<Entry>, of: Of];

function firstFault(found: Side<TaskEntry>, expected: Side<TaskEntry>): MemoryFault | null {
  for (const [id, its, theirs] of pairs(found, expected, (task) => task.id)) {
    const where = `task ${id} in memory`;
    if (its === undefined || theirs === undefined) return missing(where, its, theirs);
    const fault =
      nodeFault([its.nodes, found[1]], [theirs.nodes, expected[1]]) ??
      first(where, taskFields, (read) => [read(its, found[1]), read(theirs, expected[1])]);
    if (fault !== null) return fault;
  }
  return null;
}

function nodeFault(found: Side<NodeEntry>, expected: Side<NodeEntry>): MemoryFault | null {
  for (const [id, its, theirs] of pairs(found, expected, ({ state }) => state.id)) {
    const where = `node ${id} in memory`;
    if (its === undefined || theirs === undefined) return missing(where, its, theirs);
    // By whom it is held back is known in memory alone, and keeps it from being ready.
    const { state } = its;
    const fault =
      first(where, theirs.state, (value, field) => [field === "heldBackBy" ? value : state[field], value]) ??
      first(where, nodeFields, (read, field) => {
        const value = read(theirs, expected[1]);
        return [read(its, found[1]), field === "isReady" ? value && state.heldBackBy === null : value];
      });
    if (fault !== null) return fault;
  }
  return null;
}

function lockFault(found: Side<LockEntry, HeldLocks>, expected: Side<LockEntry, HeldLocks>): MemoryFault | null {
  for (const [, its, theirs] of pairs(found, expected, ({ row }) => String(row))) {
    const where = `lock ${(theirs ?? its)?.state.resourceKey} in memory`;
    if (its === undefined || theirs === undefined) return missing(where, its, theirs);
    const fault =
      first(where, theirs.state, (value, field) => [its.state[field], value]) ??
      first(where, lockFields, (read) => [read(its, found[1]), read(theirs, expected[1])]);
    if (fault !== null) return fault;
  }
  return null;
}

/** Everything that is on either side, and what it is on both. */
function pairs<Entry>([found]: Side<Entry, unknown>, [expected]: Side<Entry, unknown>, idOf: (entry: Entry) => string) {
  const here = new Map(Iterator.from(found).map((entry) => [idOf(entry), entry]));
  const there = new Map(Iterator.from(expected).map((entry) => [idOf(entry), entry]));
  const ids = new Set([...there.keys(), ...here.keys()]);
  return ids.values().map((id) => [id, here.get(id), there.get(id)] as const);
}

const missing = (where: string, found: object | undefined, expected: object | undefined): MemoryFault => {
  return { where, field: "existence", expected: expected !== undefined, found: found !== undefined };
};

/** The first field that is not on both sides what `valuesOf` tells of it. */
function first<Fields extends object>(
  where: string,
  fields: Fields,
  valuesOf: (its: Fields[keyof Fields], field: keyof Fields) => [found: unknown, expected: unknown],
): MemoryFault | null {
  for (const field in fields) {
    const [found, expected] = valuesOf(fields[field], field);
    if (!isSame(found, expected)) return { where, field, expected, found };
  }
  return null;
}

/** A lease, a policy or counts are the same where all their fields are. */
function isSame(found: unknown, expected: unknown): boolean {
  if (Object.is(found, expected)) return true;
  if (typeof found !== "object" || typeof expected !== "object" || found === null || expected === null) return false;
  const its: Record<string, unknown> = { ...found };
  return Object.entries(expected).every(([field, value]) => Object.is(its[field], value));
}

const taskFields = {
  row: ({ row }: TaskEntry) => row,
  priority: ({ priority }: TaskEntry) => priority,
  paused: ({ paused }: TaskEntry) => paused,
  counts: ({ counts }: TaskEntry) => counts,
  open: ({ open }: TaskEntry) => open,
  isUnsettled: (task: TaskEntry, { unsettled }: Heads) => unsettled.has(task),
  nodes: ({ nodes }: TaskEntry) => nodes.map(({ state }) => state.id).join(" "),
};

/** Beside its state: who waits for it, and the queues in which it stands. */
const nodeFields = {
  row: ({ row }: NodeEntry) => row,
  labels: ({ labels }: NodeEntry) => labels.text,
  dependents: ({ dependents, task }: NodeEntry) => idsIn(dependents.filter((other) => other.task === task)),
  isReady: ({ readyAt }: NodeEntry) => readyAt >= 0,
  isDue: ({ dueAt }: NodeEntry) => dueAt >= 0,
  isRunning: (node: NodeEntry, { running }: Heads) => running.has(node),
  isToFollow: ({ followsAt }: NodeEntry) => followsAt >= 0,
  isUnderLease: (node: NodeEntry, heads: Heads) => heads.underLease(node.state.lease?.id ?? "") === node,
};

/** Beside its state: whether it is found by that. */
const lockFields = {
  terms: ({ terms }: LockEntry) => terms.map(({ term }) => term).join(" "),
  isDue: ({ dueAt }: LockEntry) => dueAt >= 0,
  isOnItsKey: (lock: LockEntry, locks: HeldLocks) => locks.held(lock.state) === lock,
  isOfItsLease: (lock: LockEntry, locks: HeldLocks) => locks.ofLease(lock.state.leaseId).includes(lock),
};

const idsIn = (nodes: readonly NodeEntry[]): string =>
  nodes
    .toSorted((a, b) => a.row - b.row)
    .map(({ state }) => state.id)
    .join(" ");
