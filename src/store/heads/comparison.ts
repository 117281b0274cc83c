import type { NodeEntry, TaskEntry } from "./entries.ts";
import type { Heads } from "./heads.ts";

/**
 * Where heads in memory differ from others, as those that were read from the tables anew; null where they do not. What
 * keeps a node from being handed out is known in memory alone.
 */
export function headsDifference(heads: Heads, others: Heads): string | null {
  const [tasks, expected] = [byId(heads.tasks), byId(others.tasks)];
  for (const id of new Set([...tasks.keys(), ...expected.keys()])) {
    const [its, theirs] = [tasks.get(id), expected.get(id)].map((task) => (task === undefined ? "none" : textOf(task)));
    if (its !== theirs) return `task ${id} is ${its} in memory, and ${theirs} in the tables`;
  }
  const [locks, known] = [byRow(heads), byRow(others)];
  for (const row of new Set([...locks.keys(), ...known.keys()])) {
    const [its, theirs] = [locks.get(row) ?? "none", known.get(row) ?? "none"];
    if (its !== theirs) return `lock ${row} is ${its} in memory, and ${theirs} in the tables`;
  }
  return null;
}

const byRow = ({ locks }: Heads) =>
  new Map([...locks.all].map(({ row, state }) => [row, JSON.stringify(ordered(state))]));

const byId = (tasks: Iterable<TaskEntry>) => new Map([...tasks].map((task) => [task.id, task]));

const textOf = ({ row, priority, paused, counts, open, nodes }: TaskEntry): string =>
  JSON.stringify({ row, priority, paused, counts, open, nodes: nodes.map(nodeTextOf) });

const nodeTextOf = ({ row, labels, state, dependents }: NodeEntry) => ({
  row,
  labels: labels.text,
  ...ordered({ ...state, heldBackBy: null }),
  dependents: dependents.map((node) => node.row).toSorted((a, b) => a - b),
});

const ordered = (state: object) => Object.fromEntries(Object.entries(state).toSorted(([a], [b]) => (a < b ? -1 : 1)));
