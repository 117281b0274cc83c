import { afterEach, beforeEach, expect, test } from "bun:test";
import { acquire, type TestClient, TestService } from "./harness.ts";

/* Nodes of tasks that have not ended are kept in memory, and so there is a limit to how many. */

const activeNodesMax = 3;
let service: TestService;
let client: TestClient;

beforeEach(() => {
  service = new TestService({ settings: { activeNodesMax } });
  client = service.client();
});
afterEach(() => service[Symbol.dispose]());

const register = (nodes: number) =>
  client.call("RegisterTask", { goal: "g", initial_nodes: Array.from({ length: nodes }, () => ({})) });

/** A task of two nodes that has ended, the first of them FAILED. */
function endedTask() {
  const { task_id } = register(2);
  const { claim } = acquire(client, task_id);
  client.call("FailNode", { ...claim, error_payload: "why" });
  client.call("CompleteNode", { ...acquire(client, task_id).claim, result_payload: 1 });
  return { task_id, node_id: claim.node_id };
}

/** What a refusal says of the limit, and that nothing came of it. */
function expectRefused(got: number, ask: () => { error?: { message: string; data: object } }): void {
  const { seq } = service.store.reads.head;
  const { error } = ask();
  expect(error?.data).toMatchObject({ kind: "LIMIT_EXCEEDED", limit: "active_nodes_max", max: activeNodesMax, got });
  expect(error?.message).toContain("AGENTD_ACTIVE_NODES_MAX");
  expect(service.store.reads.head.seq).toBe(seq);
  expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true });
}

test("a task is refused where it would bring a node too many, until some have ended", () => {
  const { task_id } = register(2);
  expectRefused(4, () => client.ask("RegisterTask", { goal: "g", initial_nodes: [{}, {}] }));
  register(1);
  register(0);
  client.call("CancelTask", { task_id, reason: "r" });
  register(2);
});

test("nodes are refused where they would be too many, of a task that has ended together with its own", () => {
  const { task_id } = endedTask();
  expectRefused(4, () => client.ask("AddNodes", { task_id, nodes: [{}, {}] }));
  client.call("AddNodes", { task_id, nodes: [{}] });
  expectRefused(4, () => client.ask("AddNodes", { task_id, nodes: [{}] }));
});

test("a retry is refused where its task would come back with too many, and not where it is there still", () => {
  const { task_id, node_id } = endedTask();
  const other = register(2);
  expectRefused(4, () => client.ask("RetryNode", { task_id, node_id }));
  client.call("CancelTask", { task_id: other.task_id, reason: "r" });
  client.call("RetryNode", { task_id, node_id });
  client.call("AddNodes", { task_id, nodes: [{}] });
  const { claim } = acquire(client, task_id);
  client.call("FailNode", { ...claim, error_payload: "why" });
  client.call("RetryNode", { task_id, node_id: claim.node_id });
});
