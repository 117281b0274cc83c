/** What each parameter means, once for all methods that take it; `Method.field` where a method means something else. */
const meanings: Readonly<Record<string, string>> = {
  task_id: "the task",
  node_id: "the node",
  lease_id: "the lease the caller holds, as the acquire gave it",
  goal: "what the task is for, in words",
  context: "whatever every worker of the task should know",
  initial_nodes: "the task's DAG, in the order nodes are handed out",
  "initial_nodes[].id": "the node's id, new to the store; without it one is made",
  "initial_nodes[].dependencies": "nodes of this call that must be COMPLETED first",
  "initial_nodes[].payload_schema": "what the node is to do; its worker gets it as it is",
  lease_owner: "who asks, for people to read; it gives no rights",
  result_payload: "the result; nodes that depend on this one get it",
  error_payload: "what went wrong",
  "CommitEvent.lease_id": "required while the node is RUNNING, and then the current one",
  action_type: "the event's kind, for readers to filter by",
  payload: "the event itself",
  "ListEvents.task_id": "only events of this task",
  "ListEvents.node_id": "only events of this node",
  action_types: "only events of these kinds",
  after_seq: "only events after this place; give the last answer's `next_after_seq` to go on",
  limit: "entries of the page",
  "AcquireNextNode.wait_ms": "how long to wait for a node to become runnable before answering null",
  "AcquireNextNode.ttl_secs": "how long the lease runs from now and from each heartbeat; without it, the node timeout",
  "HeartbeatNode.ttl_secs": "how long the lease runs from now on; without it, as long as before",
  wait_ms: "how long to wait for a first event before answering with none",
  state: "only tasks in this state",
  before: "only tasks older than this one; give the last answer's `next_before` to go on",
  resource_key: "what is locked, such as `file:src/lib.rs`",
  owner: "who asks, for people to read; it gives no rights",
  provider: "the owner's vendor or program",
  ttl_secs: "how long the lease runs; without it, as long as a node's",
  "AcquireResourceLock.task_id": "the task the lock is for, for people to read",
  "AcquireResourceLock.node_id": "the node the lock is for, for people to read",
  metadata: "whatever others should know while the lock is held",
  path: "where on the daemon's machine; nothing may exist there",
};

/** What a parameter means; empty for one the table does not know, which a test forbids. */
export function meaningOf(method: string, path: string): string {
  return meanings[`${method}.${path}`] ?? meanings[path] ?? "";
}
