import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseRequest } from "../../src/protocol/envelope.ts";
import type { WireError } from "../../src/protocol/errors.ts";
import type { Json } from "../../src/protocol/json.ts";
import type { MethodName, ParamsInput, Result } from "../../src/protocol/methods.ts";
import { readSettings, type Settings } from "../../src/protocol/settings.ts";
import type { Warning } from "../../src/protocol/warnings.ts";
import { Dispatcher } from "../../src/service/turn/dispatcher.ts";
import type { CheckPages } from "../../src/service/verification/page-verdict.ts";
import type { Session } from "../../src/service/turn/sessions.ts";
import { openStore } from "../../src/store/sqlite-store.ts";
import { pageFaults } from "../../src/store/files/page-faults.ts";
import type { Store } from "../../src/store/store.ts";
import { oneNode } from "../../src/protocol/methods/nodes.ts";
import { fastDirectory } from "../support/fast-directory.ts";
import { compareMemory, Replica } from "./replica.ts";

/** One answer line, as the client reads it. */
export interface Answer {
  id?: Json;
  result?: unknown;
  error?: WireError;
  replayed?: true;
  seq?: number;
  warnings?: readonly Warning[];
}

export interface ServiceOptions {
  settings?: Partial<Settings>;
  /** A closed database to start with a copy of. */
  copyOf?: string;
  /** Puts something between the service and its store. */
  wrap?: (store: Store) => Store;
  /** Whether what happens is compared with a replica of it; not where the test takes its file away, or alters it. */
  replicates?: boolean;
  /** Looks at the database's pages in place of SQLite. */
  checkPages?: CheckPages;
}

const atOnce: CheckPages = (path) => ({ outcome: { faults: pageFaults(path) }, cancel: () => undefined });

/** The n-th id a service makes: of the form of a UUID, and easy to tell apart. */
export const nthId = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;

/**
 * The daemon's service without its process: a real store in a temporary directory, no sockets, and clocks and ids
 * that the test decides.
 */
export class TestService implements Disposable {
  readonly directory = mkdtempSync(join(fastDirectory, "agentd-service-"));
  readonly database = join(this.directory, "agent_state.db");
  /** What the service reported as its own bugs. */
  readonly bugs: unknown[] = [];
  readonly clock = { wallMs: Date.UTC(2026, 0, 31, 12), monotonicMs: 5_000 };
  /** What stands for chance. */
  random = 0.5;
  readonly settings: Settings;
  readonly #wrap: (store: Store) => Store;
  readonly #checkPages: CheckPages;
  readonly #replicates: boolean;
  #replica: Replica | null = null;
  #ids = 0;
  #comparedSeq = 0;
  #store: Store;
  #dispatcher: Dispatcher;

  constructor({
    settings = {},
    copyOf,
    wrap = (store) => store,
    checkPages = atOnce,
    replicates = true,
  }: ServiceOptions = {}) {
    this.#checkPages = checkPages;
    this.#replicates = replicates;
    if (copyOf !== undefined) copyFileSync(copyOf, this.database);
    this.settings = { ...readSettings({}), ...settings };
    this.#wrap = wrap;
    this.#store = this.#openStore();
    this.#dispatcher = this.#start();
  }

  get store(): Store {
    return this.#store;
  }

  get dispatcher(): Dispatcher {
    return this.#dispatcher;
  }

