import { describe, expect, test } from "bun:test";
import { isRefusal } from "../../src/core/decision.ts";
import { checkTouchedPaths } from "../../src/core/bundles/touched-paths.ts";
import { limits } from "../../src/protocol/limits.ts";
import { doing } from "./bundles.ts";

describe("the paths a bundle says it touches", () => {
  const { changes } = doing("a", ["edit x 1", "move y z"]);
  test.each<[string, string[], typeof changes, string[] | string]>([
    ["are those of its diff", ["x", "y", "z"], changes, ["x", "y", "z"]],
    ["are put in order, each once", ["z", "y", "x", "y"], changes, ["x", "y", "z"]],
    ["are believed where there is no diff", ["b", "a"], null, ["a", "b"]],
    ["are not fewer than the diff's", ["x", "z"], changes, "INVALID_PARAMS"],
    ["are not more than the diff's", ["x", "y", "z", "w"], changes, "INVALID_PARAMS"],
    ["are some", [], null, "INVALID_PARAMS"],
    ["are safe", ["x", "a/../../b"], null, "INVALID_PARAMS"],
    ["are safe in every spelling", ["x", ".GIT/config"], null, "INVALID_PARAMS"],
    ["are not too long", ["x".repeat(5_000)], null, "LIMIT_EXCEEDED"],
    [
      "lie in no more directories than the limit",
      Array.from({ length: 160 }, (_, i) => `${i}/${"a/".repeat(100)}f`),
      null,
      "LIMIT_EXCEEDED",
    ],
    [
      "are no more than the limit",
      Array.from({ length: limits.bundlePathsMax + 1 }, (_, i) => `f${i}`),
      null,
      "LIMIT_EXCEEDED",
    ],
  ])("%s", (_, stated, known, outcome) => {
    const checked = checkTouchedPaths(stated, known);
    expect<string | string[]>(isRefusal(checked) ? checked.refused : checked).toEqual(outcome);
  });

  test("are refused with the one that is in the way", () => {
    expect(checkTouchedPaths(["x", "y"], changes)).toMatchObject({
      message:
        'path "z" cannot be used: the diff changes it, but touched_paths does not list it; name what the diff names',
      facts: { path: "z" },
    });
  });
});
