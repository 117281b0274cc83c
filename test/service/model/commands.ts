import { expect } from "bun:test";
import fc from "fast-check";
import type { Json } from "../../../src/protocol/json.ts";
import type { MethodName } from "../../../src/protocol/methods.ts";
import type { Answer, TestClient, TestService } from "../harness.ts";
import { type Ask, type Foretold, ReferenceModel } from "./reference.ts";
import { text } from "./views.ts";
import { Known, seldom, type Wish, wish } from "./wishes.ts";

const clientsMax = 3;

/** The service under test, and its clients. */
export class Real {
  readonly service: TestService;
  clients: TestClient[] = [];

  constructor(service: TestService) {
    this.service = service;
    this.connect();
  }

  connect(): void {
    this.clients = Array.from({ length: clientsMax }, () => this.service.client());
  }
}

/** The model of the service, and of what stands between two turns: clocks, and requests that wait. */
export class Expected {
  readonly reference: ReferenceModel;
  readonly known = new Known();
  readonly queues: Ask[][] = Array.from({ length: clientsMax }, () => []);
  /** Clients in the order in which their first waiting request came. */
  arrival: number[] = [];
  clock: { wallMs: number; monotonicMs: number };
  restarted = false;

  constructor({ service }: Real) {
    const { nodeTimeoutSecs, contextEventLimit, maxLostAttempts } = service.settings;
    this.reference = new ReferenceModel({
      ttl: nodeTimeoutSecs * 1000,
      contextEvents: contextEventLimit,
      lostMax: maxLostAttempts,
    });
    this.clock = { ...service.clock };
  }

  /** What waits, in the order it is served: one of each client, and again. */
  takeAll(): { client: number; ask: Ask }[] {
    const taken = this.arrival.flatMap((client) =>
      (this.queues[client] ?? []).map((ask, round) => ({ client, ask, round })),
    );
    for (const queue of this.queues) queue.length = 0;
    const order = this.arrival;
    this.arrival = [];
    return taken.toSorted((a, b) => a.round - b.round || order.indexOf(a.client) - order.indexOf(b.client));
  }
}

type Command = fc.Command<Expected, Real>;

/** One request of a turn: a wish, or again what was sent with a key before. */
interface Request {
  client: number;
  wanted: Wish | { retry: number };
  key: string | undefined;
}

const nameOf = ({ client, wanted, key }: Request) =>
  `${client}: ${"name" in wanted ? wanted.name : `retry ${wanted.retry}`}${key === undefined ? "" : ` as ${key}`}`;

function send({ client, wanted, key }: Request, expected: Expected, real: Real): void {
  const ask = resolve(wanted, key, expected);
  if (ask === undefined) return;
  const queue = expected.queues[client] ?? [];
  if (queue.length === 0) expected.arrival.push(client);
  queue.push(ask);
  real.clients[client]?.send(ask.method as MethodName, ask.params, ask.key);
}

function resolve(wanted: Request["wanted"], key: string | undefined, { reference, known }: Expected): Ask | undefined {
  if ("retry" in wanted) return known.keyed[wanted.retry % known.keyed.length];
  const ask = { ...wanted.resolve(reference, known), key };
  if (key !== undefined) known.keyed.push(ask);
  return ask;
}

/** Requests come in, time passes on the clocks, and a turn runs. */
class Turn implements Command {
  readonly #requests: readonly Request[];
  readonly #passed: { wallMs: number; monotonicMs: number };

  constructor(requests: readonly Request[], wallMs: number, monotonicMs: number) {
    this.#requests = requests;
    this.#passed = { wallMs, monotonicMs };
  }

  check = () => true;

