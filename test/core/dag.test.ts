import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { blockedBy, checkDag, type Edges, taskState } from "../../src/core/dag/dag.ts";
import { isRefusal } from "../../src/core/decision.ts";
import { defaultPolicy } from "../../src/core/dag/node-policy.ts";
import type { NodeStatus, TaskState } from "../../src/protocol/types.ts";

/** `{ b: "a" }`: b depends on a. Several dependencies are written as several letters. */
type Graph = Record<string, string>;

const nodesOf = (graph: Graph): Edges[] =>
  Object.entries(graph).map(([id, dependencies]) => ({ id, dependencies: dependencies.split("") }));

const limits = { nodesMax: 4, dependenciesMax: 3 };

describe("a DAG is taken", () => {
  test.each<[string, Graph]>([
    ["with no node", {}],
    ["with one node", { a: "" }],
    ["as a chain", { a: "", b: "a", c: "b" }],
    ["as a diamond", { a: "", b: "a", c: "a", d: "bc" }],
    ["when dependents come first", { c: "b", b: "a", a: "" }],
    ["when a dependency is named twice", { a: "", b: "aa" }],
    ["in two parts", { a: "", b: "a", c: "", d: "c" }],
    ["at both limits", { a: "", b: "", c: "", d: "abc" }],
  ])("%s", (_, graph) => {
    expect(checkDag(nodesOf(graph), limits)).toBeNull();
  });
});

describe("a graph is refused", () => {
  test.each<[string, Edges[], string, object]>([
    [
      "with a node more than the limit",
      nodesOf({ a: "", b: "", c: "", d: "", e: "" }),
      "LIMIT_EXCEEDED",
      { limit: "task_nodes_max", max: 4, got: 5 },
    ],
    [
      "with a dependency more than the limit",
      nodesOf({ a: "bcdb", b: "", c: "", d: "" }),
      "LIMIT_EXCEEDED",
      { limit: "node_dependencies_max", max: 3, got: 4, node_id: "a" },
    ],
    ["with an id twice", [...nodesOf({ a: "" }), ...nodesOf({ a: "" })], "DUPLICATE_ID", { node_id: "a" }],
    ["with an unknown dependency", nodesOf({ a: "x" }), "UNKNOWN_DEPENDENCY", { node_id: "a", dependency: "x" }],
    ["that depends on itself", nodesOf({ a: "", b: "ab" }), "CYCLE", { cycle: ["b"] }],
    ["with a circle of two", nodesOf({ a: "b", b: "a" }), "CYCLE", { cycle: ["a", "b"] }],
    ["with a circle behind a way in", nodesOf({ a: "b", b: "c", c: "d", d: "b" }), "CYCLE", { cycle: ["b", "c", "d"] }],
    ["with a circle beside a sound part", nodesOf({ a: "", b: "a", c: "d", d: "c" }), "CYCLE", { cycle: ["c", "d"] }],
  ])("%s", (_, nodes, refused, facts) => {
    expect(checkDag(nodes, limits)).toMatchObject({ refused, facts });
  });

  test("with its cycle named in the message, the first node again at its end", () => {
    const refusal = checkDag(nodesOf({ a: "b", b: "c", c: "a" }), limits);
    expect(isRefusal(refusal) ? refusal.message : "").toContain("a -> b -> c -> a");
  });

  test("even where the circle is 100,000 nodes long", () => {
    const length = 100_000;
    const nodes = Array.from({ length }, (_, n) => ({
      id: String(n),
      dependencies: [String((n + 1) % length)],
      payloadSchema: {},
    }));
    const wide = { nodesMax: length, dependenciesMax: 1 };
    expect(checkDag(nodes, wide)).toMatchObject({ refused: "CYCLE" });
    expect(
      checkDag(
        nodes.map((node) => (node.id === "0" ? { ...node, dependencies: [] } : node)),
        wide,
      ),
    ).toBeNull();
  });
});

test("whatever edges there are: a named cycle is one, and without one the graph can be sorted", () => {
  const letters = ["a", "b", "c", "d", "e", "f"];
  const graph = fc.dictionary(fc.constantFrom(...letters), fc.subarray(letters), { minKeys: 6, maxKeys: 6 });
  const holds = fc.property(graph, (edges) => {
    const nodes = Object.entries(edges).map(([id, dependencies]) => ({ id, dependencies, payloadSchema: {} }));
    const refusal = checkDag(nodes, { nodesMax: 6, dependenciesMax: 6 });
    if (isRefusal(refusal)) {
      const cycle = refusal.facts.cycle as string[];
      for (const [n, id] of cycle.entries()) expect(edges[id]).toContain(cycle[(n + 1) % cycle.length]);
    } else {
      expect(sortable(edges)).toBe(true);
    }
  });
  fc.assert(holds, { numRuns: 500 });
});

