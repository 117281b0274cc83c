import { expect } from "bun:test";
import type { Json } from "../../../src/protocol/json.ts";
import type { MethodName } from "../../../src/protocol/methods.ts";
import type { Answer, TestClient, TestService } from "../harness.ts";
import { type Row, toRow } from "./journal.ts";
import { type Ask, type Foretold, Pending, ReferenceModel } from "./reference.ts";
import { wantsLocks } from "./views.ts";
import { Known } from "./wishes.ts";
import { Witness } from "./witness.ts";

export const clientsMax = 4;

/** A client, and what it asked and has not been answered, in order. */
export class Connection {
  readonly client: TestClient;
  /** What waits for the next turn. */
  queue: Pending[] = [];
  #unanswered: Pending[] = [];
  #gone = false;

  constructor(service: TestService) {
    this.client = service.client();
  }

  /** What the service may still answer under this key. */
  unanswered(key: string): Ask[] {
    const open = this.#unanswered.filter(({ answer }) => answer === null);
    return open.map(({ ask }) => ask).filter((ask) => ask.key === key);
  }

  send(ask: Ask): void {
    const pending = new Pending(ask);
    this.queue.push(pending);
    this.#unanswered.push(pending);
    this.client.send(ask.method as MethodName, ask.params, ask.key);
  }

  /** The connection closes, and what it has sent is forgotten. */
  leave(): void {
    this.queue = [];
    this.#end();
    this.#unanswered = [];
    this.client.leave();
  }

