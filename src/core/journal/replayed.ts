import type { Json } from "../../protocol/json.ts";
import { type DaemonKind, type Payload, readPayload } from "../../protocol/transitions.ts";
import type { LockMode, NodeStatus } from "../../protocol/types.ts";
import type { BundleStatus } from "../bundles/bundle.ts";
import type { JournalRow } from "./journal.ts";
import type { NodePolicy } from "../../protocol/node-fields.ts";
import type { FailureCause } from "../model.ts";

/* The state as a replay of the journal rebuilds it. Payloads and labels are JSON text. */

export interface ReplayedTask {
  /** Rises in the order of registration. */
  place: number;
  goal: string;
  context: string;
  createdAtMs: number;
  name: string | null;
  labels: string;
  priority: number;
  policy: string;
  paused: boolean;
  /** How many of its nodes have each status. */
  counts: Record<NodeStatus, number>;
}

export interface ReplayedNode {
  /** Rises in the order of registration. */
  place: number;
  taskId: string;
  name: string | null;
  labels: string;
  priority: number;
  policy: NodePolicy;
  status: NodeStatus;
  failure: FailureCause | null;
  failedAttempts: number;
  lostAttempts: number;
  dependencies: string;
  payloadSchema: string;
  resources: string;
  /** JSON text, or null while there is none. */
  resultPayload: string | null;
  acquiredAtMs: number | null;
  leaseId: string | null;
  leaseOwner: string | null;
  fencingToken: number | null;
  /** When it last changed; a heartbeat changes it, too, and is not journalled. Null: before it was adopted. */
  updatedAtMs: number | null;
  /** Until when it was put off when it became PENDING; whether that time is over is not journalled. */
  notBeforeMs: number | null;
  /** All attempts that have ended, told by `withAttempt`. */
  attempts: string;
}

export interface ReplayedLock {
  /** Rises in the order of first grants. */
  place: number;
  leaseId: string;
  resourceKey: string;
  scope: string;
  mode: LockMode;
  ignoreCase: boolean;
  endsWithNode: boolean;
  owner: string;
  provider: string | null;
  taskId: string | null;
  nodeId: string | null;
  metadata: string;
  acquiredAtMs: number;
  fencingToken: number;
}

export interface ReplayedBundle {
  /** Rises in the order of submissions. */
  place: number;
  seq: number;
  status: BundleStatus;
  provider: string;
  owner: string;
  scope: string;
  baseRevision: string;
  headRevision: string | null;
  pathCount: number;
  /** The paths under which it is found while it is open, as `pathsText` tells them. */
  paths: string;
  diffChars: number;
  diffSummary: string;
  confidence: string;
  verified: string;
  supersedes: string | null;
  submittedAtMs: number;
  taskId: string | null;
  nodeId: string | null;
  decidedSeq: number | null;
  decidedAtMs: number | null;
  /** JSON text, or null while it is open. */
  decision: string | null;
}

/** A journal row that no daemon following the rules can have written. */
export class ImpossibleRow extends Error {}

/** An attempt as it is compared: its error as JSON text, null where it has none. */
export interface ReplayedAttempt {
  fencingToken: number;
  leaseId: string | null;
  leaseOwner: string | null;
  startedAtMs: number;
  endedAtMs: number;
  outcome: string;
  error: string | null;
}

/** Attempts so far and one more, in a text that `brief` keeps short however many there are. */
export function withAttempt(attempts: string, attempt: ReplayedAttempt, brief: (text: string) => string): string {
  const { fencingToken, leaseId, leaseOwner, startedAtMs, endedAtMs, outcome, error } = attempt;
  const told = [fencingToken, leaseId, leaseOwner, startedAtMs, endedAtMs, outcome, error];
  return brief(`${attempts}\n${JSON.stringify(told)}`);
}

/** Paths of an open bundle in one text, in whatever order they come. */
export const pathsText = (paths: readonly string[]): string => JSON.stringify(paths.toSorted());

const digestMax = 2 ** 48;

/** Sums of these stand for sets of ids, in whatever order they come. */
export function digestOf(id: string): number {
  let digest = 1;
  for (let i = 0; i < id.length; i++) digest = (digest * 31 + id.charCodeAt(i)) % digestMax;
  return digest;
}

/** How a kind changes the state of type `State`. */
export type Apply<State, K extends DaemonKind> = (state: State, row: RowHead, payload: Payload<K>) => void;

/** A row without what it tells. */
export type RowHead = Omit<JournalRow, "payload">;

/** Applies a row of this kind. @throws {ImpossibleRow} where the daemon cannot have written it */
export function applyRow<State, K extends DaemonKind>(
  appliers: { readonly [A in K]: Apply<State, A> },
  kind: K,
  state: State,
  row: JournalRow,
): void {
  const payload = readPayload(kind, row.payload);
  if (payload === null) throw new ImpossibleRow("its payload is not what the daemon writes");
  appliers[kind](state, row, payload);
}

type Fields = Record<string, Json>;

export function fields(value: Json | undefined): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new ImpossibleRow("its payload is not what the daemon writes");
}

export function text(value: Json | undefined): string {
  if (typeof value === "string") return value;
  throw new ImpossibleRow("its payload is not what the daemon writes");
}

/** A value as its text stands in a column. */
export function json(state: { readonly brief: (text: string) => string }, value: Json | undefined): string {
  return state.brief(JSON.stringify(value ?? null));
}
