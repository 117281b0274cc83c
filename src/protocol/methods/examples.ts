/** Ids and times the examples of all methods share, so that they read as one story. */
export const task_id = "0197f3a2-5c1e-7b64-9d3a-2f6e8c1b4a70";
export const node_id = "6f1a8a5e-0d5b-4f0e-9c57-3d2b1a0f9e88";
export const earlier_node_id = "2d7c4e19-8b3f-4a6d-b1e0-5c9f7a8d6e21";
export const lease_id = "b1c9d7e2-4f3a-4e8b-a6d5-0f1e2d3c4b5a";
export const event_id = "e4d3c2b1-a098-4765-8432-10fedcba9876";
/** A lease of locks, beside that of the node. */
export const lock_lease_id = "a7e0c3d9-51f2-4c6b-8d14-9b2f6e5a3c70";
export const created_at = "2026-01-31T12:34:56.789Z";
export const acquired_at = 1769862900;
export const lease_expires_at = acquired_at + 300;
export const lease_expires_at_ms = lease_expires_at * 1000;

/** The story's task and its running node, as views show them. */
export const task = {
  id: task_id,
  goal: "Port the parser",
  context: { repository: "widgets" },
  created_at,
  name: null,
  labels: {},
  priority: 0,
  paused: false,
};
export const node = {
  id: node_id,
  task_id,
  status: "RUNNING" as const,
  dependencies: [earlier_node_id],
  payload_schema: { prompt: "write the parser" },
  result_payload: null,
  acquired_at,
  lease_id,
  lease_owner: "codex-1",
  lease_expires_at,
  lease_expires_at_ms,
  fencing_token: 4,
  updated_at: acquired_at,
  name: "parser",
  labels: { kind: "code" },
  priority: 0,
  failed_attempts: 0,
  lost_attempts: 0,
  resources: [{ resource_key: "dir:src/parser", mode: "exclusive" as const, scope: null }],
};
