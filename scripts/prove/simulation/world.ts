import { type Answer, type TestClient, nthId } from "../../../test/service/harness.ts";
import { toRow } from "../../../test/service/model/journal.ts";
import { text } from "../../../test/service/model/views.ts";
import type { MethodName } from "../../../src/protocol/methods.ts";
import { type Fate, fates, journalAfter, lasts, UnluckyService } from "../../../test/service/unlucky.ts";
import type { Chance } from "../chance.ts";
import { Actor, type Common } from "./actor.ts";
import { History, isFinal, keysOf, type Operation } from "./history.ts";
import { LeaseWatch } from "./lease-watch.ts";

const actorsMax = 12;
/** Keys are kept for days by the wall clock, which is never set this far from where it was. */
const offsetMsMax = 30 * 3_600_000;

export interface Tally {
  answers: number;
  rows: number;
  losses: number;
  crashes: number;
  failures: number;
  jumps: number;
}

/** A client: what it wants now, and the connection on which it asked for it last. */
interface Player {
  actor: Actor;
  client: TestClient;
  operation: Operation | null;
  /** Whether it is on its way or waits in the service; else it has to be asked, maybe again. */
  isAsked: boolean;
}

/** A service, its clients, its clocks and its misfortunes, all of it decided by one row of choices. */
export class World implements Disposable {
  readonly tally: Tally = { answers: 0, rows: 0, losses: 0, crashes: 0, failures: 0, jumps: 0 };
  readonly #service: UnluckyService;
  readonly #chance: Chance;
  readonly #players: Player[];
  readonly #history = new History();
  readonly #watch = new LeaseWatch();
  readonly #operations = new Map<string, Operation>();
  #turns = 0;
  #offsetMs = 0;
  /** The journal's head when its rows were last seen. */
  #head: { seq: number; hash: string };
  /** What happened last, for whoever looks into a failure. */
  readonly #lately: string[] = [];

