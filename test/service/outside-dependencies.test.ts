import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { oneNode } from "../../src/protocol/methods/nodes.ts";
import { fastDirectory } from "../support/fast-directory.ts";
import { month } from "./pruning.ts";
import { nthId, type TestClient, TestService } from "./harness.ts";

/* Databases of the original's may hold nodes that wait for those of other tasks, which are not always in memory. */

const directory = mkdtempSync(join(fastDirectory, "agentd-outside-"));
afterAll(() => rmSync(directory, { recursive: true }));

const [waits, other, waiting, awaited] = [nthId(0xa1), nthId(0xa2), nthId(0xb1), nthId(0xb2)] as const;

/** One task has a node that waits; another one has, where it has a status, the node that this one waits for. */
function adopted(status: "PENDING" | "FAILED" | "COMPLETED" | null): TestService {
  const file = join(directory, `${status}.db`);
  const db = new Database(file);
  const node = (id: string, taskId: string, its: string, dependencies: string) =>
    `INSERT INTO dag_nodes VALUES ('${id}', '${taskId}', '${its}', '${dependencies}', '{}', NULL, NULL, NULL, NULL, NULL, 0);`;
  db.run(`
    CREATE TABLE global_tasks (id TEXT PRIMARY KEY, goal TEXT, context TEXT, created_at TEXT);
    CREATE TABLE dag_nodes (id TEXT PRIMARY KEY, task_id TEXT, status TEXT, dependencies TEXT, payload_schema TEXT,
      result_payload TEXT, acquired_at INT, lease_id TEXT, lease_owner TEXT, lease_expires_at INT, updated_at INT);
    INSERT INTO global_tasks VALUES ('${waits}', 'waits', '{}', '2026-01-31T12:00:00.000Z'),
      ('${other}', 'other', '{}', '2026-01-31T12:00:00.000Z');
    ${node(waiting, waits, "PENDING", `["${awaited}"]`)}
    ${status === null ? "" : node(awaited, other, status, "[]")}`);
  db.close(true);
  return new TestService({ copyOf: file });
}

/** Completes the next node there is; which. */
function completeNext(client: TestClient): string | undefined {
  const lease = oneNode(client.call("AcquireNextNode", {}));
  if (lease === null) return undefined;
  const { task_id, node_id, lease_id } = lease;
  client.call("CompleteNode", { task_id, node_id, lease_id, result_payload: 1 });
  return node_id;
}

test("a node runs once that of another task has, which had failed and is tried again", () => {
  using service = adopted("FAILED");
  const client = service.client();
  client.call("RetryNode", { task_id: other, node_id: awaited });
  expect([completeNext(client), completeNext(client)]).toEqual([awaited, waiting]);
});

test("a node runs once that of another task has, which ended in vain meanwhile", () => {
  using service = adopted("PENDING");
  const client = service.client();
  client.call("CancelTask", { task_id: other, reason: "no" });
  client.call("RetryNode", { task_id: other, node_id: awaited });
  expect([completeNext(client), completeNext(client)]).toEqual([awaited, waiting]);
});

test("a node runs once that of another task has, which nobody knew before", () => {
  using service = adopted(null);
  const client = service.client();
  client.call("RegisterTask", { goal: "late", initial_nodes: [{ id: awaited }] });
  expect([completeNext(client), completeNext(client)]).toEqual([awaited, waiting]);
});

test("what another task's node waits for does not leave the journal, and that one can run after a restart", () => {
  using service = adopted("COMPLETED");
  service.pass(2_000 * month);
  expect(service.client().call("PruneJournal", { older_than_secs: month })).toMatchObject({ tasks: 0 });
  service.restart();
  expect(completeNext(service.client())).toBe(waiting);
});
