import { afterAll, expect, test } from "bun:test";
import fc from "fast-check";
import { TestService } from "./harness.ts";
import { checkEnd, story } from "./model/commands.ts";
import { Expected } from "./model/connections.ts";
import type { Waits } from "./model/reference.ts";

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
  const waits: Waits = { served: 0, hopeless: 0, over: 0, gone: 0, locked: 0, refused: 0, deadlocked: 0 };
  const holds = fc.property(story, (steps) => {
    using service = new TestService({ settings, copyOf: empty.database });
    const real = { service };
    const expected = new Expected(service);
    fc.modelRun(() => ({ model: expected, real }), steps);
    checkEnd(expected, real);
    for (const { action_type } of expected.reference.state.journal.rows) seen.add(action_type);
    for (const end of ends) waits[end] += expected.reference.waits[end];
  });
  fc.assert(holds, { numRuns, includeErrorInReport: true, ...seed });
  // Stories in which nothing happens would prove nothing.
  expect([...seen].toSorted()).toEqual(everything);
  for (const end of ends) expect([end, waits[end]]).not.toEqual([end, 0]);
}, 600_000);

const ends = ["served", "hopeless", "over", "gone", "locked", "refused", "deadlocked"] as const;

const everything = [
  "ACQUIRE_NODE",
  "ACQUIRE_RESOURCE_LOCK",
  "ADD_NODES",
  "CANCEL_TASK",
  "COMMIT_EVENT",
  "COMPLETE_NODE",
  "EXPIRE_RESOURCE_LOCK",
  "FAIL_NODE",
  "FORCE_RELEASE_RESOURCE_LOCK",
  "PAUSE_TASK",
  "REGISTER_TASK",
  "RELEASE_NODE",
  "RELEASE_RESOURCE_LOCK",
  "RESUME_TASK",
  "RETRY_NODE",
  "SET_PRIORITY",
  "SKIP_NODE",
  "TAKE_OVER_RESOURCE_LOCK",
  "TIMEOUT_ROLLBACK",
];
