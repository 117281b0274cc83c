import { describe, expect, test } from "bun:test";
import { formatOf, toNodes, toTaskParams } from "../../src/cli/task/file.ts";

const id = "6f1a8a5e-0d5b-4f0e-9c57-3d2b1a0f9e88";

describe("a task file", () => {
  test.each([
    ["plan.yaml", "goal = 1", "yaml"],
    ["plan.YML", "", "yaml"],
    ["plan.toml", "{", "toml"],
    ["plan.json", "goal: x", "json"],
    ["-", ' {"goal": "x"}', "json"],
    ["-", ' [{"name": "x"}]', "json"],
    ["-", "[ ]", "json"],
    ["-", '# a plan\ngoal = "x"', "toml"],
    ["plan", "[[nodes]]", "toml"],
    ["plan", "[context]", "toml"],
    ["-", "goal: x = y", "yaml"],
    ["-", "- name: a", "yaml"],
  ] as const)("%s holding %j is %s", (path, text, format) => {
    expect(formatOf(path, text)).toBe(format);
  });

  test("passes all the daemon knows on as it is, names and dependencies too", () => {
    const policy = {
      max_attempts: 3,
      backoff_secs: 10,
      on_dependency_failure: "skip",
      labels: { role: "tests" },
    } as const;
    const nodes = [
      { name: "a", payload_schema: { x: 1 } },
      { name: "b", id, dependencies: ["a"], priority: 5, ...policy },
    ];
    const task = { goal: "g", context: [1], name: "port", labels: { team: "parsers" }, priority: -1 };
    expect(toTaskParams({ ...task, nodes }, "plan.yaml")).toEqual({ ...task, initial_nodes: nodes });
    expect(toTaskParams({ ...task, initial_nodes: nodes }, "plan.yaml")).toEqual({ ...task, initial_nodes: nodes });
    expect(toNodes(nodes, "more.yaml")).toEqual(nodes);
    expect(toNodes({ nodes }, "more.yaml")).toEqual(nodes);
  });

  test.each([
    [
      [],
      "plan.yaml: the task: expected an object with goal, context, name, labels, priority, policy, initial_nodes, nodes",
    ],
    [{ goal: "g", node: [] }, "plan.yaml: the task has an unknown key node (did you mean nodes?)"],
    [{ goal: "g", nodes: [], initial_nodes: [] }, "plan.yaml: the task has both nodes and initial_nodes"],
    [{ goal: "g", nodes: "a" }, "plan.yaml: nodes: expected a list"],
    [{ goal: "g", nodes: ["a"] }, "plan.yaml: nodes[0]: expected an object with id, name"],
    [
      { goal: "g", nodes: [{}, { depends_on: [] }] },
      "plan.yaml: nodes[1] has an unknown key depends_on; see: agentd describe RegisterTask",
    ],
    [
      { goal: "g", nodes: [{ max_attempt: 2 }] },
      "nodes[0] has an unknown key max_attempt (did you mean max_attempts?)",
    ],
    [
      { goal: "g", policy: { require_intnt: true } },
      "plan.yaml: policy has an unknown key require_intnt (did you mean require_intent?)",
    ],
    [
      { goal: "g", nodes: [{}, { resources: ["dir:src", { resource_key: "file:a", mod: "shared" }] }] },
      "plan.yaml: nodes[1].resources[1] has an unknown key mod (did you mean mode?)",
    ],
  ])("%j is refused", (content, message) => {
    expect(() => toTaskParams(content, "plan.yaml")).toThrow(message);
  });

  test.each([
    ["a", "more.yaml: the file: expected an object with nodes"],
    [{ goal: "g", nodes: [] }, "more.yaml: the file has an unknown key goal"],
    [[{ depends_on: [] }], "more.yaml: nodes[0] has an unknown key depends_on; see: agentd describe RegisterTask"],
    [[{ resources: [{ key: "file:a" }] }], "more.yaml: nodes[0].resources[0] has an unknown key key"],
  ])("of nodes alone, %j is refused", (content, message) => {
    expect(() => toNodes(content, "more.yaml")).toThrow(message);
  });
});