  newId(): string {
    return nthId(++this.#ids);
  }

  client(): TestClient {
    return new TestClient(this);
  }

  turn(): boolean {
    const goesOn = this.#dispatcher.turn();
    if (this.#replicates) this.#comparedSeq = compareMemory(this.#store, this.#comparedSeq);
    return goesOn;
  }

  /** Runs turns for as long as one asks for the next; how many there were. */
  settle(): number {
    let turns = 1;
    while (this.turn()) turns++;
    return turns;
  }

  /** Time passes on both clocks; no turn runs. */
  pass(ms: number): void {
    this.clock.wallMs += ms;
    this.clock.monotonicMs += ms;
  }

  /** Time passes as the daemon lives through it: a turn at each tick and one at the end. */
  live(ms: number): void {
    for (let left = ms; left > 0; left -= 1_000) {
      this.pass(Math.min(left, 1_000));
      this.settle();
    }
  }

  /** Stops the daemon and runs `meanwhile` with the database closed, then starts it anew. */
  restart(meanwhile: () => void = () => undefined): void {
    this.#dispatcher.drain();
    this.#close();
    meanwhile();
    this.#store = this.#openStore();
    this.#dispatcher = this.#start();
  }

  /** Puts what the database's files hold now aside, for `crash`. */
  keepFiles(): void {
    for (const file of this.#files()) if (existsSync(file)) copyFileSync(file, `${file}.kept`);
  }

  /** Ends the process as a kill does, now or when the files were put aside: only what they hold is left. */
  crash(): void {
    if (!existsSync(`${this.database}.kept`)) this.keepFiles();
    this.#close();
    for (const file of this.#files()) {
      rmSync(file, { force: true });
      if (existsSync(`${file}.kept`)) renameSync(`${file}.kept`, file);
    }
    this.#store = this.#openStore();
    this.#dispatcher = this.#start();
  }

  [Symbol.dispose](): void {
    try {
      this.#close();
    } finally {
      rmSync(this.directory, { recursive: true });
    }
  }

  #files(): string[] {
    return [this.database, `${this.database}-wal`, `${this.database}.head`];
  }

  #openStore(): Store {
    if (this.#replicates) this.#replica = new Replica(this.database, this.clock.wallMs);
    const store = openStore(this.database, () => this.clock.wallMs);
    this.#replica?.listen(store);
    return this.#wrap(store);
  }

  #close(): void {
    const replica = this.#replica;
    this.#replica = null;
    this.#store.close();
    replica?.compare();
  }

  #start(): Dispatcher {
    return new Dispatcher({
      store: this.#store,
      settings: this.settings,
      paths: {
        home: this.directory,
        envFile: "",
        database: this.database,
        socket: "",
        lock: "",
        log: "",
        stopMarker: "",
      },
      pid: 1,
      background: true,
      readClock: () => ({ ...this.clock }),
      newId: () => this.newId(),
      random: () => this.random,
      checkPages: this.#checkPages,
      ignoresCase: (scope) => scope.endsWith("ignoring case"),
      observer: { served: null, bug: (_call, error) => this.bugs.push(error), storage: () => undefined },
    });
  }
}

/** One connection to the service. */
export class TestClient {
  /** Every answer so far, in the order they came. */
  readonly answers: Answer[] = [];
  /** Whether the client's process has ended without the service having noticed. */
  gone = false;
  readonly #service: TestService;
  readonly #session: Session;

  constructor(service: TestService) {
    this.#service = service;
    this.#session = service.dispatcher.connect({
      send: (lines) => {
        for (const line of lines.trimEnd().split("\n")) this.answers.push(JSON.parse(line) as Answer);
      },
      unread: () => 0,
      unreadMax: () => service.settings.unreadBytesMax,
      gone: () => this.gone,
    });
  }

  /** Leaves a request for the next turn. */
  send<Name extends MethodName>(method: Name, params: ParamsInput<Name>, key?: string): void {
    this.#service.dispatcher.submit(this.#session, {
      id: undefined,
      method,
      params: params as Json,
      idempotencyKey: key,
      strict: false,
      unknown: [],
    });
  }

  /** Leaves a request for the next turn, as a client may write it. */
  submitLine(line: object): void {
    this.#service.dispatcher.submit(this.#session, parseRequest(JSON.stringify(line), this.#service.settings.depthMax));
  }

  /** The same, and reads its answer. */
  askLine(line: object): Answer {
    this.submitLine(line);
    this.#service.settle();
    return this.read();
  }

  /** The next answer that has not been read. */
  read(): Answer {
    const answer = this.answers.shift();
    if (answer === undefined) throw new Error("there is no answer");
    return answer;
  }

  /** Sends a request, runs turns until all is settled, and reads its answer. */
  ask<Name extends MethodName>(method: Name, params: ParamsInput<Name>, key?: string): Answer {
    this.send(method, params, key);
    this.#service.settle();
    return this.read();
  }

  /** As `ask`, for a request that must succeed. */
  call<Name extends MethodName>(method: Name, params: ParamsInput<Name>, key?: string): Result<Name> {
    const { result, error } = this.ask(method, params, key);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result as Result<Name>;
  }

  /** As `ask`, for a request that must be refused: the kind of its refusal. */
  refusal<Name extends MethodName>(method: Name, params: ParamsInput<Name>, key?: string): string | undefined {
    return this.ask(method, params, key).error?.data.kind;
  }

  /** True when others may go on now. */
  leave(): boolean {
    return this.#service.dispatcher.drop(this.#session);
  }
}

/** A task of nodes without dependencies; the ids it was given. */
export function registerTask(client: TestClient, nodes: number): { taskId: string; nodeIds: string[] } {
  const { task_id: taskId } = client.call("RegisterTask", {
    goal: "g",
    initial_nodes: Array.from({ length: nodes }, () => ({})),
  });
  return { taskId, nodeIds: client.call("TaskStatus", { task_id: taskId }).nodes.map(({ id }) => id) };
}

/** The next runnable node under a lease, which there must be. */
export function acquire(client: TestClient, taskId: string) {
  const lease = oneNode(client.call("AcquireNextNode", { task_id: taskId, lease_owner: "worker" }));
  if (lease === null) throw new Error("nothing is runnable");
  const { task_id, node_id, lease_id } = lease;
  return { ...lease, claim: { task_id, node_id, lease_id } };
}