function sortable(edges: Record<string, readonly string[]>): boolean {
  const left = new Map(Object.entries(edges));
  for (let before = -1; before !== left.size;) {
    before = left.size;
    for (const [id, dependencies] of left) if (!dependencies.some((other) => left.has(other))) left.delete(id);
  }
  return left.size === 0;
}

describe("a task is", () => {
  const none = { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 };

  test.each<[TaskState, string, Partial<typeof none>, runnable: boolean]>([
    ["COMPLETED", "it has no nodes", {}, false],
    ["COMPLETED", "all nodes are", { COMPLETED: 2 }, false],
    ["FAILED", "something failed and the rest is done", { COMPLETED: 1, FAILED: 1 }, false],
    ["FAILED", "something failed and the rest waits behind it", { PENDING: 3, FAILED: 1 }, false],
    ["ACTIVE", "something runs", { RUNNING: 1, PENDING: 1 }, false],
    ["ACTIVE", "something failed while something runs", { RUNNING: 1, FAILED: 1 }, false],
    ["ACTIVE", "something can run", { PENDING: 1 }, true],
    ["ACTIVE", "something failed while something can run", { PENDING: 2, FAILED: 1 }, true],
  ])("%s when %s", (state, _, counts, runnable) => {
    expect(taskState({ ...none, ...counts }, runnable)).toBe(state);
  });
});

/** What work that pauses comes to. */
function toEnd<T>(work: Generator<void, T, void>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

describe("a node is blocked", () => {
  const status: Record<string, NodeStatus> = { p: "PENDING", r: "RUNNING", c: "COMPLETED", f: "FAILED" };
  /**
   * `{ pb: "fa" }`: the PENDING node pb depends on the FAILED node fa; the first letter is the status. One that ends in
   * an exclamation mark runs whatever becomes of its dependencies.
   */
  const blocked = (graph: Record<string, string>) =>
    Object.fromEntries(
      toEnd(
        blockedBy(
          Object.entries(graph).map(([id, dependencies]) => ({
            id,
            status: status[id[0] ?? ""] ?? "PENDING",
            dependencies: dependencies.split(" ").filter(Boolean),
            policy: id.endsWith("!") ? { ...defaultPolicy, onDependencyFailure: "run" as const } : defaultPolicy,
          })),
        ),
      ),
    );

  test.each<[string, Record<string, string>, Record<string, string[]>]>([
    ["by nothing where nothing failed", { ca: "", pb: "ca", pc: "pb" }, {}],
    ["by the failed node before it", { fa: "", pb: "fa" }, { pb: ["fa"] }],
    ["through nodes that wait", { fa: "", pb: "fa", pc: "pb", pd: "pc" }, { pb: ["fa"], pc: ["fa"], pd: ["fa"] }],
    [
      "by one failed node once, behind a diamond",
      { fa: "", pb: "fa", pc: "fa", pd: "pb pc" },
      { pb: ["fa"], pc: ["fa"], pd: ["fa"] },
    ],
    ["by each of two failed nodes", { fa: "", fb: "", pc: "fa fb" }, { pc: ["fa", "fb"] }],
    ["although other dependencies are done or running", { fa: "", cb: "", rc: "", pd: "fa cb rc" }, { pd: ["fa"] }],
    ["wherever it stands in the list", { pc: "pb", pb: "fa", fa: "" }, { pb: ["fa"], pc: ["fa"] }],
    ["only while it is PENDING", { fa: "", cb: "fa", rc: "fa", fd: "fa" }, {}],
    [
      "by a failed node that depends on a failed node, not by what is before that",
      { fa: "", fb: "fa", pc: "fb" },
      { pc: ["fb"] },
    ],
    ["by no failure it runs regardless of", { fa: "", "pb!": "fa" }, {}],
    [
      "behind a blocked node, even if it runs regardless",
      { fa: "", pb: "fa", "pc!": "pb" },
      { pb: ["fa"], "pc!": ["fa"] },
    ],
    ["by the failed node alone when it names it twice", { fa: "", pb: "fa fa" }, { pb: ["fa"] }],
  ])("%s", (_, graph, expected) => {
    expect(blocked(graph)).toEqual(expected);
  });

  test("by a hundred failed nodes at most", () => {
    const failed = Array.from({ length: 101 }, (_, n) => `f${n}`);
    const graph = { ...Object.fromEntries(failed.map((id) => [id, ""])), pz: failed.join(" ") };
    expect(blocked(graph)).toEqual({ pz: failed.slice(0, 100) });
  });
});