  /**
   * The client's process dies, which the service learns only when it looks: what it has sent is still read. In line for
   * locks it would hold up others until then, and the contract does not say when that is.
   */
  die(): void {
    if (this.#unanswered.some(({ ask, answer }) => answer === null && wantsLocks(ask.method))) return this.leave();
    this.#end();
    this.client.gone = true;
  }

  /** Compares the answers the client got with those it must have: no later one comes before an earlier one. */
  hear(witness: Witness): void {
    if (this.#gone) return;
    const open = this.#unanswered.findIndex(({ answer }) => answer === null);
    const due = this.#unanswered.splice(0, open === -1 ? this.#unanswered.length : open);
    for (const { ask, answer } of due) {
      const seen = this.client.answers.shift() ?? {};
      check(ask, seen, answer);
      witness.hear(ask, seen);
    }
    same(this.client.answers, []);
  }

  #end(): void {
    this.#gone = true;
    for (const pending of this.#unanswered) pending.gone = true;
  }
}

/** The service under test. */
export interface Real {
  readonly service: TestService;
}

/** The model of the service, and of what stands between two turns: clocks, and requests that wait. */
export class Expected {
  readonly service: TestService;
  readonly reference: ReferenceModel;
  readonly known = new Known();
  readonly witness = new Witness();
  readonly connections: Connection[] = [];
  /** Those that others took the place of. */
  readonly #gone: Connection[] = [];
  /** Connections in the order in which their first waiting request came. */
  #arrival: Connection[] = [];
  #clock: { wallMs: number; monotonicMs: number };
  #restarted = false;

  constructor(service: TestService) {
    const { nodeTimeoutSecs, contextEventLimit, maxLostAttempts } = service.settings;
    this.service = service;
    this.reference = new ReferenceModel({
      ttl: nodeTimeoutSecs * 1000,
      contextEvents: contextEventLimit,
      lostMax: maxLostAttempts,
    });
    this.#clock = { ...service.clock };
    this.#connect();
  }

  send(client: number, ask: Ask): void {
    const connection = this.connections[client];
    if (connection === undefined) return;
    if (connection.queue.length === 0) this.#arrival.push(connection);
    connection.send(ask);
  }

  /** What the service may still answer under this key, to whomever. */
  unanswered(key: string): Ask[] {
    return [...this.connections, ...this.#gone].flatMap((connection) => connection.unanswered(key));
  }

  /** A client goes, in one way or the other, and another comes in its place. */
  replace(client: number, how: "leave" | "die"): void {
    const connection = this.connections[client];
    connection?.[how]();
    if (connection !== undefined) this.#gone.push(connection);
    this.connections[client] = new Connection(this.service);
  }

  /** Runs the service's turn and the model's, and compares what was written and answered. */
  turn(): void {
    const { service, reference } = this;
    const { journal } = reference.state;
    const asked = this.#takeAll();
    const before = journal.seq;
    let turns = 1;
    while (service.turn()) if (++turns > 3) throw new Error("the service asks for turn after turn");
    const rows = newRows(service, before);
    this.witness.see(rows);
    this.#observe();
    journal.show(rows);
    reference.beginTurn();
    for (const pending of asked) reference.submit(pending);
    reference.endTurn();
    same(journal.rows.slice(before), rows);
    for (const connection of this.connections) connection.hear(this.witness);
    this.known.learn(rows);
  }

  /** Stops the service and starts it over the same database. */
  restart(): void {
    this.reference.stop();
    this.service.restart();
    for (const connection of this.connections) connection.hear(this.witness);
    this.#connect();
    this.#restarted = true;
  }

  /** Asks the service something at the end of the story, and compares. */
  ask(client: TestClient, method: MethodName, params: Ask["params"]): void {
    const ask = { method, params, key: undefined };
    check(ask, client.ask(method, params), this.reference.read(ask));
  }

  #connect(): void {
    for (let n = 0; n < clientsMax; n++) this.connections[n] = new Connection(this.service);
  }

  /** What waits, in the order it is served: one of each client, and again. */
  #takeAll(): Pending[] {
    const order = this.#arrival;
    const taken = order.flatMap(({ queue }, place) => queue.map((pending, round) => ({ pending, round, place })));
    for (const connection of order) connection.queue = [];
    this.#arrival = [];
    return taken.toSorted((a, b) => a.round - b.round || a.place - b.place).map(({ pending }) => pending);
  }

  /** Lease time runs only while a heartbeat could have been heard: everything else is given back. */
  #observe(): void {
    const { reference } = this;
    const { wallMs, monotonicMs } = this.service.clock;
    const heard = monotonicMs - this.#clock.monotonicMs;
    const drift = wallMs - this.#clock.wallMs - heard;
    reference.state.journal.now = wallMs;
    reference.monotonic = monotonicMs;
    reference.state.random = this.service.random;
    if (this.#restarted) reference.state.renew();
    else reference.state.shift((heard > 2_000 ? heard : 0) + (Math.abs(drift) > 100 ? drift : 0));
    this.#restarted = false;
    this.#clock = { wallMs, monotonicMs };
  }
}

function newRows({ store }: TestService, after: number): Row[] {
  const everything = { taskId: null, nodeId: null, actionTypes: null };
  const bounds = { limit: 10_000, scanMax: 10_000, payloadCharsMax: Number.MAX_SAFE_INTEGER };
  return store.journalPage(everything, after, bounds).rows.map(toRow);
}

function check(ask: Ask, { error, ...rest }: Answer, foretold: Foretold | null): void {
  const { kind, seq, reason } = (error?.data ?? {}) as { kind?: string; seq?: Json; reason?: Json };
  const seen = error === undefined ? withoutHolders(rest) : { ...rest, refused: { kind, seq, reason } };
  same({ ask, answer: seen }, { ask, answer: foretold });
}

/** Which of several leases a node is said to be held back by is not foretold; whether it is handed out is. */
function withoutHolders(answer: Omit<Answer, "error">): object {
  const { nodes, ...rest } = (answer.result ?? {}) as { nodes?: { held_back_by?: Json }[] };
  if (nodes?.[0]?.held_back_by === undefined) return answer;
  return { ...answer, result: { ...rest, nodes: nodes.map(({ held_back_by: _holder, ...node }) => node) } };
}

/** As `toEqual`, which costs more and so is left to show the difference. */
export function same(seen: unknown, expected: unknown): void {
  if (!Bun.deepEquals(seen, expected, true)) expect(seen).toStrictEqual(expected);
}
