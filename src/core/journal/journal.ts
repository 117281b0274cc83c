import { genesisHash, type Origin } from "../../protocol/chain.ts";
import type { Json } from "../../protocol/json.ts";
import type { Subject } from "../../protocol/transition.ts";
import { type DaemonKind, type Kind, type OriginOf, type Payload, transitions } from "../../protocol/transitions.ts";

interface Stamp {
  /** Set exactly on what the contract calls events: client events, completions, failures and roll-backs. */
  id: string | null;
  timestampMs: number;
}

/** What a row is about. */
interface Named {
  taskId: string | null;
  nodeId: string | null;
}

/** What is about a node or a task names it. */
interface NamedBy extends Record<Subject, Named> {
  node: { taskId: string; nodeId: string };
  task: { taskId: string; nodeId: string | null };
}

type About<K extends Kind> = NamedBy[(typeof transitions)[K]["subject"]];

type OneEntry<K extends Kind> = Stamp & About<K> & { actionType: K; origin: OriginOf<K>; payload: Payload<K> };

/** A transition of one of these kinds about to be journalled. */
export type EntryOf<K extends Kind> = { [One in K]: OneEntry<One> }[K];

/** What a client tells in its own words, about to be journalled. */
export interface ClientEntry extends Stamp, Named {
  actionType: string;
  origin: "client";
  payload: Json;
}

/** A row about to be journalled. */
export type Entry = EntryOf<DaemonKind> | ClientEntry;

/** A row of the journal, as it is read: nobody vouches for what it tells. */
export interface JournalRow extends Stamp, Named {
  seq: number;
  actionType: string;
  origin: Origin;
  payload: Json;
}

/** Makes the entry of a transition. */
export function entryOf<K extends Kind>(
  actionType: K,
  { id = null, taskId, nodeId }: About<K> & { id?: string | null },
  payload: Payload<K>,
  timestampMs: number,
): OneEntry<K> {
  const { origin } = transitions[actionType];
  return { id, taskId, nodeId, actionType, origin, payload, timestampMs } as OneEntry<K>;
}

/** What is of no task. */
export const ofNoTask = { taskId: null, nodeId: null } as const;

/** What the original journals of its own doing. */
export const originalEnds = ["COMPLETE_NODE", "FAIL_NODE"] as const satisfies Kind[];

/** Whether the original's journal would hold the row: it has what clients tell of nodes, completions and failures. */
export function isOriginalEvent({
  id,
  taskId,
  origin,
  actionType,
}: Omit<JournalRow, "payload" | "seq" | "timestampMs">): boolean {
  return id !== null && taskId !== null && (origin === "client" || originalEnds.some((kind) => kind === actionType));
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
  actionTypes: ReadonlySet<string> | null;
}

export function matchesFilter(
  row: Pick<JournalRow, "taskId" | "nodeId" | "actionType">,
  filter: JournalFilter,
): boolean {
  return (
    (filter.taskId === null || row.taskId === filter.taskId) &&
    (filter.nodeId === null || row.nodeId === filter.nodeId) &&
    (filter.actionTypes === null || filter.actionTypes.has(row.actionType))
  );
}
