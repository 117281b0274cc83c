import { afterAll, expect, test } from "bun:test";
import fc from "fast-check";
import { TestService } from "./harness.ts";
import { checkEnd, Expected, Real, story } from "./model/commands.ts";

/** `NUM_RUNS=100000 bun test test/service/model.test.ts` looks longer; `SEED` repeats what a failure printed. */
const numRuns = Number(process.env.NUM_RUNS ?? 2_000);
const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) };

/** An empty database, made once: every story starts with a copy of it. */
const empty = new TestService();
empty.restart();
afterAll(() => empty[Symbol.dispose]());

const settings = { nodeTimeoutSecs: 3, contextEventLimit: 4, maxLostAttempts: 2 };

test(`the service answers as the reference model does, whatever is asked of it (${numRuns} stories)`, () => {
  const seen = new Set<string>();
  const holds = fc.property(story, (steps) => {
    using service = new TestService({ settings, copyOf: empty.database });
    const real = new Real(service);
    const expected = new Expected(real);
    fc.modelRun(() => ({ model: expected, real }), steps);
    checkEnd(expected, real);
    for (const actionType of expected.reference.journal.actionTypes()) seen.add(actionType);
  });
  fc.assert(holds, { numRuns, includeErrorInReport: true, ...seed });
  // Stories in which nothing happens would prove nothing.
  expect([...seen].toSorted()).toEqual(everything);
}, 600_000);

const everything = [
  "ACQUIRE_NODE",
  "ACQUIRE_RESOURCE_LOCK",
  "COMMIT_EVENT",
  "COMPLETE_NODE",
  "EXPIRE_RESOURCE_LOCK",
  "FAIL_NODE",
  "REGISTER_TASK",
  "RELEASE_RESOURCE_LOCK",
  "TAKE_OVER_RESOURCE_LOCK",
  "TIMEOUT_ROLLBACK",
];
