import type { Result } from "../../protocol/methods.ts";
import { labelOf, progressOf } from "../node-text.ts";
import type { drawTree, Tree } from "../tree.ts";
import { oneLine } from "../text.ts";

type Status = Result<"TaskStatus">;
type Node = Parameters<typeof drawTree>[0][number];
export type Task = Result<"ListTasks">["tasks"][number];
export type Lock = Result<"ListResourceLocks">["locks"][number];
type Event = Result<"ListEvents">["events"][number];

/** What is known of the daemon at one moment: all a screen shows, and no more. */
export interface Model {
  /** The tasks were asked for; until then there may be any. */
  listed: boolean;
  /** ACTIVE ones first, then newest first. */
  tasks: readonly Task[];
  /** There are older tasks than those listed. */
  older: boolean;
  /** Of the tasks a screen can show; what ends first comes first. */
  leases: readonly Lease[];
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
  older: false,
  leases: [],
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

/** An event without its payload, which may be a megabyte. */
export interface EventLine {
  seq: number;
  atMs: number;
  action: string;
  taskId: string | null;
  nodeId: string | null;
  payload: string;
}

const payloadColumns = 200;

export function eventLine(event: Event): EventLine {
  return {
    seq: event.seq,
    atMs: Date.parse(event.timestamp),
    action: event.action_type,
    taskId: event.task_id,
    nodeId: event.node_id,
    payload: oneLine(JSON.stringify(event.payload), payloadColumns),
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

/** The newest page of tasks, and older ACTIVE ones, in the order they are shown. */
export function orderTasks(newest: readonly Task[], active: readonly Task[]): Task[] {
  const listed = new Set(newest.map(({ id }) => id));
  const all = [...newest, ...active.filter(({ id }) => !listed.has(id))];
  return [...all.filter(({ state }) => state === "ACTIVE"), ...all.filter(({ state }) => state !== "ACTIVE")];
}
