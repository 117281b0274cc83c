import { describe, expect, test } from "bun:test";
import { formatOf, toTaskParams } from "../../src/cli/task-file.ts";

const id = "6f1a8a5e-0d5b-4f0e-9c57-3d2b1a0f9e88";

describe("a task file", () => {
  test.each([
    ["plan.yaml", "goal = 1", "yaml"],
    ["plan.YML", "", "yaml"],
    ["plan.toml", "{", "toml"],
    ["plan.json", "goal: x", "json"],
    ["-", ' {"goal": "x"}', "json"],
    ["-", '# a plan\ngoal = "x"', "toml"],
    ["plan", "[[nodes]]", "toml"],
    ["-", "goal: x = y", "yaml"],
    ["-", "- name: a", "yaml"],
  ] as const)("%s holding %j is %s", (path, text, format) => {
    expect(formatOf(path, text)).toBe(format);
  });

  test("names become ids, and travel in the payload", () => {
    const { initial_nodes: nodes } = toTaskParams({
      goal: "g",
      nodes: [
        { name: "a", payload_schema: { x: 1 } },
        { name: "b", id, dependencies: ["a"] },
        { name: "c", dependencies: ["a", id], payload_schema: { name: "own" } },
        { dependencies: ["b"], payload_schema: "text" },
      ],
    });
    const a = nodes[0]?.id ?? "";
    expect(a).toMatch(/^[0-9a-f-]{36}$/);
    expect(nodes).toEqual([
      { id: a, dependencies: [], payload_schema: { name: "a", x: 1 } },
      { id, dependencies: [a], payload_schema: { name: "b" } },
      { id: nodes[2]?.id ?? "", dependencies: [a, id], payload_schema: { name: "own" } },
      { dependencies: [id], payload_schema: "text" },
    ]);
  });

  test("with an idempotency key is the same request every time", () => {
    const content = { goal: "g", nodes: [{ name: "a" }, { name: "b", dependencies: ["a"] }] };
    expect(toTaskParams(content, "nightly")).toEqual(toTaskParams(content, "nightly"));
    expect(toTaskParams(content, "nightly")).not.toEqual(toTaskParams(content, "weekly"));
    expect(toTaskParams(content)).not.toEqual(toTaskParams(content));
  });

  test.each([
    [[], "the task: expected an object with goal, context, initial_nodes, nodes"],
    [{}, "the task has no goal"],
    [{ goal: "g", node: [] }, "the task has an unknown key node (did you mean nodes?)"],
    [{ goal: "g", nodes: [], initial_nodes: [] }, "both nodes and initial_nodes"],
    [{ goal: "g", nodes: "a" }, "nodes: expected a list"],
    [{ goal: "g", nodes: ["a"] }, "nodes[0]: expected an object with id, name"],
    [{ goal: "g", nodes: [{ depends_on: [] }] }, "nodes[0] has an unknown key depends_on"],
    [{ goal: "g", nodes: [{ name: 1 }] }, "nodes[0].name: expected a text"],
    [{ goal: "g", nodes: [{ name: "a" }, { name: "a" }] }, `nodes[1].name: two nodes are named "a"`],
    [{ goal: "g", nodes: [{ name: "a", dependencies: "b" }] }, "nodes[0].dependencies: expected a list"],
    [
      { goal: "g", nodes: [{ name: "grammar" }, { dependencies: ["gramar"] }] },
      `nodes[1].dependencies[0]: no node is named "gramar" (did you mean grammar?)`,
    ],
    [{ goal: "g", nodes: [{ id: 5 }] }, "nodes[0].id: expected a UUID"],
  ])("%j is refused", (content, message) => {
    expect(() => toTaskParams(content)).toThrow(message);
  });
});
