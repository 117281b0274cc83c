import { describe, expect, test } from "bun:test";
import type { PatchBundle } from "../../src/core/bundles/bundle.ts";
import { compared, doing, failed, passed, touching } from "./bundles.ts";

describe("a bundle is recommended to", () => {
  const target = (paths: string[] | null, revision = "now") => ({
    revision,
    changedSince: new Map(paths === null ? [] : [["base", paths]]),
    acceptedSince: new Map(),
  });
  const alone = (said: Partial<PatchBundle> = {}) => [doing("a", ["edit x 1"], said)];
  const beside = (said: Partial<PatchBundle>, other: Partial<PatchBundle>, change = "edit x 2") => [
    doing("a", ["edit x 1"], said),
    doing("b", [change], { submittedSeq: 2, ...other }),
  ];
  test.each<[string, PatchBundle[], ReturnType<typeof target> | null, string, string]>([
    ["merge: verified", alone(), null, "merge", "it is verified, and nothing is in its way"],
    ["merge: of the target", alone(), target(null, "base"), "merge", "it is verified, and nothing is in its way"],
    [
      "merge: stale, but apart",
      alone(),
      target(["y"]),
      "merge",
      "it is verified, and its base is not the target, but nothing it touches has changed since",
    ],
    [
      "rebase: stale, and met",
      alone(),
      target(["x", "y"]),
      "rebase",
      "its base is not the target, and since then others changed x",
    ],
    [
      "rebase: stale, and met by a directory",
      alone(),
      target(["x/y"]),
      "rebase",
      "its base is not the target, and since then others changed x",
    ],
    [
      "rebase: stale, and nobody knows",
      alone(),
      target(null),
      "rebase",
      "its base is not the target, and what changed since is not known",
    ],
    ["verify: not verified", alone({ verification: [] }), null, "verify", "nobody has verified it"],
    [
      "reject: failed",
      alone({ verification: [...passed, ...failed] }),
      target(null),
      "reject",
      'its verification failed: "npm test" ended with 1',
    ],
    [
      "reject: a double",
      beside({ confidence: "low" }, { confidence: "high" }, "edit x 1"),
      null,
      "reject",
      "it does the same as b, which ranks higher",
    ],
    [
      "merge: the better of doubles",
      beside({}, { confidence: "low" }, "edit x 1"),
      null,
      "merge",
      "it is verified, and nothing is in its way",
    ],
    [
      "merge: the double of one that failed",
      beside({}, { confidence: "high", verification: failed }, "edit x 1"),
      null,
      "merge",
      "it is verified, and nothing is in its way",
    ],
    ["choose: overlapping", beside({}, {}), null, "choose", "it overlaps with b"],
    [
      "merge: overlapping with one that failed",
      beside({}, { verification: failed }),
      null,
      "merge",
      "it is verified, and nothing is in its way",
    ],
    [
      "choose: unknown lines",
      [...alone(), touching("b", ["x"])],
      null,
      "choose",
      "it touches the same paths, and perhaps the same lines, as b",
    ],
    [
      "choose: contrary assumptions",
      beside({ assumptions: ["node=20"] }, { assumptions: ["node=22"] }, "edit y 1"),
      null,
      "choose",
      "it assumes the contrary of b",
    ],
    [
      "merge: contrary assumptions of another repository",
      beside({ assumptions: ["x"] }, { assumptions: ["!x"], scope: "other" }, "edit y 1"),
      null,
      "merge",
      "it is verified, and nothing is in its way",
    ],
    ["verify before choosing", beside({ verification: [] }, {}), null, "verify", "nobody has verified it"],
  ])("%s", (_, bundles, at, recommendation, reason) => {
    const advice = compared(bundles, at).bundles.find(({ bundleId }) => bundleId === "a");
    expect([advice?.recommendation, advice?.reasons[0]]).toEqual([recommendation, reason]);
  });

  test("with all reasons there are", () => {
    const bundles = beside({ verification: [], confidence: "low", assumptions: ["x"] }, { assumptions: ["not x"] });
    const [advice] = compared(bundles, target(null)).bundles;
    expect(advice).toEqual({
      bundleId: "a",
      stale: true,
      changedSince: null,
      contains: [],
      contradictions: [{ bundleId: "b", mine: "x", theirs: "not x" }],
      verification: "missing",
      lessConfidentThan: ["b"],
      recommendation: "rebase",
      reasons: [
        "its base is not the target, and what changed since is not known",
        "nobody has verified it",
        "it overlaps with b",
        "it assumes the contrary of b",
        "its confidence is lower than that of b",
      ],
    });
  });

  test("with no more names than a sentence holds", () => {
    const others = Array.from({ length: 8 }, (_, i) =>
      doing(`b${i}`, ["edit x 2", `edit y${i} 1`], { submittedSeq: 2 + i }),
    );
    expect(compared([...alone(), ...others]).bundles[0]?.reasons).toEqual([
      "it overlaps with b0, b1, b2, b3, b4 and 3 more",
    ]);
  });
});

describe("the merge order", () => {
  const order = (...bundles: PatchBundle[]) => compared(bundles).mergeOrder.join(" ");
  const one = (id: string, said: Partial<PatchBundle>, lines = 1) =>
    doing(
      id,
      Array.from({ length: lines }, (_, i) => `edit ${id}${i} 1`),
      said,
    );
  test.each<[string, string, string]>([
    [
      "goes by confidence",
      order(one("a", { confidence: "low" }), one("b", {}), one("c", { confidence: "high" })),
      "c b a",
    ],
    ["then by verification", order(one("a", { verification: [] }), one("b", {}, 3)), "b a"],
    ["then by size", order(one("a", {}, 3), one("b", {}, 2), touching("c", ["c"])), "b a c"],
    ["then by submission", order(one("a", { submittedSeq: 3 }), one("b", { submittedSeq: 2 })), "b a"],
    ["then by id", order(one("b", {}), one("a", {})), "a b"],
    ["leaves out what failed", order(one("a", { verification: failed, confidence: "high" }), one("b", {})), "b"],
    ["leaves out doubles", order(doing("a", ["chmod x"]), doing("b", ["chmod x"])), "a"],
    [
      "has all that are to be chosen from",
      order(doing("a", ["edit x 1"]), doing("b", ["edit x 2"], { confidence: "high" })),
      "b a",
    ],
  ])("%s", (_, got, expected) => expect(got).toBe(expected));

  test("has those that need a rebase at its end", () => {
    const bundles = [one("a", { confidence: "high", baseRevision: "old" }), one("b", { confidence: "low" })];
    expect(
      compared(bundles, { revision: "base", changedSince: new Map(), acceptedSince: new Map() }).mergeOrder,
    ).toEqual(["b", "a"]);
  });
});
