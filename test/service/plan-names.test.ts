import { describe, expect, test } from "bun:test";
import type { ParamsInput } from "../../src/protocol/methods.ts";
import { TestService } from "./harness.ts";
import { Work } from "./work.ts";

type NewNodes = NonNullable<ParamsInput<"RegisterTask">["initial_nodes"]>;

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const given = "6f1a8a5e-0d5b-4f0e-9c57-3d2b1a0f9e88";

/** Every plan that is refused for what a node of it is, and how that node is to be called. */
const plans: [string, NewNodes, string, string][] = [
  [
    "a cycle of named nodes",
    [
      { name: "a", dependencies: ["b"] },
      { name: "b b", dependencies: ["a"] },
    ].map((node) => ({ ...node, dependencies: node.dependencies.map((name) => (name === "b" ? "b b" : name)) })),
    "CYCLE",
    'a -> "b b" -> a',
  ],
  ["a node that waits for itself, by its id", [{ id: given, dependencies: [given] }], "CYCLE", `${given} -> ${given}`],
  [
    "a cycle through a node with a given id",
    [
      { id: given, dependencies: ["a"] },
      { name: "a", dependencies: [given] },
    ],
    "CYCLE",
    `${given} -> a -> ${given}`,
  ],
  [
    "an unknown dependency of a named node",
    [{ name: "a", dependencies: ["z"] }],
    "UNKNOWN_DEPENDENCY",
    'node a depends on "z"',
  ],
  [
    "an unknown dependency of a nameless node",
    [{}, { dependencies: ["z"] }],
    "UNKNOWN_DEPENDENCY",
    'node nodes[1] depends on "z"',
  ],
  ["an unknown id", [{ name: "a", dependencies: [given] }], "UNKNOWN_DEPENDENCY", `node a depends on "${given}"`],
  [
    "too many dependencies of a named node",
    [{ name: "a", dependencies: ["a", "a", "a"] }],
    "LIMIT_EXCEEDED",
    "node a has 3",
  ],
  [
    "too many dependencies of a nameless node",
    [{ name: "a" }, { dependencies: ["a", "a", "a"] }],
    "LIMIT_EXCEEDED",
    "node nodes[1] has 3",
  ],
  [
    "a resource that is none",
    [{ name: "a", resources: [{ resource_key: "file:../x", scope: "s" }] }],
    "INVALID_PARAMS",
    "node a: ",
  ],
  [
    "a resource that is none, of a nameless node",
    [{ resources: [{ resource_key: "file:../x", scope: "s" }] }],
    "INVALID_PARAMS",
    "node nodes[0]: ",
  ],
];

describe("a plan that is refused is told in the plan's own names", () => {
  test.each(plans)("%s", (_, nodes, kind, words) => {
    using service = new TestService({ settings: { nodeDependenciesMax: 2 } });
    const client = service.client();
    const task_id = client.call("RegisterTask", { goal: "g", initial_nodes: [] }).task_id;
    for (const answer of [
      client.ask("RegisterTask", { goal: "g", initial_nodes: nodes }),
      client.ask("AddNodes", { task_id, nodes }),
    ]) {
      expect(answer.error?.data.kind).toBe(kind as never);
      expect(answer.error?.message).toContain(words);
      const { message, data } = answer.error ?? {};
      const ids = `${message} ${JSON.stringify(data)}`.match(uuid) ?? [];
      expect(ids.filter((id) => id !== given)).toEqual([]);
    }
  });

  test("also where a cycle goes through nodes the task has", () => {
    using work = new Work({ a: {}, b: { dependencies: ["a"] } });
    const nodes = [{ name: "n", dependencies: ["b"] }];
    const { error } = work.user.ask("AddNodes", { task_id: work.taskId, nodes, expand_before: ["a"] });
    expect(error?.message).toMatch(/cycle: .*(n -> b -> a -> n|a -> n -> b -> a|b -> a -> n -> b)/);
    expect(error?.data.cycle).toContain(work.id("a"));
    expect(error?.data.cycle).toContain("n");
  });

  test("and a cycle of thousands in a message that can be read", () => {
    using service = new TestService();
    const count = 5_000;
    const initial_nodes = Array.from({ length: count }, (_, n) => ({
      name: `n${n}`,
      dependencies: [`n${(n + 1) % count}`],
    }));
    const { error } = service.client().ask("RegisterTask", { goal: "g", initial_nodes });
    expect(error?.message).toContain("n19 -> 4980 more -> n0;");
    expect(error?.data.cycle).toHaveLength(1_000);
  });
});

test("a worker that is refused is told the name of its node", () => {
  using work = new Work({ grammar: { resources: [{ resource_key: "file:a", scope: "s" }] } });
  work.acquire();
  const claim = work.claim("grammar");
  const { error: locks } = work.user.ask("HeartbeatResourceLock", { lease_id: claim.lease_id });
  expect(locks?.message).toContain("belongs to node grammar");
  work.complete("grammar");
  const calls = [
    work.user.ask("HeartbeatNode", claim),
    work.user.ask("CompleteNode", { ...claim, result_payload: 1 }),
    work.user.ask("FailNode", { ...claim, error_payload: 1 }),
    work.user.ask("ReleaseNode", claim),
    work.user.ask("RetryNode", { task_id: claim.task_id, node_id: claim.node_id }),
  ];
  for (const { error } of calls) {
    expect(error?.message).toStartWith("node grammar cannot be ");
    expect(error?.data.node_id).toBe(claim.node_id);
  }
});

test("a node that cannot be retried before another is told that one's name", () => {
  using work = new Work({ a: {}, b: { dependencies: ["a"], on_dependency_failure: "skip" } });
  work.acquire();
  work.fail("a");
  const { error } = work.user.ask("RetryNode", { task_id: work.taskId, node_id: work.id("b") });
  expect(error?.message).toContain("node b cannot be retried: it would be skipped again, as a FAILED");
  expect(error?.data).toMatchObject({ node_id: work.id("b"), node_ids: [work.id("a")] });
});
