import { describe, expect, test } from "bun:test";
import { contradictionOf, readAssumptions } from "../../src/core/bundles/assumptions.ts";

describe("assumptions", () => {
  test.each<[string[], string[], boolean]>([
    [["the API is stable"], ["not the API is stable"], true],
    [["the API is stable"], ["  NOT  the api is stable."], true],
    [["users exist"], ["no users exist"], true],
    [["cached"], ["!cached"], true],
    [["cached"], ["! cached"], true],
    [["not not cached"], ["cached"], false],
    [["not cached"], ["no cached"], false],
    [["cached"], ["cached"], false],
    [["cached"], ["indexed"], false],
    [["nothing"], ["hing"], false],
    [["node=20"], ["node=22"], true],
    [["Node = 20"], ["node: 22"], true],
    [["node=20"], ["node: 20"], false],
    [["node=20"], ["node!=20"], true],
    [["node=20"], ["node != 22"], false],
    [["node=20"], ["not node=20"], true],
    [["node != 20"], ["node != 22"], false],
    [["node==20"], ["node=20"], false],
    [["see http://a/x"], ["see http://b/y"], false],
    [["std::vec"], ["std::map"], false],
    [["café"], ["not cafe\u0301"], true],
    [["a", "b", "node=20"], ["c", "node=22", "a"], true],
    [[], ["a"], false],
    [["", "not "], ["not", "!"], false],
  ])("%j and %j contradict each other: %p", (mine, theirs, contrary) => {
    const [one, other] = [readAssumptions(mine), readAssumptions(theirs)];
    expect([contradictionOf(one, other) !== null, contradictionOf(other, one) !== null]).toEqual([contrary, contrary]);
  });

  test("are told as they were written", () => {
    const found = contradictionOf(readAssumptions(["x", "Node = 20"]), readAssumptions(["node: 22."]));
    expect(found).toEqual({ mine: "Node = 20", theirs: "node: 22." });
  });
});
