import { describe, expect, test } from "bun:test";
import { dependenciesFirst, taskText, treeLines } from "../../src/cli/task/tree.ts";
import type { NodeStatusView, TaskView } from "../../src/protocol/methods/views.ts";
import { nodeStatusView, noPolicyView } from "../support/specimen.ts";

const now = 1_769_862_930;

const node = (id: string, dependencies: string[], more: Partial<NodeStatusView> = {}) =>
  nodeStatusView({ id, task_id: "t", dependencies, updated_at: now, ...more });

const draw = (nodes: NodeStatusView[]) => treeLines(nodes, now).map((line) => Bun.stripANSI(line));

describe("the tree of a task", () => {
  test("a node with several parents is drawn once and referred to afterwards", () => {
    expect(draw([node("a", []), node("b", ["a"]), node("c", ["a"]), node("d", ["b", "c"]), node("e", [])])).toEqual([
      "a  PENDING",
      "├─ b  PENDING",
      "│  └─ d  PENDING  after 2 nodes",
      "└─ c  PENDING",
      "   └─ d (above)",
      "e  PENDING",
    ]);
  });

  test("a running node shows its holder, since when and for how long", () => {
    const held = { status: "RUNNING", lease_owner: "codex-1", acquired_at: now - 30 } as const;
    expect(draw([node("a", [], { ...held, lease_expires_at: now + 270 })])[0]).toMatch(
      /^a {2}RUNNING {2}codex-1 since \d\d:\d\d:\d\d \(30s\), lease ends in 4m 30s$/,
    );
    expect(draw([node("a", [], { ...held, lease_expires_at: now - 1 })])[0]).toEndWith("lease expired");
  });

  test("a node behind failed ones names them", () => {
    const blocked = node("b", ["a"], { blocked_by: ["a"] });
    expect(draw([node("a", [], { status: "FAILED" }), blocked])).toEqual(["a  FAILED", "└─ b  PENDING  blocked by a"]);
    expect(draw([node("a", [], { status: "FAILED", name: "grammar" }), blocked])).toEqual([
      "a  FAILED  grammar",
      "└─ b  PENDING  blocked by grammar",
    ]);
  });

  const skipped = { kind: "DEPENDENCY_FAILED", node_ids: ["a", "b"] };
  const facts: [what: string, more: Partial<NodeStatusView>, shown: string][] = [
    ["its name", { name: "grammar" }, "PENDING  grammar"],
    [
      "how far it is",
      { status: "RUNNING", progress: { percent: 40, message: "lexer done" } },
      "RUNNING  40% lexer done",
    ],
    [
      "a priority that is not 0, and labels",
      { priority: -1, labels: { role: "tests", os: "mac" } },
      "PENDING  priority -1  role=tests os=mac",
    ],
    ["the attempt it is at", { failed_attempts: 1, max_attempts: 3 }, "PENDING  attempt 2 of 3"],
    ["no attempts where there is one only", { status: "FAILED", failed_attempts: 1, max_attempts: 1 }, "FAILED"],
    [
      "attempts that were all in vain",
      { status: "FAILED", failed_attempts: 3, max_attempts: 3, result_payload: "tests fail" },
      "FAILED  3 of 3 attempts failed  tests fail",
    ],
    ["a lease that was lost", { lost_attempts: 1 }, "PENDING  1 lease lost"],
    [
      "leases that were lost too often",
      { status: "FAILED", lost_attempts: 5, result_payload: { kind: "TOO_MANY_LOST_LEASES" } },
      "FAILED  5 leases lost",
    ],
    ["until when nobody gets it", { not_before_ms: (now + 90) * 1000 }, "PENDING  not before 12:37:00 (in 1m 30s)"],
    ["nothing of a pause that is over", { not_before_ms: now * 1000 }, "PENDING"],
    [
      "that it was canceled",
      { status: "FAILED", result_payload: { kind: "CANCELED", reason: "" } },
      "FAILED  canceled",
    ],
    [
      "why it was canceled",
      { status: "FAILED", result_payload: { kind: "CANCELED", reason: "new\ngoal" } },
      "FAILED  canceled: new goal",
    ],
    [
      "for what it was skipped",
      { status: "FAILED", on_dependency_failure: "skip", result_payload: skipped },
      "FAILED  skipped: a, b FAILED",
    ],
    [
      "the message of an error",
      { status: "FAILED", result_payload: { message: "tests fail", exit: 1 } },
      "FAILED  tests fail",
    ],
    ["an error that is anything", { status: "FAILED", result_payload: { exit: 1 } }, 'FAILED  {"exit":1}'],
    [
      "an error that cannot steer the terminal",
      { status: "FAILED", result_payload: "a\x1b[2J" },
      "FAILED  a\u{fffd}[2J",
    ],
  ];
  test.each(facts)("a node shows %s", (_what, more, shown) => {
    expect(draw([node("n", [], more)])).toEqual([`n  ${shown}`]);
  });

  test("a payload's name is the node's label, and cannot steer the terminal", () => {
    expect(draw([node("a", [], { payload_schema: { name: "par\x1b[2Jser" } })])).toEqual([
      "a  PENDING  par\u{fffd}[2Jser",
    ]);
  });

  test("a chain as long as a task may be is drawn, with levels counted where they are no longer indented", () => {
    const chain = Array.from({ length: 10_000 }, (_, index) => node(`n${index}`, index === 0 ? [] : [`n${index - 1}`]));
    const lines = draw(chain);
    expect(lines).toHaveLength(10_000);
    expect(lines[2]).toBe("   └─ n2  PENDING");
    expect(lines[9_999]).toMatch(/^ +⋯ level 9999: n9999 {2}PENDING$/);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(120);
  });

  test("a dense graph costs a line for each of its edges, not for each of its paths", () => {
    const layers = Array.from({ length: 20 }, (_, layer) => [0, 1, 2].map((index) => `l${layer}n${index}`));
    const nodes = layers.flatMap((ids, layer) => ids.map((id) => node(id, layers[layer - 1] ?? [])));
    expect(draw(nodes)).toHaveLength(3 + 19 * 9);
  });
});

test("the headline of a task tells what it is called, and whether and when it gives work out", () => {
  const task = { id: "t", goal: "Port the parser", context: {}, created_at: "2026-01-31T12:34:56.000Z" };
  const plain: TaskView = { ...task, name: null, labels: {}, priority: 0, paused: false, policy: noPolicyView };
  const text = (more: Partial<TaskView>, state: "ACTIVE" | "FAILED" = "ACTIVE") =>
    Bun.stripANSI(taskText({ task: { ...plain, ...more }, state, counts: { PENDING: 1 }, nodes: [] }, now)).split("\n");
  expect(text({})).toEqual(["Port the parser", "t  ACTIVE: 1 PENDING, registered 2026-01-31 12:34:56"]);
  expect(text({ name: "port", paused: true, priority: 5, labels: { team: "a" } })).toEqual([
    "port  Port the parser",
    "t  PAUSED: 1 PENDING, registered 2026-01-31 12:34:56, priority 5, team=a",
  ]);
  expect(text({ paused: true }, "FAILED")[1]).toStartWith("t  FAILED: ");
});

test("dependencies come first, in whatever order nodes were registered", () => {
  const nodes = [node("d", ["b", "c"]), node("c", ["a"]), node("b", ["a"]), node("a", [])];
  expect(dependenciesFirst(nodes).map(({ id }) => id)).toEqual(["a", "c", "b", "d"]);
});
