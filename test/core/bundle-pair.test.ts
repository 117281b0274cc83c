import { describe, expect, test } from "bun:test";
import type { PatchBundle } from "../../src/core/bundles/bundle.ts";
import { pathsListed } from "../../src/core/bundles/pair.ts";
import { compared, doing, touching } from "./bundles.ts";

describe("two bundles", () => {
  const elsewhere = { baseRevision: "other" };
  test.each<[string, PatchBundle, PatchBundle, string, (string | [string, string])[]]>([
    ["of different files", doing("a", ["edit x 1"]), doing("b", ["edit y 1"]), "disjoint", []],
    ["of different files and bases", doing("a", ["edit x 1"]), doing("b", ["edit y 1"], elsewhere), "disjoint", []],
    ["of one file, lines apart", doing("a", ["edit x 1"]), doing("b", ["edit x 9", "edit y 1"]), "compatible", ["x"]],
    [
      "of one file, lines that touch",
      doing("a", ["edit x 1", "add z"]),
      doing("b", ["edit x 2"]),
      "overlapping",
      ["x"],
    ],
    [
      "of one file and different bases",
      doing("a", ["edit x 1"]),
      doing("b", ["edit x 9"], elsewhere),
      "unknown",
      ["x"],
    ],
    ["the same from different bases", doing("a", ["edit x 1"]), doing("b", ["edit x 1"], elsewhere), "unknown", ["x"]],
    ["the same", doing("a", ["edit x 1", "chmod y"]), doing("b", ["chmod y", "edit x 1"]), "identical", ["x", "y"]],
    ["one part of the other", doing("a", ["edit x 1"]), doing("b", ["edit x 1", "edit y 1"]), "compatible", ["x"]],
    [
      "a file and a directory of its name",
      doing("a", ["add lib"]),
      doing("b", ["add lib/x"]),
      "overlapping",
      [["lib", "lib/x"]],
    ],
    [
      "a directory and a file of its name",
      doing("a", ["edit lib/x/y 1"]),
      doing("b", ["add lib"]),
      "overlapping",
      [["lib/x/y", "lib"]],
    ],
    ["a name and a longer one", doing("a", ["add lib"]), doing("b", ["add lib.rs"]), "disjoint", []],
    ["a rename and an edit", doing("a", ["move x y"]), doing("b", ["edit x 1"]), "overlapping", ["x"]],
    ["a rename and a new file of its new name", doing("a", ["move x y"]), doing("b", ["add y"]), "overlapping", ["y"]],
    ["renames to one name", doing("a", ["move x z"]), doing("b", ["move y z"]), "overlapping", ["z"]],
    ["a rename, twice", doing("a", ["move x y"]), doing("b", ["move x y"]), "identical", ["x", "y"]],
    [
      "a rename, twice, and more",
      doing("a", ["move x y", "edit z 1"]),
      doing("b", ["move x y"]),
      "compatible",
      ["x", "y"],
    ],
    [
      "a deletion, twice, and edits",
      doing("a", ["drop x", "edit z 1"]),
      doing("b", ["drop x", "edit z 9"]),
      "compatible",
      ["z", "x"],
    ],
    [
      "a deletion, twice, and a new file that git may take for its rename",
      doing("a", ["drop x", "add y"]),
      doing("b", ["drop x"]),
      "overlapping",
      ["x"],
    ],
    [
      "new names that differ in case only",
      doing("a", ["add Read"]),
      doing("b", ["add read"]),
      "overlapping",
      [["Read", "read"]],
    ],
    ["old names that differ in case only", doing("a", ["edit Read 1"]), doing("b", ["edit read 1"]), "disjoint", []],
    [
      "a new name that differs from an old one in case only",
      doing("a", ["add Read"]),
      doing("b", ["edit read 1"]),
      "overlapping",
      [["Read", "read"]],
    ],
    [
      "names that differ in composition only",
      doing("a", ["add é"]),
      doing("b", ["add e\u0301"]),
      "overlapping",
      [["é", "e\u0301"]],
    ],
    ["one file, one of unknown lines", touching("a", ["x"]), doing("b", ["edit x 1"]), "unknown", ["x"]],
    ["different files, of unknown lines", touching("a", ["x"]), touching("b", ["y"]), "disjoint", []],
    ["a directory of unknown lines", touching("a", ["x"]), touching("b", ["x/y"]), "overlapping", [["x", "x/y"]]],
    [
      "names that differ in case only, of unknown lines",
      touching("a", ["x"]),
      touching("b", ["X"]),
      "unknown",
      [["x", "X"]],
    ],
    [
      "one head",
      touching("a", ["x"], { headRevision: "h" }),
      touching("b", ["x"], { headRevision: "h" }),
      "identical",
      ["x"],
    ],
    [
      "one head of different bases",
      touching("a", ["x"], { headRevision: "h" }),
      touching("b", ["x"], { headRevision: "h", ...elsewhere }),
      "unknown",
      ["x"],
    ],
    [
      "one head of different scopes",
      touching("a", ["x"], { headRevision: "h" }),
      touching("b", ["x"], { headRevision: "h", scope: "other" }),
      "disjoint",
      [],
    ],
    ["of different scopes", doing("a", ["edit x 1"]), doing("b", ["edit x 1"], { scope: "other" }), "disjoint", []],
    [
      "lines that meet in one file, none known of another",
      doing("a", ["edit x 1", "edit y 1"]),
      doing("b", ["edit x 1", "edit y 2"]),
      "overlapping",
      ["y", "x"],
    ],
  ])("%s", (_, a, b, relation, paths) => {
    const [pair] = compared([a, b]).pairs;
    expect<unknown[]>([pair?.relation, pair?.pathCount]).toEqual([relation, paths.length]);
    expect(pair?.paths.map(({ path, otherPath }) => (otherPath === null ? path : [path, otherPath]))).toEqual(paths);
    const named = { a: { ...a, bundleId: "b" }, b: { ...b, bundleId: "a" } };
    expect(compared([named.a, named.b]).pairs[0]?.relation).toBe(relation as never);
  });

  test("are of one base, or not", () => {
    const { pairs } = compared([doing("a", ["edit x 1"]), doing("b", ["edit x 9"]), doing("c", ["add y"], elsewhere)]);
    expect(pairs.map(({ a, b, sameBase }) => [a, b, sameBase])).toEqual([
      ["a", "b", true],
      ["a", "c", false],
      ["b", "c", false],
    ]);
  });

  test("are surely compatible by exact diffs, and likely by others", () => {
    const [a, b, c] = [doing("a", ["edit x 1"]), doing("b", ["edit x 9"]), doing("c", ["edit x 30", "edit y 1"])];
    const guessed = { ...c, changes: c.changes?.map((change) => ({ ...change, exact: false })) ?? null };
    const { pairs } = compared([a, b, guessed, doing("d", ["edit x 1", "edit y 2"])]);
    expect(pairs.map((pair) => [pair.a, pair.b, pair.relation, pair.certain])).toEqual([
      ["a", "b", "compatible", true],
      ["a", "c", "compatible", false],
      ["b", "c", "compatible", false],
      ["a", "d", "compatible", true],
      ["b", "d", "compatible", true],
      ["c", "d", "overlapping", true],
    ]);
  });

  test("list what stands in their way first, and no more than anybody reads", () => {
    const both = Array.from({ length: pathsListed(1) + 20 }, (_, i) => `edit f${i} 1`);
    const apart = both.map((edit) => edit.replace(/1$/, "9"));
    const [pair] = compared([
      doing("a", [...both, "edit z 1"]),
      doing("b", [...apart, "edit z 1", "edit q 1"].toReversed()),
    ]).pairs;
    expect([pair?.pathCount, pair?.paths.length]).toEqual([pathsListed(1) + 21, pathsListed(1)]);
    const meeting = compared([doing("a", [...both, "edit z 1"]), doing("b", [...apart, "edit z 2"])]).pairs[0];
    expect([meeting?.relation, meeting?.paths.length, meeting?.paths[0]?.path]).toEqual([
      "overlapping",
      pathsListed(1),
      "z",
    ]);
  });
});
