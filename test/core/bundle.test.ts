import { describe, expect, test } from "bun:test";
import { type BundleHead, type BundleStatus, decideBundle, type Verdict } from "../../src/core/bundles/bundle.ts";
import { isRefusal } from "../../src/core/decision.ts";

const verdict: Verdict = {
  verdict: "ACCEPTED",
  reason: "its tests pass",
  decidedBy: "ann",
  mergedRevision: null,
  alternatives: [],
  verification: [],
};
const bundle = (status: BundleStatus): BundleHead => ({ bundleId: "b", status, taskId: "task", nodeId: null });

describe("a bundle is decided once", () => {
  test.each<[string, BundleHead | null, Partial<Verdict>, string]>([
    ["a submitted one accepted", bundle("SUBMITTED"), {}, "ACCEPTED"],
    ["a submitted one accepted and merged", bundle("SUBMITTED"), { mergedRevision: "1".repeat(40) }, "ACCEPTED"],
    ["a submitted one rejected", bundle("SUBMITTED"), { verdict: "REJECTED" }, "REJECTED"],
    ["a submitted one superseded", bundle("SUBMITTED"), { verdict: "SUPERSEDED", alternatives: ["c"] }, "SUPERSEDED"],
    ["none", null, {}, "NOT_FOUND"],
    ["an accepted one accepted again", bundle("ACCEPTED"), {}, "INVALID_STATE"],
    ["an accepted one rejected", bundle("ACCEPTED"), { verdict: "REJECTED" }, "INVALID_STATE"],
    ["a rejected one accepted", bundle("REJECTED"), {}, "INVALID_STATE"],
    ["a superseded one accepted", bundle("SUPERSEDED"), {}, "INVALID_STATE"],
    [
      "a submitted one rejected and merged",
      bundle("SUBMITTED"),
      { verdict: "REJECTED", mergedRevision: "1" },
      "INVALID_PARAMS",
    ],
    ["a submitted one in favour of itself", bundle("SUBMITTED"), { alternatives: ["c", "b"] }, "INVALID_PARAMS"],
  ])("%s", (_, found, said, outcome) => {
    const decision = decideBundle(found, "b", { ...verdict, ...said }, 5);
    expect(isRefusal(decision) ? decision.refused : decision.status).toBe(outcome as never);
  });

  test("the journal has who decided, why, and what was not chosen", () => {
    const merged = { ...verdict, mergedRevision: "1234", alternatives: ["d", "c", "d"] };
    expect(decideBundle(bundle("SUBMITTED"), "b", merged, 5)).toEqual({
      status: "ACCEPTED",
      entry: {
        id: null,
        taskId: "task",
        nodeId: null,
        actionType: "DECIDE_PATCH_BUNDLE",
        origin: "daemon",
        payload: {
          bundle_id: "b",
          status: "ACCEPTED",
          reason: "its tests pass",
          decided_by: "ann",
          merged_revision: "1234",
          alternatives: ["d", "c"],
        },
        timestampMs: 5,
      },
    });
  });

  test("a refusal says what it is already and what to do", () => {
    const decision = decideBundle(bundle("REJECTED"), "b", verdict, 5);
    expect(decision).toMatchObject({
      message:
        "bundle b cannot become ACCEPTED: it is REJECTED, and REJECTED -> ACCEPTED does not exist; submit a new bundle",
      facts: { bundle_id: "b", status: "REJECTED", to: "ACCEPTED" },
    });
  });
});
