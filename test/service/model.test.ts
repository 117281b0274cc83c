import { expect, test } from "bun:test";
import { missingIn, tellStories } from "./model/stories.ts";

/**
 * The same stories each time, in which everything happens that can: `bun run prove` tells others. `SEED` repeats what a
 * failure printed, `NUM_RUNS=100000 bun test test/service/model.test.ts` looks longer.
 */
const numRuns = Number(process.env.NUM_RUNS ?? 800);
const seed = Number(process.env.SEED ?? 1);

test(`the service answers as the reference model does, whatever is asked of it (${numRuns} stories)`, () => {
  expect(missingIn(tellStories({ numRuns, seed }))).toEqual([]);
}, 600_000);
