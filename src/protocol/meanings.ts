/** What each parameter means, once for all methods that take it; `Method.field` where a method means something else. */
const meanings: Readonly<Record<string, string>> = {
  task_id: "the task",
  node_id: "the node",
  lease_id: "the lease the caller holds, as the acquire gave it",
  goal: "what the task is for, in words",
  context: "whatever every worker of the task should know",
  initial_nodes: "the task's DAG, in the order nodes are handed out",
  "initial_nodes[].id": "the node's id, new to the store; without it one is made",
  "initial_nodes[].dependencies":
    "nodes of this call, by id or name, that must be COMPLETED first, or ended: see `on_dependency_failure`",
  "RegisterTask.name": "what people call the task",
  "RegisterTask.labels": "names and values to find the task by; `ListTasks` filters by them",
  "RegisterTask.priority": "which task goes first where a worker takes nodes of any task: the higher",
  nodes: "the new nodes, handed out after those there are",
  "nodes[].id": "the node's id, new to the store; without it one is made",
  "nodes[].dependencies": "nodes of the task, by id or name, new ones too, that must be COMPLETED first, or ended",
  expand_before: "PENDING nodes, by id or name, that get all new nodes as further dependencies",
  "AddNodes.lease_id":
    "where a worker adds what it found: the lease of its running node, which must be the current one",
  "AcquireNextNode.task_id": "the task; without it a node of any: by task priority, node priority, age",
  "AcquireNextNode.labels": "only nodes whose labels hold all of these",
  "AcquireNextNode.count":
    "at most so many nodes at once, fewer where their contexts are large; the result is then `{nodes, seq}`",
  "HeartbeatNode.progress": "how far the work is, for TaskStatus; without it, as told before",
  "ReleaseNode.delay_secs": "how long nobody gets the node",
  "TaskStatus.node_id": "only this node",
  "TaskStatus.attempts": "with the newest 100 attempts at each node",
  "ListTasks.labels": "only tasks whose labels hold all of these",
  "SetPriority.node_id": "the node; without it the priority is the task's",
  "SetPriority.priority": "the higher goes first",
  reason: "why, for people to read; workers learn it when their lease is refused",
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
  "AcquireNextNode.ttl_secs":
    "how long the lease runs from now and from each heartbeat; without it, what the node says, or the node timeout",
  "HeartbeatNode.ttl_secs": "how long the lease runs from now on; without it, as long as before",
  wait_ms: "how long to wait for a first event before answering with none",
  state: "only tasks in this state",
  before: "only tasks older than this one; give the last answer's `next_before` to go on",
  resource_key: "what is locked: `file:PATH`, `dir:PATH`, `glob:PATTERN`, or any other text",
  mode: "`shared` goes beside `shared`, `exclusive` beside nothing that overlaps",
  locks: "the keys that are wanted",
  "locks[].resource_key": "what is locked: `file:PATH`, `dir:PATH`, `glob:PATTERN`, or any other text",
  "locks[].mode": "`shared` goes beside `shared`, `exclusive` beside nothing that overlaps",
  scope:
    "whose paths and names are meant, such as a repository's common git directory; locks of two scopes never meet; without it, the global one",
  "AcquireResourceLock.wait_ms":
    "how long to wait in line, first come, first served per overlap, before answering null",
  "AcquireResourceLocks.wait_ms":
    "how long to wait in line, first come, first served per overlap, before answering null",
  "AcquireResourceLocks.lease_id":
    "a lease of the caller's own, to which the keys are added; with `node_id`, it may be that of the running node: what is added then ends with it",
  "HeartbeatResourceLock.resource_key": "one of the lease's keys; without it, whatever it holds",
  "HeartbeatResourceLock.scope": "the key's; without it, any in which the lease holds the key",
  "ReleaseResourceLock.resource_key": "the one key that is given back; without it, all that the lease holds",
  "ReleaseResourceLock.scope": "the key's; without it, any in which the lease holds the key",
  "ForceReleaseResourceLock.resource_key":
    "the key, spelled as its holder did or otherwise; not one that only overlaps",
  "ForceReleaseResourceLock.reason": "why, for people to read in the journal",
  paths: "paths that are wanted as `file:PATH` would be, exclusive; beside `locks` or alone",
  "CheckResourceLocks.owner": "whose locks stand in nobody's way: the caller's own name",
  guard: "which one, such as `pre-commit`",
  resource_keys: "the keys, or the first of them",
  "RecordGuardBypass.count": "how many keys there are in all",
  "ListResourceLocks.scope": "only locks of this scope",
  "ListResourceLocks.owner": "only locks of this owner",
  "ListResourceLocks.lease_id": "only locks of this lease",
  owner: "who asks, for people to read; it gives no rights",
  provider: "the owner's vendor or program",
  ttl_secs: "how long the lease runs; without it, as long as a node's",
  "AcquireResourceLock.task_id": "the task the lock is for, for people to read",
  "AcquireResourceLock.node_id": "the node the lock is for, for people to read",
  "AcquireResourceLocks.task_id": "the task the locks are for, for people to read",
  "AcquireResourceLocks.node_id": "the node the locks are for",
  metadata: "whatever others should know while the lock is held",
  path: "where on the daemon's machine; nothing may exist there",
};

/** The same for a node of RegisterTask's `initial_nodes` and AddNodes' `nodes`. */
const newNode: Readonly<Record<string, string>> = {
  name: "what people call the node, unique in the task; dependencies may use it",
  payload_schema: "what the node is to do; its worker gets it as it is",
  labels: "names and values that workers choose nodes by",
  priority: "which runnable node goes first: the higher, then the earlier registered",
  max_attempts: "how often a worker may try: FailNode makes the node PENDING again while attempts are left",
  max_lost_attempts:
    "how many leases may expire before the node fails; 0: any number; without it, the daemon's setting",
  backoff_secs:
    "longest pause before the second attempt, doubled before each further one; how much of it is waited is drawn at random",
  backoff_max_secs: "what the doubling stops at",
  ttl_secs: "how long its leases run, where the worker does not say; without it, the node timeout",
  resources: "resource keys its worker holds while it runs: it is handed out with their locks, or not at all",
  "resources[].resource_key": "what is locked: `file:PATH`, `dir:PATH`, `glob:PATTERN`, or any other text",
  "resources[].mode": "`shared` goes beside `shared`, `exclusive` beside nothing that overlaps",
  "resources[].scope": "whose paths and names are meant; without it, the global scope",
  on_dependency_failure:
    "what a dependency that FAILED means: `wait` until it is retried, `skip` (the node fails too), or `run` once all dependencies have ended",
};

/** What a parameter means; empty for one the table does not know, which a test forbids. */
export function meaningOf(method: string, path: string): string {
  return meanings[`${method}.${path}`] ?? meanings[path] ?? newNode[path.replace(/^(initial_)?nodes\[\]\./, "")] ?? "";
}
