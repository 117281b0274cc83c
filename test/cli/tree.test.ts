import { describe, expect, test } from "bun:test";
import { treeLines } from "../../src/cli/tree.ts";
import type { NodeStatusView } from "../../src/protocol/methods/views.ts";
import { nodeStatusView } from "../support/specimen.ts";

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
