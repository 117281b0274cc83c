import { describe, expect, test } from "bun:test";
import { Office } from "./office.ts";

describe("a node with resources", () => {
  const register = (office: Office, ...nodes: string[][]) =>
    office.named("boss").call("RegisterTask", {
      goal: "g",
      initial_nodes: nodes.map((keys, n) => ({
        name: `n${n}`,
        resources: keys.map((resource_key) => ({ resource_key })),
      })),
    }).task_id;
  const acquire = (office: Office, task_id: string) => {
    const node = office.named("worker").call("AcquireNextNode", { task_id, lease_owner: "worker" });
    return node === null || "nodes" in node ? null : node;
  };

  test("is handed out with their locks, or passed over for the next", () => {
    using office = new Office();
    const held = office.take("ann", ["file:a"]);
    const task = register(office, ["dir:."], ["file:b"]);
    expect(acquire(office, task)?.context.node.name).toBe("n1");
    expect(acquire(office, task)).toBeNull();
    office.release("ann", held);
    expect(acquire(office, task)).toBeNull();
  });

  test.each(["CompleteNode", "FailNode", "ReleaseNode", "CancelTask", "its lease's end", "force"])(
    "holds them until %s, and then whoever waits for them has them",
    (how) => {
      using office = new Office();
      const task_id = register(office, ["dir:src"]);
      const node = acquire(office, task_id);
      if (node === null) throw new Error("nothing is runnable");
      const { node_id, lease_id } = node;
      office.wait("ann", ["file:src/a"]);
      const worker = office.named("worker");
      if (how === "CompleteNode") worker.call("CompleteNode", { task_id, node_id, lease_id, result_payload: 1 });
      else if (how === "FailNode") worker.call("FailNode", { task_id, node_id, lease_id, error_payload: 1 });
      else if (how === "ReleaseNode") worker.call("ReleaseNode", { task_id, node_id, lease_id });
      else if (how === "CancelTask") worker.call("CancelTask", { task_id, reason: "" });
      else if (how === "force") worker.call("ForceReleaseResourceLock", { resource_key: "dir:src", reason: "" });
      else worker.send("AcquireNextNode", { task_id, wait_ms: 1 });
      if (how === "its lease's end") {
        // The wait of a minute is over before the lease is.
        office.live(59_000);
        office.wait("bob", ["file:src/b"], "exclusive");
        for (let minute = 0; minute < 4; minute++) {
          office.live(59_000);
          office.wait(`again ${minute}`, ["file:src/a"]);
        }
        office.live(10_000);
        expect(office.answered("again 3")).toEqual(["again 3 has it"]);
        return;
      }
      expect(office.answered("ann")).toEqual(["ann has it"]);
      expect(worker.refusal("HeartbeatNode", { task_id, node_id, lease_id })).toBeDefined();
    },
  );

  test("keeps them with its heartbeat, and its worker may add to them", () => {
    using office = new Office();
    const task_id = register(office, ["dir:src"]);
    const node = acquire(office, task_id);
    if (node === null) throw new Error("nothing is runnable");
    const { node_id, lease_id } = node;
    expect(office.take("worker", ["file:b"], "exclusive", { node_id, lease_id })).toMatchObject({ lease_id });
    office.live(200_000);
    office.named("worker").call("HeartbeatNode", { task_id, node_id, lease_id });
    office.live(200_000);
    expect(office.take("ann", ["file:b"])).toBeNull();
    expect(office.named("worker").refusal("HeartbeatResourceLock", { lease_id })).toBe("INVALID_STATE");
    office.named("worker").call("CompleteNode", { task_id, node_id, lease_id, result_payload: 1 });
    expect(office.take("ann", ["file:b"])).not.toBeNull();
  });

  test("that ends tells a request that waits to add locks to its lease, though nothing else waits for it", () => {
    using office = new Office();
    office.take("ann", ["file:a"]);
    const task_id = register(office, [], []);
    const node = acquire(office, task_id);
    if (node === null) throw new Error("nothing is runnable");
    const { node_id, lease_id } = node;
    office.wait("worker's other", ["file:a"], "exclusive", { node_id, lease_id });
    office.named("worker").call("CompleteNode", { task_id, node_id, lease_id, result_payload: 1 });
    expect(office.answered("worker's other")).toEqual(["worker's other LEASE_LOST"]);
  });

  test("is given to a waiting worker the moment its resources are free", () => {
    using office = new Office();
    const held = office.take("ann", ["file:src/a"]);
    const task_id = register(office, ["dir:src"]);
    office.named("worker").send("AcquireNextNode", { task_id, wait_ms: 60_000 });
    office.settle();
    expect(office.named("worker").answers).toEqual([]);
    office.release("ann", held);
    expect(office.answered("worker")).toEqual(["worker has it"]);
  });

  test("does not go before who waits in line for what it needs, until that one leaves", () => {
    using office = new Office();
    office.take("ann", ["file:src/a"]);
    office.wait("bob", ["dir:src"]);
    const task_id = register(office, ["file:src/b"]);
    expect(acquire(office, task_id)).toBeNull();
    office.named("bob").leave();
    expect(acquire(office, task_id)).not.toBeNull();
  });

  test("waits for nobody after a restart, when all who were in line are gone", () => {
    using office = new Office();
    office.take("ann", ["file:src/a"]);
    office.wait("bob", ["dir:src"]);
    const task_id = register(office, ["file:src/b"]);
    expect(acquire(office, task_id)).toBeNull();
    office.restart();
    const client = office.client();
    expect(client.call("AcquireNextNode", { task_id })).not.toBeNull();
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  test("whose keys are malformed is refused, and nothing stored", () => {
    using office = new Office();
    const initial_nodes = [{ resources: [{ resource_key: "file:../x" }] }];
    expect(office.named("boss").refusal("RegisterTask", { goal: "g", initial_nodes })).toBe("INVALID_PARAMS");
    expect(office.store.reads.head.seq).toBe(0);
  });
});
