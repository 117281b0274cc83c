import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { acquire, TestService } from "../../service/harness.ts";
import { failureOf } from "../failures.ts";

/* Rows of nodes that somebody altered, of tasks that have not ended, and of some that have. */

/** A service that has one node that runs, one that waits for it, and one of a task that has ended. */
function started(): TestService {
  const service = new TestService({ replicates: false });
  const client = service.client();
  const plan = [
    { name: "runs", labels: { os: "linux" } },
    { name: "waits", dependencies: ["runs"] },
  ];
  const { task_id } = client.call("RegisterTask", { goal: "g", initial_nodes: plan });
  acquire(client, task_id);
  const ended = client.call("RegisterTask", { goal: "ended", initial_nodes: [{ name: "ended" }] });
  client.call("CancelTask", { task_id: ended.task_id, reason: "no" });
  return service;
}

function restartAltered(service: TestService, node: string, change: string): void {
  service.restart(() => {
    const db = new Database(service.database);
    db.run(`UPDATE nodes SET ${change} WHERE name = '${node}'`);
    db.close(true);
  });
}

test.each([
  ["runs", "labels = 'hello'"],
  ["runs", "labels = 'null'"],
  ["waits", "dependencies = 'x'"],
  ["waits", "dependencies = 'null'"],
  ["waits", "dependencies = '5'"],
  ["waits", `dependencies = '{"a":1}'`],
  ["waits", "dependencies = '[1,null]'"],
  ["waits", "status = 'RUNNING'"],
  ["runs", "lease_expires_at_ms = NULL"],
  ["runs", "lease_ttl_ms = NULL"],
  ["runs", "fencing_token = NULL"],
])("a daemon does not start with an active node %s whose row has %s, and says what to do", (node, change) => {
  using service = started();
  const { kind, message } = failureOf(() => restartAltered(service, node, change));
  expect(kind).toBe("STORAGE_FAILED");
  expect(message).toMatch(/^the database is damaged: the row of node \S+ was altered \(.*agentd restore FILE$/);
});

test("who brings a task back whose row was altered is refused alone", () => {
  using service = started();
  restartAltered(service, "ended", "labels = 'hello'");
  const client = service.client();
  const ended = client.call("ListTasks", {}).tasks.find(({ goal }) => goal === "ended");
  client.send("AddNodes", { task_id: ended?.id ?? "", nodes: [{}] });
  client.send("RegisterTask", { goal: "another's" });
  service.settle();
  expect(client.answers.map(({ error }) => error?.data.kind)).toEqual(["INTERNAL", undefined]);
});

test("a node that was not skipped, and says so, is not retried over and over", () => {
  using service = started();
  restartAltered(service, "waits", "failure = 'skipped'");
  expect(service.turn()).toBe(false);
  expect(service.bugs).toEqual([]);
});
