import { expect } from "bun:test";
import fc from "fast-check";
import type { Json } from "../../../src/protocol/json.ts";
import { type Fate, fates } from "../unlucky.ts";
import { bundleWishes } from "./bundle-wishes.ts";
import { clientsMax, type Expected, type Real } from "./connections.ts";
import { lockWishes } from "./lock-wishes.ts";
import { nodeWishes } from "./node-wishes.ts";
import type { Ask } from "./reference.ts";
import { taskWishes } from "./task-wishes.ts";
import { pick, seldom, type Wish } from "./wishes.ts";

/* What a story is made of: turns, in which clients ask and go, time passes and commits may fail, restarts and kills. */

type Command = fc.Command<Expected, Real>;

/** What one client does: a wish, or again what was sent with a key before, or its end. */
interface Act {
  client: number;
  wanted: Wish | { retry: number } | { end: "leave" | "die" };
  key: string | undefined;
}

function nameOf({ client, wanted, key }: Act): string {
  if ("end" in wanted) return `${client} ${wanted.end}s`;
  return `${client}: ${"name" in wanted ? wanted.name : `retry ${wanted.retry}`}${key === undefined ? "" : ` as ${key}`}`;
}

function perform({ client, wanted, key }: Act, expected: Expected): void {
  if ("end" in wanted) {
    expected.replace(client, wanted.end);
    return;
  }
  const { known, reference } = expected;
  const ask: Ask | undefined =
    "retry" in wanted ? pick(known.keyed, wanted.retry) : { ...wanted.resolve(reference.state, known), key };
  if (ask === undefined) return;
  if (ask.key !== undefined && !known.keyed.includes(ask)) known.keyed.push(ask);
  expected.send(client, ask);
}

interface Passing {
  wallMs: number;
  monotonicMs: number;
}

/** Clients act, time passes on the clocks, and a turn runs. */
class Turn implements Command {
  readonly #acts: readonly Act[];
  readonly #passed: Passing;
  readonly #random: number;
  readonly #fate: Fate;

  constructor(acts: readonly Act[], passed: Passing, random: number, fate: Fate) {
    this.#acts = acts;
    this.#passed = passed;
    this.#random = random;
    this.#fate = fate;
  }

  check = () => true;

  run(expected: Expected, { service }: Real): void {
    for (const act of this.#acts) perform(act, expected);
    service.clock.wallMs += this.#passed.wallMs;
    service.clock.monotonicMs += this.#passed.monotonicMs;
    service.random = this.#random;
    expected.turn(this.#fate);
  }

  toString(): string {
    const { wallMs, monotonicMs } = this.#passed;
    return `Turn(${this.#acts.map(nameOf).join("; ")}; after ${wallMs} ms, on the monotonic clock ${monotonicMs}, random ${this.#random}, ${this.#fate})`;
  }
}

/** Stops the service and starts it over the same database. */
class Restart implements Command {
  check = () => true;

  run(expected: Expected): void {
    expected.turn();
    expected.restart();
  }

  toString = () => "restart";
}

/** Kills the service: what it was asked and has not done is lost, and who waits is told nothing. */
class Kill implements Command {
  readonly #acts: readonly Act[];

  constructor(acts: readonly Act[]) {
    this.#acts = acts;
  }

  check = () => true;

  run(expected: Expected): void {
    for (const one of this.#acts) perform(one, expected);
    expected.crash();
  }

  toString = () => `Kill(${this.#acts.map(nameOf).join("; ")})`;
}

const act: fc.Arbitrary<Act> = fc.record({
  client: fc.nat(clientsMax - 1),
  wanted: fc.oneof(
    ...nodeWishes,
    ...lockWishes,
    ...taskWishes,
    ...bundleWishes,
    { weight: 3, arbitrary: fc.record({ retry: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ end: fc.constantFrom("leave" as const, "die" as const) }) },
  ),
  key: seldom(fc.constantFrom("k1", "k2", "k3")),
});
const anHour = 3_600_000;

/** Time as it usually passes, and the ways it is disturbed: a late turn, a sleep, a step, a drift. */
const passing = fc
  .oneof(
    { weight: 4, arbitrary: fc.constantFrom(0, 1, 500, 999, 1_000, 1_000, 1_000).map((ms) => [ms, ms] as const) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<readonly [number, number]>(
        [1_001, 1_001],
        [2_000, 2_000],
        [60_000, 60_000],
        [anHour, 0],
        [anHour + 1_000, 1_000],
        [-anHour, 0],
        [1_100, 1_000],
        [1_101, 1_000],
      ),
    },
  )
  .map(([wallMs, monotonicMs]): Passing => ({ wallMs, monotonicMs }));

const random = fc.constantFrom(0.5, 0, 0.999);
const acts = fc.array(act, { maxLength: 10, size: "max" });
const fate = fc.oneof(
  { weight: 11, arbitrary: fc.constant<Fate>("commits") },
  { weight: 1, arbitrary: fc.constantFrom(...fates.slice(1)) },
);
const turn = fc.tuple(acts, passing, random, fate).map((its) => new Turn(...its));
const idleTurn = fc.tuple(passing, fate).map(([passed, its]) => new Turn([], passed, 0, its));
const kill = fc.array(act, { maxLength: 2 }).map((its) => new Kill(its));

/** Stories of at most so many commands. Few of these open the database anew, which is most of what a story costs. */
export const stories = (maxCommands: number) =>
  fc.commands(
    [
      ...Array.from({ length: 14 }, () => turn),
      ...Array.from({ length: 6 }, () => idleTurn),
      fc.constant(new Restart()),
      kill,
    ],
    { maxCommands, size: "max" },
  );

/** Every row of the journal was compared when it was written; as long as they fit, they are listed, too. */
const pageMax = 1_000;

/** What must hold at the end of every story, asked of the service itself. */
export function checkEnd(expected: Expected, { service }: Real): void {
  expected.turn();
  const { reference } = expected;
  const client = service.client();
  for (const task_id of reference.state.tasks.keys()) {
    expected.ask(client, "TaskStatus", { task_id, attempts: true });
  }
  expected.ask(client, "ListTasks", { limit: 1_000 });
  expected.ask(client, "ListResourceLocks", {});
  expected.ask(client, "ListPatchBundles", { limit: 1_000 });
  if (reference.state.seq <= pageMax) expected.ask(client, "ListEvents", { limit: pageMax });
  const { schema_version: _, latest_schema_version: __, ...database } = client.call("Metrics", {}).database;
  expect(database as Json).toEqual(reference.metrics());
  expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true, first_difference: null });
  expect(service.bugs).toEqual([]);
}
