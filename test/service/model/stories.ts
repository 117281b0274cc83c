import fc from "fast-check";
import { TestService } from "../harness.ts";
import { rowsOf, undescribed } from "../../support/transitions.ts";
import { UnluckyService } from "../unlucky.ts";
import { checkEnd, stories } from "./commands.ts";
import { Expected } from "./connections.ts";
import type { Waits } from "./reference.ts";

/** What happened in all the stories that were told: those in which nothing does would prove nothing. */
export interface Seen {
  /** Of how many turns, kills and restarts they were made, and how many rows were journalled. */
  commands: number;
  rows: number;
  actions: Set<string>;
  waits: Waits;
}

const settings = { nodeTimeoutSecs: 3, contextEventLimit: 4, maxLostAttempts: 2 };

/** Short ones, and seldom one of at most `commandsMax`. */
const lengths = (commandsMax: number) =>
  commandsMax <= shortMax
    ? stories(commandsMax)
    : fc.oneof({ weight: 199, arbitrary: stories(shortMax) }, { weight: 1, arbitrary: stories(commandsMax) });
const shortMax = 12;

/**
 * Tells stories to the service and to the reference model, which must agree all along.
 *
 * @throws with the seed and the path of the shortest story in which they do not
 */
export function tellStories(how: fc.Parameters<unknown>, commandsMax = shortMax): Seen {
  // Every story starts with a copy of an empty database.
  using empty = new TestService();
  empty.restart();
  const waits: Waits = { served: 0, hopeless: 0, over: 0, gone: 0, locked: 0, refused: 0, deadlocked: 0 };
  const seen: Seen = { commands: 0, rows: 0, actions: new Set(), waits };
  const holds = fc.property(lengths(commandsMax), (steps) => {
    using service = new UnluckyService({ settings, copyOf: empty.database });
    const real = { service };
    const expected = new Expected(service);
    fc.modelRun(() => ({ model: expected, real }), steps);
    checkEnd(expected, real);
    const faults = undescribed(rowsOf(service));
    if (faults.length > 0) throw new Error(faults.join("\n"));
    const { rows } = expected.reference.state.journal;
    for (const { action_type } of rows) seen.actions.add(action_type);
    for (const end of ends) waits[end] += expected.reference.waits[end];
    for (const _ of steps) seen.commands++;
    seen.rows += rows.length;
  });
  fc.assert(holds, { includeErrorInReport: true, ...how });
  return seen;
}

const ends = ["served", "hopeless", "over", "gone", "locked", "refused", "deadlocked"] as const;

/** What is missing for the stories to have shown something. */
export function missingIn({ actions, waits }: Seen): string[] {
  return [...everything.filter((action) => !actions.has(action)), ...ends.filter((end) => waits[end] === 0)];
}

const everything = [
  "ACQUIRE_NODE",
  "ACQUIRE_RESOURCE_LOCK",
  "ADD_NODES",
  "CANCEL_TASK",
  "COMMIT_EVENT",
  "COMPLETE_NODE",
  "DECIDE_PATCH_BUNDLE",
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
  "SUBMIT_PATCH_BUNDLE",
  "TAKE_OVER_RESOURCE_LOCK",
  "TIMEOUT_ROLLBACK",
  "conflict",
  "intent",
];
