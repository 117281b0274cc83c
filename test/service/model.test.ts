import { expect, test } from "bun:test";
import { missingIn, tellStories } from "./model/stories.ts";

/** `NUM_RUNS=100000 bun test test/service/model.test.ts` looks longer; `SEED` repeats what a failure printed. */
const numRuns = Number(process.env.NUM_RUNS ?? 2_000);
const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) };

test(`the service answers as the reference model does, whatever is asked of it (${numRuns} stories)`, () => {
  expect(missingIn(tellStories({ numRuns, ...seed }))).toEqual([]);
}, 600_000);