  run(expected: Expected, real: Real): void {
    for (const request of this.#requests) send(request, expected, real);
    const { service, clients } = real;
    service.clock.wallMs += this.#passed.wallMs;
    service.clock.monotonicMs += this.#passed.monotonicMs;
    same(service.turn(), false);
    const { reference, known } = expected;
    observe(expected, service.clock);
    for (const { client, ask } of expected.takeAll()) {
      const answer = clients[client]?.read() ?? {};
      check(ask, answer, reference.answer(ask, (answer.result ?? null) as Json));
      learn(known, ask, answer);
    }
    reference.expire();
    same(service.store.head.seq, reference.seq);
  }

  toString(): string {
    const { wallMs, monotonicMs } = this.#passed;
    return `Turn(${this.#requests.map(nameOf).join("; ")}; after ${wallMs} ms, on the monotonic clock ${monotonicMs})`;
  }
}

/** Lease time runs only while a heartbeat could have been heard: everything else is given back. */
function observe(expected: Expected, clock: Expected["clock"]): void {
  const heard = clock.monotonicMs - expected.clock.monotonicMs;
  const drift = clock.wallMs - expected.clock.wallMs - heard;
  expected.reference.now = clock.wallMs;
  if (expected.restarted) expected.reference.renew();
  else expected.reference.shift((heard > 2_000 ? heard : 0) + (Math.abs(drift) > 100 ? drift : 0));
  expected.restarted = false;
  expected.clock = { ...clock };
}

function check(ask: Ask, answer: Answer, foretold: Foretold): void {
  const { error, ...rest } = answer;
  const seen = error === undefined ? rest : { ...rest, refused: { kind: error.data.kind, seq: error.data.seq } };
  same({ ask, answer: seen }, { ask, answer: foretold });
}

/** As `toEqual`, which costs more and so is left to show the difference. */
function same(seen: unknown, expected: unknown): void {
  if (!Bun.deepEquals(seen, expected, true)) expect(seen).toEqual(expected);
}

function learn(known: Known, { method, params }: Ask, { result }: Answer): void {
  if (result === null || result === undefined) return;
  const { task_id, node_id, lease_id } = result as Record<string, string>;
  if (lease_id === undefined) return;
  if (method === "AcquireNextNode") known.claims.push({ task_id: task_id ?? "", node_id: node_id ?? "", lease_id });
  else known.locks.push({ resource_key: text(params.resource_key), lease_id });
}

/** Stops the service and starts it over the same database. */
class Restart implements Command {
  check = () => true;

  run(expected: Expected, real: Real): void {
    new Turn([], 0, 0).run(expected, real);
    real.service.restart();
    real.connect();
    expected.restarted = true;
  }

  toString = () => "restart";
}

const request: fc.Arbitrary<Request> = fc.record({
  client: fc.nat(clientsMax - 1),
  wanted: fc.oneof({ weight: 9, arbitrary: wish }, { weight: 1, arbitrary: fc.record({ retry: fc.nat(20) }) }),
  key: seldom(fc.constantFrom("k1", "k2", "k3")),
});
const requests = fc.array(request, { maxLength: 10, size: "max" });
const anHour = 3_600_000;

/** Time as it usually passes, and the ways it is disturbed: a late turn, a sleep, a step, a drift. */
const passing = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 500, 999, 1_000, 1_001, 2_000).map((ms) => [ms, ms] as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<readonly [number, number]>(
      [2_001, 2_001],
      [60_000, 60_000],
      [anHour, 0],
      [anHour + 1_000, 1_000],
      [-anHour, 0],
      [1_100, 1_000],
      [1_101, 1_000],
    ),
  },
);

const turn = fc.tuple(requests, passing).map(([sent, [wallMs, monotonicMs]]) => new Turn(sent, wallMs, monotonicMs));
const idleTurn = passing.map(([wallMs, monotonicMs]) => new Turn([], wallMs, monotonicMs));

/** One command in six opens the database anew, which is most of what a story costs. */
export const story = fc.commands([turn, turn, turn, turn, idleTurn, fc.constant(new Restart())], {
  maxCommands: 15,
  size: "max",
});

/** What must hold at the end of every story, asked of the service itself. */
export function checkEnd(expected: Expected, real: Real): void {
  new Turn([], 0, 0).run(expected, real);
  const { reference } = expected;
  const asked = [...reference.tasks.keys()].map((task_id): Ask => ({
    method: "TaskStatus",
    params: { task_id },
    key: undefined,
  }));
  asked.push({ method: "ListResourceLocks", params: {}, key: undefined });
  asked.push({ method: "ListEvents", params: { limit: 1_000 }, key: undefined });
  const client = real.service.client();
  for (const ask of asked) {
    const answer = client.ask(ask.method as MethodName, ask.params);
    check(ask, answer, reference.answer(ask, (answer.result ?? null) as Json));
  }
  const { schema_version: _, latest_schema_version: __, ...database } = client.call("Metrics", {}).database;
  expect(database as Json).toEqual(reference.metrics());
  expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true, first_difference: null });
  expect(real.service.bugs).toEqual([]);
}
