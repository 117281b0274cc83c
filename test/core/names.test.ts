import { describe, expect, test } from "bun:test";
import { isRefusal } from "../../src/core/decision.ts";
import { resolveNames, resolveRef } from "../../src/core/dag/names.ts";
import { newNode } from "../support/specimen.ts";

const id = "6f1a8a5e-0d5b-4f0e-9c57-3d2b1a0f9e88";
/** What the task has already. */
const existing = (name: string) => (name === "old" ? "o" : null);

describe("a reference", () => {
  test.each([
    ["to an id is that id, in lower case", id.toUpperCase(), id],
    ["to a name is its node's id", "old", "o"],
    ["to a name nobody has is none", "new", null],
    ["that is almost an id is a name", id.slice(1), null],
  ])("%s", (_, ref, expected) => {
    expect(resolveRef(ref, existing)).toBe(expected);
  });
});

describe("new nodes", () => {
  const a = newNode({ id: "1", name: "a" });
  const depending = (...dependencies: string[]) => [newNode({ id: "2", name: "b", dependencies }), a];
  const resolved = (nodes: ReturnType<typeof depending>) => {
    const result = resolveNames(nodes, existing);
    return isRefusal(result) ? [result.refused, result.message] : result.map(({ dependencies }) => dependencies);
  };

  test.each<[string, string[], string[]]>([
    ["of their own call, also later ones", ["a"], ["1"]],
    ["of the task", ["old"], ["o"]],
    ["by id", [id], [id]],
    ["of themselves", ["b"], ["2"]],
  ])("may depend on nodes %s", (_, dependencies, expected) => {
    expect(resolved(depending(...dependencies))).toEqual([expected, []]);
  });

  test("may not depend on a name nobody has", () => {
    expect(resolved(depending("a", "z"))).toEqual(["UNKNOWN_DEPENDENCY", expect.stringContaining('depends on "z"')]);
  });

  test.each([
    ["of the call", "a", "the call gives it twice"],
    ["of the task", "old", "a node of the task has it already"],
  ])("may not take a name %s", (_, name, why) => {
    expect(resolved([a, newNode({ id: "3", name })])).toEqual(["DUPLICATE_ID", expect.stringContaining(why)]);
  });
});
