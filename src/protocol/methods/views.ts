import * as v from "valibot";
import { iso, json, nodeStatus, seq, text, unixMs, unixSecs, uuid } from "../types.ts";

/** A task as every method shows it. */
export const taskView = v.object({ id: uuid, goal: text, context: json, created_at: iso });

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
};

/** A node as AcquireNextNode shows it. */
export const nodeView = v.object(nodeEntries);

/** A node as TaskStatus shows it: `blocked_by` names the failed nodes it waits behind, directly or not. */
export const nodeStatusView = v.object({ ...nodeEntries, blocked_by: v.array(uuid) });

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

/** A resource lock as its holder gets it. */
export const lockEntries = {
  resource_key: text,
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
export type TaskView = v.InferOutput<typeof taskView>;
export type JournalRowView = v.InferOutput<typeof journalRowView>;
