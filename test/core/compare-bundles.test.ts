import { describe, expect, test } from "bun:test";
import { compareBundles } from "../../src/core/bundles/compare.ts";
import { compared, doing } from "./bundles.ts";
import { Chance } from "./random-edits.ts";

describe("of many bundles", () => {
  /** 200 of 50 files each, of 600 files, some lines of which are told apart and some not. */
  const many = () => {
    const chance = new Chance(1);
    return Array.from({ length: 200 }, (_, i) => {
      const files = new Set(Array.from({ length: 50 }, () => `src/d${chance.below(20)}/f${chance.below(30)}.ts`));
      const said = { submittedSeq: chance.below(50), confidence: chance.pick(["low", "medium", "high"] as const) };
      const assumptions = [`key${chance.below(9)}=${chance.below(2)}`];
      return doing(
        `b${i}`,
        Array.from(files, (path) => `edit ${path} ${1 + chance.below(40)}`),
        { ...said, assumptions },
      );
    });
  };

  test("the comparison is the same in whatever order they are given", () => {
    const chance = new Chance(2);
    const bundles = many().slice(0, 40);
    const expected = compared(bundles);
    for (let i = 0; i < 5; i++) {
      const shuffled = bundles.map((bundle) => ({ bundle, at: chance.below(1e9) })).toSorted((a, b) => a.at - b.at);
      expect(compared(shuffled.map(({ bundle }) => bundle))).toEqual(expected);
    }
  });

  test("each two are compared once, in slices", () => {
    const work = compareBundles(many(), null);
    let slices = 1;
    let step = work.next();
    for (; step.done !== true; step = work.next()) slices++;
    expect(step.value.pairs).toHaveLength((200 * 199) / 2);
    expect(new Set(step.value.pairs.map(({ relation }) => relation))).toEqual(
      new Set(["disjoint", "compatible", "overlapping"]),
    );
    expect(slices).toBeGreaterThan(200);
  });
});
