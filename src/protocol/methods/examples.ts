/** Ids and times the examples of all methods share, so that they read as one story. */
export const task_id = "0197f3a2-5c1e-7b64-9d3a-2f6e8c1b4a70";
export const node_id = "6f1a8a5e-0d5b-4f0e-9c57-3d2b1a0f9e88";
export const earlier_node_id = "2d7c4e19-8b3f-4a6d-b1e0-5c9f7a8d6e21";
export const lease_id = "b1c9d7e2-4f3a-4e8b-a6d5-0f1e2d3c4b5a";
export const event_id = "e4d3c2b1-a098-4765-8432-10fedcba9876";
export const bundle_id = "c4b7e1d0-6a2f-4d38-9e51-7b3c0f8a2d94";
export const other_bundle_id = "9d2e6f41-0c85-4b7a-a3f2-e1d8c5b09f67";
export const base_revision = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
export const head_revision = "8e1c0f5d3b2a49678e1c0f5d3b2a49678e1c0f5d";
export const diff = [
  "diff --git a/src/lexer.rs b/src/lexer.rs",
  "index 0b5fa63..d6d6899 100644",
  "--- a/src/lexer.rs",
  "+++ b/src/lexer.rs",
  "@@ -1 +1 @@",
  "-fn next() {}",
  "+fn next() -> Token {}",
  "",
].join("\n");
/** A lease of locks, beside that of the node. */
export const lock_lease_id = "a7e0c3d9-51f2-4c6b-8d14-9b2f6e5a3c70";
/** The story's repository, as locks and bundles know it. */
export const scope = "/srv/widgets/.git";
/** One of its work trees, where the story's agents stand. */
export const cwd = "/srv/widgets";
export const created_at = "2026-01-31T12:34:56.789Z";
export const acquired_at = 1769862900;
const lease_expires_at = acquired_at + 300;
/** When the story's leases end. */
export const deadline = { lease_expires_at, lease_expires_at_ms: lease_expires_at * 1000 };

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
  policy: { require_intent: false, require_progress: false, require_result: false, require_bundle: false },
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
  ...deadline,
  fencing_token: 4,
  updated_at: acquired_at,
  name: "parser",
  labels: { kind: "code" },
  priority: 0,
  failed_attempts: 0,
  lost_attempts: 0,
  resources: [{ resource_key: "dir:src/parser", mode: "exclusive" as const, scope }],
};

/** The story's patch bundle, as a list shows it. */
export const bundle = {
  bundle_id,
  status: "SUBMITTED" as const,
  provider: "codex",
  owner: "codex-1",
  scope,
  base_revision,
  head_revision: null,
  path_count: 1,
  diff_summary: "one line of the lexer",
  confidence: "high" as const,
  verified: "passed" as const,
  task_id: null,
  node_id: null,
  supersedes: null,
  submitted_at: created_at,
  seq: 9,
  decision: null,
};
