import type { Result } from "../../protocol/methods.ts";
import { eventWords } from "../journal/text.ts";
import { labelOf, progressOf } from "../node/text.ts";
import type { Tree } from "../task/tree.ts";
import { oneLine } from "../text.ts";

type Status = Result<"TaskStatus">;
type Node = Result<"ListRunningNodes">["nodes"][number];
export type Task = Result<"ListTasks">["tasks"][number];
/** A lock, and who waits for it as far as that was asked. */
export type Lock = Result<"ListResourceLocks">["locks"][number] & { waiters: readonly string[] };
type Event = Result<"ListEvents">["events"][number];

/** What is known of the daemon at one moment: all a screen shows, and no more. */
export interface Model {
  /** The tasks were asked for; until then there may be any. */
  listed: boolean;
  /** Those that run first, then ACTIVE ones, then newest first. */
  tasks: readonly Task[];
  /** What ends first comes first. */
  leases: readonly Lease[];
  /** How many there are of all, listed or not. */
  totals: { tasks: number; running: number };
  locks: readonly Lock[];
  /** The last ones, oldest first. */
  events: readonly EventLine[];
  /** The task looked into; null where all tasks are shown. */
  opened: Opened | null;
  /** Why the daemon does not answer now. */
  away: string | null;
}

export const unknown: Model = {
  listed: false,
  tasks: [],
  leases: [],
  totals: { tasks: 0, running: 0 },
  locks: [],
  events: [],
  opened: null,
  away: null,
};

/** A task looked into. Its tree is laid out once for each status, and not for each frame. */
export interface Opened extends Pick<Status, "state" | "counts"> {
  task: Status["task"] & Pick<Task, "name" | "paused">;
  tree: Tree;
  leases: readonly Lease[];
}

/** A running node. */
export interface Lease {
  taskId: string;
  nodeId: string;
  label: string;
  progress: string;
  owner: string;
  expiresAtMs: number;
}

/** An event with as much of what it tells as a line has room for. */
export interface EventLine {
  seq: number;
  atMs: number;
  action: string;
  taskId: string | null;
  nodeId: string | null;
  words: string;
}

const wordsColumns = 200;

export function eventLine(event: Event): EventLine {
  return {
    seq: event.seq,
    atMs: Date.parse(event.timestamp),
    action: event.action_type,
    taskId: event.task_id,
    nodeId: event.node_id,
    words: oneLine(eventWords(event), wordsColumns),
  };
}

export function leasesOf(nodes: readonly Node[]): Lease[] {
  return nodes.flatMap((node) =>
    node.status === "RUNNING" && node.lease_expires_at_ms !== null
      ? [
          {
            taskId: node.task_id,
            nodeId: node.id,
            label: labelOf(node),
            progress: progressOf(node),
            owner: node.lease_owner ?? "anonymous",
            expiresAtMs: node.lease_expires_at_ms,
          },
        ]
      : [],
  );
}

/** Pages of tasks, each newest first, in the order they are shown: those that run, ACTIVE ones, the rest; each once. */
export function orderTasks(...pages: readonly (readonly Task[])[]): Task[] {
  const all = [...new Map(pages.flat().map((task) => [task.id, task])).values()];
  const rank = ({ state, counts }: Task) => ((counts.RUNNING ?? 0) > 0 ? 0 : state === "ACTIVE" ? 1 : 2);
  return all.toSorted((a, b) => rank(a) - rank(b));
}