  constructor(chance: Chance, copyOf: string) {
    const settings = { nodeTimeoutSecs: 5, maxLostAttempts: 3 };
    this.#service = new UnluckyService({ settings, copyOf });
    this.#chance = chance;
    const common: Common = { tasks: [], bundles: [] };
    let ids = 1 << 24;
    this.#players = Array.from({ length: actorsMax }, (_, n) => {
      const actor = new Actor(`actor${n}`, chance.branch(n), common, () => nthId(++ids));
      return { actor, client: this.#service.client(), operation: null, isAsked: false };
    });
    this.#head = this.#service.store.reads.head;
  }

  [Symbol.dispose](): void {
    this.#service[Symbol.dispose]();
  }

  /** Lets so many things happen, and then everything come to its end; the hash of the journal, which tells all of it. */
  run(events: number): string {
    try {
      for (let event = 0; event < events; event++) this.#happen();
      this.#conclude();
      return this.#head.hash;
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new Error(`${what}\nwhat happened last:\n  ${this.#lately.slice(-12).join("\n  ")}`, { cause: error });
    }
  }

  #happen(): void {
    const chance = this.#chance;
    const wish = chance.below(1_000);
    if (wish < 760) this.#act(chance.of(this.#players));
    else if (wish < 940) this.#turn("commits");
    else if (wish < 975) this.#pass(chance.of([1, 200, 1_000, 1_000, 1_999]));
    else if (wish < 983) this.#turn(chance.of(fates.slice(1)));
    else if (wish < 985) this.#crash();
    else if (wish < 989) this.#jump();
    else this.#lose(chance.of(this.#players));
  }

  /** Somebody asks for something, or for the same again where the answer was lost. */
  #act(player: Player): void {
    if (player.isAsked) return;
    const { actor } = player;
    const isGivenUp = player.operation !== null && this.#chance.happens(0.1);
    if (player.operation === null || isGivenUp) player.operation = this.#wish(actor);
    this.#ask(player, player.operation);
  }

  #wish(actor: Actor): Operation {
    const key = `${actor.name}-${this.#operations.size}`;
    const wish = actor.next(key);
    const wanted = wish.method.startsWith("AcquireResourceLock") ? keysOf(wish.params) : [];
    const operation = { ask: { ...wish, key }, floor: this.#history.furthest, since: null, attempts: 0, wanted };
    this.#operations.set(key, operation);
    return operation;
  }

  #ask(player: Player, operation: Operation): void {
    const { method, params, key } = operation.ask;
    player.isAsked = true;
    operation.since = null;
    operation.attempts++;
    player.client.send(method as MethodName, params, key);
  }

  #turn(fate: Fate): void {
    const service = this.#service;
    this.#turns++;
    if (fate !== "commits") this.#note(`turn ${this.#turns}, whose commit ${fate}`);
    for (const { operation, isAsked } of this.#players)
      if (isAsked && operation !== null) operation.since ??= this.#turns;
    service.fate = fate;
    let again = service.turn();
    service.fate = "commits";
    const isStruck = service.takeDoomed() !== null;
    if (isStruck && fate.startsWith("dies")) {
      this.#die(lasts(fate));
      return;
    }
    if (isStruck) this.tally.failures++;
    for (let turns = 1; again; turns++) {
      if (turns > 20) throw new Error("the service asks for turn after turn");
      again = service.turn();
    }
    this.#look();
    // Everybody's answers are of one moment: only who has none of them still waits.
    const heard = this.#players.flatMap((player) => {
      const answer = player.client.answers.shift();
      return answer === undefined ? [] : [{ player, answer }];
    });
    const line = this.#players.flatMap(({ operation, isAsked, client }) => {
      const waits = isAsked && operation !== null && operation.wanted.length > 0;
      return waits && !heard.some(({ player }) => player.client === client) ? [operation] : [];
    });
    for (const { player, answer } of heard) this.#hear(player, answer, line);
  }

  #hear(player: Player, answer: Answer, line: readonly Operation[]): void {
    const { operation, actor } = player;
    if (operation === null || !player.isAsked) throw new Error(`${actor.name} got an answer to nothing`);
    this.tally.answers++;
    this.#history.hear(operation, answer, line);
    player.isAsked = false;
    if (!isFinal(answer)) return;
    const { method, params } = operation.ask;
    if (method.startsWith("Heartbeat") && answer.error === undefined && answer.replayed !== true)
      this.#watch.renew(text(params.lease_id), this.#service.clock.monotonicMs);
    // Some ask for the same once more although they have the answer.
    if (answer.replayed === true || this.#chance.happens(0.95)) player.operation = null;
    actor.learn(operation.ask, answer);
  }

  /** Takes in what the journal has by now. */
  #look(): void {
    const { head } = this.#service.store.reads;
    if (head.seq === this.#head.seq) return;
    const rows = journalAfter(this.#service.store, this.#head.seq).map(toRow);
    this.#head = { ...head };
    this.tally.rows += rows.length;
    this.#history.see(rows);
    this.#watch.see(rows, this.#operations, this.#service.clock.monotonicMs);
  }

  #crash(): void {
    this.#note("killed between two turns");
    this.#die(false);
  }

  /** The process is gone; the next begins with what the files hold, and nobody was told anything. */
  #die(lasted: boolean): void {
    const service = this.#service;
    this.tally.crashes++;
    service.crash();
    const { head } = service.store.reads;
    if (head.seq < this.#head.seq) throw new Error(`after ${this.#head.seq} rows were seen, ${head.seq} are left`);
    if (!lasted && head.hash !== this.#head.hash) throw new Error("a crash brought rows that were never committed");
    this.#look();
    for (const player of this.#players) this.#connect(player);
  }

  /** A connection is lost: the service is told, or has to find out. */
  #lose(player: Player): void {
    this.#note(`${player.actor.name} loses its connection`);
    this.tally.losses++;
    if (this.#chance.happens(0.7)) player.client.leave();
    else player.client.gone = true;
    this.#connect(player);
  }

  #connect(player: Player): void {
    player.client = this.#service.client();
    player.isAsked = false;
  }

  /** Time passes as the daemon lives through it. */
  #pass(ms: number): void {
    this.#service.pass(ms);
    this.#turn("commits");
  }

  /** The clock is set, the machine sleeps, or the process is stopped. */
  #jump(): void {
    const { clock } = this.#service;
    this.tally.jumps++;
    const wallMs = this.#chance.of([3_600_000, -3_600_000, 72_000_000, -72_000_000, 60_000]);
    const isStopped = this.#chance.happens(0.3);
    const step = Math.abs(this.#offsetMs + wallMs) > offsetMsMax ? -wallMs : wallMs;
    this.#note(isStopped ? "stopped for a minute" : `the clock goes by ${step} ms`);
    if (isStopped) this.#service.pass(60_000);
    else {
      clock.wallMs += step;
      this.#offsetMs += step;
    }
    this.#turn("commits");
  }

  /** Everybody gets the answer they wait for, leases run out, and the whole journal is looked at once more. */
  #conclude(): void {
    this.#note("nothing more goes wrong");
    for (let seconds = 0; seconds < quietSecs; seconds++) {
      for (const player of this.#players) {
        if (!player.isAsked && player.operation !== null) this.#ask(player, player.operation);
      }
      this.#pass(1_000);
    }
    const open = this.#players.find(({ operation }) => operation !== null);
    if (open?.operation !== undefined) throw new Error(`${open.actor.name} never got an answer`);
    const client = this.#service.client();
    const { running_leases, active_resource_locks, expired_resource_locks } = client.call("Metrics", {}).database;
    const left = running_leases + active_resource_locks + expired_resource_locks;
    if (left > 0) throw new Error(`${left} leases or locks outlive everybody`);
    this.#look();
    const verdict = client.call("VerifyJournal", {});
    if (!verdict.ok) throw new Error(`VerifyJournal: ${JSON.stringify(verdict.first_difference)}`);
    this.#history.checkAll(journalAfter(this.#service.store, 0).map(toRow));
    if (this.#service.bugs.length > 0) throw new Error(`a bug: ${String(this.#service.bugs[0])}`);
  }

  #note(what: string): void {
    this.#lately.push(`${what} (${this.#head.seq} rows)`);
  }
}

/** Longer than anybody waits, and then than any lease lasts. */
const quietSecs = 14;
