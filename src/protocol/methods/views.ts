import * as v from "valibot";
import { policyView } from "../node-fields.ts";
import {
  attemptOutcome,
  count,
  iso,
  json,
  lockMode,
  nodeStatus,
  priority,
  seq,
  text,
  unixMs,
  unixSecs,
  uuid,
} from "../types.ts";

const labelsView = v.record(v.string(), text);

/** A task as every method shows it. */
export const taskView = v.object({
  id: uuid,
  goal: text,
  context: json,
  created_at: iso,
  name: v.nullable(text),
  labels: labelsView,
  priority,
  paused: v.boolean(),
  policy: v.object({
    require_intent: v.boolean(),
    require_progress: v.boolean(),
    require_result: v.boolean(),
    require_bundle: v.boolean(),
  }),
});

/** A resource key a node declares. */
const nodeResourceView = v.object({ resource_key: text, mode: lockMode, scope: v.nullable(text) });

/** How far a running node's worker says it is. */
export const progressView = v.object({
  percent: v.nullable(v.pipe(v.number(), v.title("number"))),
  message: v.nullable(text),
});

const nodeEntries = {
  id: uuid,
  task_id: uuid,
  status: nodeStatus,
  dependencies: v.array(uuid),
  payload_schema: json,
  result_payload: json,
  acquired_at: v.nullable(unixSecs),
  lease_id: v.nullable(uuid),
  lease_owner: v.nullable(text),
  lease_expires_at: v.nullable(unixSecs),
  lease_expires_at_ms: v.nullable(unixMs),
  fencing_token: v.nullable(seq),
  updated_at: unixSecs,
  name: v.nullable(text),
  labels: labelsView,
  priority,
  failed_attempts: count,
  lost_attempts: count,
  resources: v.array(nodeResourceView),
};

/** A node as AcquireNextNode shows it. */
export const nodeView = v.object(nodeEntries);

/** One lease of a node, from grant to end; what runs now has no end yet. */
export const attemptView = v.object({
  lease_id: v.nullable(uuid),
  lease_owner: v.nullable(text),
  fencing_token: seq,
  started_at_ms: unixMs,
  ended_at_ms: v.nullable(unixMs),
  outcome: v.nullable(attemptOutcome),
  error_payload: json,
});

/**
 * A node as TaskStatus shows it: how it is tried, how far it is, in `blocked_by` the failed nodes it waits behind,
 * directly or not, and in `held_back_by` the lease whose locks kept the last worker from taking it.
 */
export const nodeStatusView = v.object({
  ...nodeEntries,
  ...policyView,
  not_before_ms: v.nullable(unixMs),
  progress: v.nullable(progressView),
  blocked_by: v.array(uuid),
  held_back_by: v.nullable(uuid),
  attempts: v.optional(v.array(attemptView)),
});

/** An event in an acquired node's context, as the original shows it. */
export const contextEventView = v.object({
  id: uuid,
  task_id: uuid,
  node_id: uuid,
  action_type: text,
  payload: json,
  timestamp: iso,
});

/** A row of the journal. Ids are null where the row has none. */
export const journalRowView = v.object({
  seq,
  id: v.nullable(uuid),
  task_id: v.nullable(uuid),
  node_id: v.nullable(uuid),
  action_type: text,
  origin: v.picklist(["daemon", "client"]),
  payload: json,
  timestamp: iso,
});

/** A resource lock as its holder gets it; a null scope is the global one. */
export const lockEntries = {
  resource_key: text,
  scope: v.nullable(text),
  mode: lockMode,
  lease_id: uuid,
  owner: text,
  provider: v.nullable(text),
  task_id: v.nullable(uuid),
  node_id: v.nullable(uuid),
  metadata: json,
  acquired_at: unixSecs,
  lease_expires_at: unixSecs,
  lease_expires_at_ms: unixMs,
  fencing_token: seq,
};

export type NodeView = v.InferOutput<typeof nodeView>;
export type NodeStatusView = v.InferOutput<typeof nodeStatusView>;
export type AttemptView = v.InferOutput<typeof attemptView>;
export type TaskView = v.InferOutput<typeof taskView>;
export type JournalRowView = v.InferOutput<typeof journalRowView>;

/** Who holds what overlaps with a key. */
export const holder = v.object({
  resource_key: text,
  scope: v.nullable(text),
  mode: lockMode,
  lease_id: uuid,
  owner: text,
  provider: v.nullable(text),
  task_id: v.nullable(uuid),
  node_id: v.nullable(uuid),
  intent: v.nullable(text),
  intent_omitted: v.optional(v.literal(true)),
  acquired_at: unixSecs,
  lease_expires_at: unixSecs,
  lease_expires_at_ms: unixMs,
  fencing_token: seq,
  own: v.boolean(),
});

/** Who waits for what overlaps with a key, first come first. */
export const waiting = v.object({
  resource_key: text,
  scope: v.nullable(text),
  mode: lockMode,
  owner: text,
  provider: v.nullable(text),
  since_ms: unixMs,
});

export type LockHolderView = v.InferOutput<typeof holder>;
