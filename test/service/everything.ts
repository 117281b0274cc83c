import { acquire, registerTask, type TestClient, type TestService } from "./harness.ts";
import { day, finishedTask, month } from "./pruning.ts";

/** Some of everything a database can hold. */
function tellStory(service: TestService): void {
  const client = service.client();
  finishedTask(client);
  client.call("AcquireResourceLock", { resource_key: "old", owner: "ann" });
  service.live(40 * day);
  client.call("PruneJournal", { older_than_secs: (30 * day) / 1000 });
  service.settle();

  const plan = [
    {
      name: "grammar",
      labels: { os: "linux" },
      max_attempts: 3,
      backoff_secs: 60,
      resources: [{ resource_key: "dir:src" }],
    },
    { name: "parser", dependencies: ["grammar"], on_dependency_failure: "skip" as const, priority: 3 },
    { name: "docs", payload_schema: { prompt: "write" }, ttl_secs: 900 },
    { name: "more" },
  ];
  const { task_id: taskId } = client.call("RegisterTask", {
    goal: "g",
    name: "port",
    labels: { a: "b" },
    initial_nodes: plan,
  });
  const first = acquire(client, taskId).claim;
  client.call("HeartbeatNode", { ...first, progress: { percent: 40, message: "half" } });
  client.call("FailNode", { ...first, error_payload: { why: "no" } });
  const second = acquire(client, taskId).claim;
  client.call("CommitEvent", { ...second, action_type: "progress", payload: { done: 1 } }, "an event");
  client.call("CompleteNode", { ...second, result_payload: { built: true } });
  const third = acquire(client, taskId).claim;
  client.call("HeartbeatNode", { ...third, progress: { percent: 40, message: "half" } });
  const doomed = client.call("RegisterTask", { goal: "doomed", initial_nodes: [{}, {}] });
  client.call("PauseTask", { task_id: doomed.task_id });
  const failing = client.call("RegisterTask", {
    goal: "failing",
    initial_nodes: [
      { name: "a" },
      { name: "b", dependencies: ["a"] },
      { name: "c", resources: [{ resource_key: "k" }] },
    ],
  });
  client.call("FailNode", { ...acquire(client, failing.task_id).claim, error_payload: 1 });
  client.call("AcquireResourceLocks", {
    owner: "ann",
    provider: "codex",
    locks: [{ resource_key: "dir:lib/./x" }, { resource_key: "glob:{a,b}/*.ts", mode: "shared" }],
    scope: "repository",
    metadata: { why: "move" },
  });
  client.call("AcquireResourceLock", { resource_key: "k", owner: "bob" });
  // One node runs with its resources, and one waits for what bob holds.
  const ours = client.call("RegisterTask", {
    goal: "h",
    initial_nodes: [{ resources: [{ resource_key: "file:own" }] }],
  });
  acquire(client, ours.task_id);
  client.call("AcquireNextNode", { task_id: failing.task_id });
  for (const path of ["src/a", "src/b"]) submit(client, path);
  const decided = submit(client, "src/c");
  client.call("DecidePatchBundle", {
    bundle_id: decided.bundle_id,
    decision: "rejected",
    reason: "no",
    decided_by: "ann",
  });
}

const submit = (client: TestClient, path: string) =>
  client.call("SubmitPatchBundle", {
    provider: "codex",
    owner: "ann",
    scope: "repository",
    base_revision: "1".repeat(40),
    head_revision: "2".repeat(40),
    touched_paths: [path],
    diff_summary: "s",
    confidence: "medium",
    verification: [{ command: "bun test", exit_code: 0 }],
  });

/** Old rows are about to leave, of which none has. */
function beginPruning(service: TestService): void {
  const client = service.client();
  for (let n = 0; n < 3; n++) finishedTask(client);
  service.live(40 * day);
  registerTask(client, 1);
  // What belongs to no task, and is too young to leave.
  const { lease_id } = client.call("AcquireResourceLock", { resource_key: "young", owner: "ann" }) ?? { lease_id: "" };
  client.call("ReleaseResourceLock", { lease_id });
  client.send("PruneJournal", { older_than_secs: month });
  while (!service.store.reads.pruning.isUnderWay()) service.turn();
}

export const stories = { everything: tellStory, pruning: beginPruning };
export type Story = keyof typeof stories;
