import { expect } from "bun:test";
import type { Json } from "../../../src/protocol/json.ts";
import type { MethodName } from "../../../src/protocol/methods.ts";
import type { Warning } from "../../../src/protocol/warnings.ts";
import type { Answer, TestClient, TestService } from "../harness.ts";
import { type Fate, journalAfter, lasts, type UnluckyService } from "../unlucky.ts";
import { toRow } from "./journal.ts";
import { LeaseTime } from "./lease-time.ts";
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
    const { answers } = this.client;
    const open = this.#unanswered.findIndex((pending) => {
      const { answer } = pending;
      if (answer === null) return true;
      const seen = answers.shift() ?? {};
      if (!pending.isVague) check(pending.ask, seen, answer);
      witness.hear(pending.ask, seen);
      return false;
    });
    this.#unanswered.splice(0, open === -1 ? this.#unanswered.length : open);
    same(answers, []);
  }

  #end(): void {
    this.#gone = true;
    for (const pending of this.#unanswered) pending.gone = true;
  }
}

/** The service under test. */
export interface Real {
  readonly service: UnluckyService;
}

/** The model of the service, and of what stands between two turns: clocks, and requests that wait. */
export class Expected {
  readonly service: UnluckyService;
  readonly reference: ReferenceModel;
  readonly known = new Known();
  readonly witness = new Witness();
  readonly connections: Connection[] = [];
  /** Connections in the order in which their first waiting request came. */
  #arrival: Connection[] = [];
  readonly #time: LeaseTime;

  constructor(service: UnluckyService) {
    const { nodeTimeoutSecs, contextEventLimit, maxLostAttempts } = service.settings;
    this.service = service;
    this.reference = new ReferenceModel({
      ttl: nodeTimeoutSecs * 1000,
      contextEvents: contextEventLimit,
      lostMax: maxLostAttempts,
    });
    this.#time = new LeaseTime(service.clock);
    this.#connect();
  }

  send(client: number, ask: Ask): void {
    const connection = this.connections[client];
    if (connection === undefined) return;
    if (connection.queue.length === 0) this.#arrival.push(connection);
    connection.send(ask);
  }

  /** A client goes, in one way or the other, and another comes in its place. */
  replace(client: number, how: "leave" | "die"): void {
    const connection = this.connections[client];
    connection?.[how]();
    this.connections[client] = new Connection(this.service);
  }

  /** Runs the service's turn and the model's, and compares what was written and answered. */
  turn(fate: Fate = "commits"): void {
    const { service, reference } = this;
    const { journal } = reference.state;
    const asked = this.#takeAll();
    const before = journal.seq;
    const commits = service.commits;
    const undo = fate === "commits" ? null : reference.remember();
    service.fate = fate;
    let turns = 1;
    while (service.turn()) if (++turns > 3) throw new Error("the service asks for turn after turn");
    const doomed = service.takeDoomed();
    service.fate = "commits";
    const rows = (doomed ?? journalAfter(service.store, before)).map(toRow);
    this.#time.pass(service.clock, reference);
    reference.state.random = service.random;
    journal.show(rows);
    reference.beginTurn(asked);
    for (const pending of asked) reference.submit(pending);
    reference.endTurn();
    same(journal.rows.slice(before), rows);
    this.known.learn(rows);
    if (service.commits > commits) this.#time.settle();
    if (doomed === null || lasts(fate)) this.witness.see(rows);
    else undo?.();
    if (doomed !== null) this.#fail(fate, asked);
    this.#hear();
  }

  /** Stops the service and starts it over the same database. */
  restart(): void {
    this.reference.stop();
    this.service.restart();
    this.#hear();
    this.#startAnew();
  }

  /** Ends the service as a kill does: nobody is told anything. */
  crash(): void {
    this.reference.forgetLine();
    this.service.crash();
    this.#takeAll();
    this.#startAnew();
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

  /** The turn's commit did not come back. */
  #fail(fate: Fate, asked: readonly Pending[]): void {
    if (fate.startsWith("dies")) {
      this.crash();
      return;
    }
    const kind = fate === "finds no room" ? "STORAGE_FULL" : "OUTCOME_UNKNOWN";
    this.reference.failTurn(asked, kind);
    if (kind === "OUTCOME_UNKNOWN") this.#time.doubt(this.reference);
  }

  #hear(): void {
    for (const connection of this.connections) connection.hear(this.witness);
  }

  #startAnew(): void {
    this.#connect();
    this.#time.restart(this.service.clock, this.reference);
  }
}

function check(ask: Ask, { error, ...rest }: Answer, foretold: Foretold | null): void {
  const { kind, seq, reason } = (error?.data ?? {}) as { kind?: string; seq?: Json; reason?: Json };
  const seen = error === undefined ? asForetold(rest) : { ...rest, refused: { kind, seq, reason } };
  same({ ask, answer: seen }, { ask, answer: foretold });
}

/**
 * An answer without what is not foretold: the words of a warning, which of several leases a node is said to be held back by (whether it is handed
 * out is), and in which order the paths of two bundles are named.
 */
function asForetold(answer: Omit<Answer, "error">): object {
  const { nodes, overlaps, ...rest } = (answer.result ?? {}) as {
    nodes?: { held_back_by?: Json }[];
    overlaps?: Meets[];
    warnings?: Warning[];
  };
  if (rest.warnings !== undefined) {
    const warnings = rest.warnings.map(({ message: _message, ...warning }) => warning);
    return { ...answer, result: { ...rest, nodes, warnings } };
  }
  if (overlaps !== undefined) {
    const sorted = overlaps.map((one) => ({ ...one, paths: one.paths.toSorted() }));
    return { ...answer, result: { ...rest, overlaps: sorted } };
  }
  if (nodes?.[0]?.held_back_by === undefined) return answer;
  return { ...answer, result: { ...rest, nodes: nodes.map(({ held_back_by: _holder, ...node }) => node) } };
}

interface Meets {
  paths: string[];
}

/** As `toEqual`, which costs more and so is left to show the difference. */
export function same(seen: unknown, expected: unknown): void {
  if (!Bun.deepEquals(seen, expected, true)) expect(seen).toStrictEqual(expected);
}
