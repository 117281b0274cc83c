import { expect, test } from "bun:test";
import { TestService } from "./harness.ts";

test("running nodes of all tasks are listed, the lease that ends first comes first, and their tasks are found", () => {
  using service = new TestService();
  const client = service.client();
  const register = (goal: string, nodes: string[]) =>
    client.call("RegisterTask", { goal, initial_nodes: nodes.map((name) => ({ name })) }).task_id;
  const acquire = (task_id: string, ttl_secs: number) =>
    client.call("AcquireNextNode", { task_id, lease_owner: "ann", ttl_secs });
  const old = register("old", ["a", "b", "c"]);
  const idle = register("idle", ["d"]);
  const young = register("young", ["e"]);
  acquire(old, 300);
  acquire(old, 100);
  acquire(young, 200);

  const { nodes, total } = client.call("ListRunningNodes", {});
  expect(nodes.map(({ task_id, name, lease_owner }) => [task_id, name, lease_owner])).toEqual([
    [old, "b", "ann"],
    [young, "e", "ann"],
    [old, "a", "ann"],
  ]);
  expect(total).toBe(3);
  expect(client.call("ListRunningNodes", { limit: 1 })).toMatchObject({ nodes: [{ name: "b" }], total: 3 });

  const goals = (params: object) => client.call("ListTasks", params).tasks.map(({ goal }) => goal);
  expect([goals({ running: true }), goals({})]).toEqual([
    ["young", "old"],
    ["young", "idle", "old"],
  ]);
  expect(client.call("ListTasks", { running: true, limit: 1 }).next_before).toBe(young);
  expect(goals({ running: true, limit: 1, before: young })).toEqual(["old"]);
  client.call("CancelTask", { task_id: old, reason: "" });
  expect(goals({ running: true })).toEqual(["young"]);
  expect(idle).not.toBe(old);
});

test("a running node's long payload ends the page, and the total still counts all", () => {
  using service = new TestService();
  const client = service.client();
  const initial_nodes = [1, 2].map(() => ({ payload_schema: "x".repeat(300_000) }));
  for (let n = 0; n < 3; n++) {
    const { task_id } = client.call("RegisterTask", { goal: "g", initial_nodes });
    for (const _ of initial_nodes) client.call("AcquireNextNode", { task_id });
  }
  const { nodes, total } = client.call("ListRunningNodes", {});
  expect([nodes.length, total]).toEqual([4, 6]);
});
