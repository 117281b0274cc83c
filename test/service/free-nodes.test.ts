import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Result } from "../../src/protocol/methods.ts";
import { type TestClient, TestService } from "./harness.ts";

/** Globs that look everywhere, so that each is compared with each. */
const globs = (count: number, name: string) =>
  Array.from({ length: count }, (_, n) => ({ resource_key: `glob:**/${name}*${n}*` }));

/** What stands in front of free nodes: as many globs as their comparing is to cost. */
const costs = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

function held(client: TestClient): void {
  client.call("AcquireResourceLock", { resource_key: "file:held", owner: "holder", ttl_secs: 3_600 });
  for (let n = 0; n < 20; n++) {
    client.call("AcquireResourceLocks", { locks: globs(25, `held${n}`), owner: "holder", ttl_secs: 3_600 });
  }
}

/** All nodes that are handed out, until there is none. */
function handedOut(client: TestClient, count: number | undefined): string[] {
  const names: string[] = [];
  for (;;) {
    const result: Result<"AcquireNextNode"> = client.call("AcquireNextNode", { lease_owner: "worker", count });
    if (result === null) return names;
    for (const { context } of "nodes" in result ? result.nodes : [result]) names.push(context.node.name ?? "");
  }
}

test("free nodes are handed out, however many before them are blocked, and whatever it costs to find out", () => {
  using service = new TestService();
  const client = service.client();
  held(client);
  fc.assert(
    fc.property(costs, costs, fc.constantFrom(undefined, 3), (blocked, free, count) => {
      const initial_nodes = [
        ...blocked.map((cost, n) => ({
          name: `blocked${n}`,
          resources: [...globs(cost, `b${n}`), { resource_key: "file:held" }],
        })),
        ...free.map((cost, n) => ({ name: `free${n}`, resources: globs(cost, `f${n}x`) })),
      ];
      const { task_id } = client.call("RegisterTask", { goal: "g", initial_nodes });
      try {
        expect(handedOut(client, count).toSorted()).toEqual(free.map((_, n) => `free${n}`));
      } finally {
        client.call("CancelTask", { task_id, reason: "done" });
      }
    }),
    { numRuns: 15 },
  );
});

test("a node that alone takes too much comparing with who waits for locks does not keep those behind it", () => {
  using service = new TestService();
  const client = service.client();
  const blocked = { resource_key: "file:held" };
  client.call("AcquireResourceLock", { ...blocked, owner: "holder", ttl_secs: 3_600 });
  for (let n = 0; n < 60; n++) {
    service.client().send("AcquireResourceLocks", { locks: [blocked, ...globs(25, `w${n}`)], wait_ms: 60_000 });
    service.settle();
  }
  const initial_nodes = [
    { name: "much", resources: globs(64, "much") },
    { name: "little", resources: globs(1, "little") },
  ];
  client.call("RegisterTask", { goal: "g", initial_nodes });
  expect(handedOut(client, undefined)).toEqual(["little"]);
});
