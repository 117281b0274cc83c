import type { CallOptions, Client } from "../client/client.ts";
import { connectAt, type Located, locate } from "../client/find.ts";
import { DaemonUnreachable, messageOf } from "../client/refusals.ts";
import type { Response } from "../protocol/envelope.ts";
import type { MethodName, ParamsInput, Result } from "../protocol/methods.ts";
import type { BackupReport, Restored } from "../protocol/offline.ts";
import type { Whereabouts } from "../protocol/home.ts";
import type { Warning } from "../protocol/warnings.ts";
import { Failure } from "./exits.ts";
import { printLine, printLive } from "./output.ts";
import { askPatiently, isAway } from "./patience.ts";
import { printAside } from "./streams.ts";
import { harmless } from "./text.ts";

/** What the process around the command line provides. */
export interface Host {
  /** The command that runs agentd again, such as its own executable. */
  program: readonly string[];
  /** Runs the daemon until it is stopped; a Failure when it cannot start. */
  serve(options: { at: Whereabouts; background: boolean }): Promise<void>;
  /** Verifies a copy of a database, where `database` is the one in use; a Failure when it is none. */
  verifyBackup(file: string, database: string, head: string | undefined): Promise<BackupReport>;
  /** Puts a backup in the database's place; a Failure when a daemon runs, or the backup cannot be used. */
  restore(at: Whereabouts, file: string): Promise<Restored>;
  /** What SQLite's own check finds wrong in a database's file that nobody writes. */
  pageFaults(file: string): Promise<string[]>;
}

const isOfAgentd = (name: string): boolean => name.startsWith("AGENTD_");

/** The options every command takes, as given. */
export interface Globals {
  json: boolean;
  /** The path of the one field of the result that is wanted. */
  get: string | undefined;
  noStart: boolean;
  at: Whereabouts;
}

/** What a command works with: one connection, opened when first needed, and where its output goes. */
export class Session implements Disposable {
  readonly globals: Globals;
  readonly host: Host;
  /** The help page of the command these words name. */
  readonly helpPage: (words: readonly string[]) => Promise<string>;
  #located: Promise<Located> | undefined;
  #client: Promise<Client> | undefined;
  #disposed = false;
  #hasCompared = false;

  constructor(globals: Globals, host: Host, helpPage: Session["helpPage"]) {
    this.globals = globals;
    this.host = host;
    this.helpPage = helpPage;
  }

  locate(): Promise<Located> {
    this.#located ??= locate(this.globals.at);
    return this.#located;
  }

  /**
   * The connection to the daemon, which is started when none runs.
   * @throws {Failure} once the session is disposed: whoever still asked would keep the process alive.
   */
  client(): Promise<Client> {
    if (this.#disposed) return Promise.reject(new Failure("OUTCOME_UNKNOWN", "the session was ended"));
    this.#client ??= this.connect();
    return this.#client;
  }

  /** A connection of the caller's own, to be closed by it; a daemon is started when none runs. */
  async connect(): Promise<Client> {
    const located = await this.locate();
    try {
      const client = await connectAt(located.paths, located.environment);
      await this.#tellOfSettings(client, located);
      return client;
    } catch (cause) {
      if (!(cause instanceof DaemonUnreachable)) throw cause;
      if (this.globals.noStart || located.environment.AGENTD_NO_START === "1") {
        throw new Failure("UNREACHABLE", `${cause.message}, and starting one is turned off; run: agentd start`);
      }
    }
    const { isStopped } = await import("../client/start.ts");
    if (await isStopped(located.paths)) {
      throw new Failure("UNREACHABLE", "the daemon was stopped with `agentd stop`; run: agentd start");
    }
    return this.start(located);
  }

  /** Starts a daemon in the background. What one should know of its start is said on standard error. */
  async start(located: Located): Promise<Client> {
    const { startDaemon } = await import("../client/start.ts");
    const client = await startDaemon(this.host.program, located, undefined, (text) => this.note(`warning: ${text}`));
    await this.#tellOfOwnSettings(located);
    return client;
  }

  /** Tells once where the running daemon goes by other settings than this shell gives; asks only where it gives any. */
  async #tellOfSettings(client: Client, located: Located): Promise<void> {
    const isAsked = this.#hasCompared || this.globals.json || !Object.keys(located.environment).some(isOfAgentd);
    this.#hasCompared = true;
    if (isAsked) return;
    const { agree, settingsOfShell, settingsThatDiffer } = await import("./daemon/settings.ts");
    if (settingsOfShell(located.environment).length === 0) return;
    const differing = settingsThatDiffer(await client.call("Health", {}), located);
    if (differing.length > 0) this.note(`${differing.join("; ")}; ${agree} ${located.paths.envFile}`);
  }

  /** Tells that a daemon this shell has just started goes by the shell's settings, for everybody. */
  async #tellOfOwnSettings(located: Located): Promise<void> {
    this.#hasCompared = true;
    const { settingsOfShell } = await import("./daemon/settings.ts");
    const own = settingsOfShell(process.env).join(" ");
    if (own === "") return;
    this.note(`the daemon was started with ${own} of this shell; to keep that, write it to ${located.paths.envFile}`);
  }

  /** Calls a method; that an answer was given before, to the same idempotency key, is said on standard error. */
  async call<Name extends MethodName>(
    method: Name,
    params: ParamsInput<Name>,
    idempotencyKey?: string,
  ): Promise<Result<Name>> {
    const answer = await this.request(method, params, { idempotencyKey });
    if (answer.replayed === true) this.note("this was done before; the first answer is shown again");
    return answer.result as Result<Name>;
  }

  /** Calls a method by any name, untyped. A read during which the daemon goes away is asked again. */
  async request(method: string, params: unknown, options: CallOptions = {}): Promise<Response> {
    const answer = await askPatiently(method, async (again) => {
      if (again) this.disconnect();
      return (await this.client()).request(method, params, options);
    });
    this.#warnOf(answer);
    return answer;
  }

  /** Prints a command's result: one field of it, itself as one line of JSON, or what `text` makes of it. */
  show(result: unknown, text: () => string): void {
    const line = this.#shown(result, text);
    if (line !== null) printLine(line);
  }

  /** The same for one of many results, beside work that a reader who is slow must not hold up. */
  async showLive(result: unknown, text: () => string): Promise<void> {
    const line = this.#shown(result, text);
    if (line !== null) await printLive(line);
  }

  #shown(result: unknown, text: () => string): string | null {
    const { get, json } = this.globals;
    if (get !== undefined) return fieldText(result, get);
    return json ? JSON.stringify(result) : text();
  }

  /** Tells a person something that is no result. */
  note(text: string): void {
    if (!this.globals.json) printAside(text);
  }

  /** Says why there is nothing now, and gives the exit status of that. */
  async sayNotNow(why: () => Promise<string>): Promise<3> {
    const { json, get } = this.globals;
    if (json) this.show(null, () => "");
    // A program that reads the null needs no words; `lease=$(… --get lease_id)` has got nothing at all.
    if (json && get === undefined) return 3;
    await this.sayWhyNothing(why);
    return 3;
  }

  /** Says why nothing came. A daemon that has gone away meanwhile cannot tell, which is no failure of whoever waited. */
  async sayWhyNothing(why: () => Promise<string>): Promise<void> {
    // The connection may be one that the daemon left while somebody waited over another.
    this.disconnect();
    printAside(await why().catch(reasonAway));
  }

  /** Tells a person what the daemon warns of; a program finds it in the result, where that is printed whole. */
  #warnOf({ result, warnings: beside = [] }: Response): void {
    const inside = (result as { warnings?: readonly Warning[] } | null)?.warnings ?? [];
    const isPrinted = this.globals.json && this.globals.get === undefined;
    for (const { message } of [...beside, ...(isPrinted ? [] : inside)]) this.warn(message);
  }

  /** Tells whoever looks, be it in a log, of something that is not as they may think. */
  warn(message: string): void {
    printAside(`warning: ${harmless(message)}`);
  }

  /** Drops the connection; the next call opens another. */
  disconnect(): void {
    this.#client?.then(
      (client) => client.close(),
      () => {},
    );
    this.#client = undefined;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.disconnect();
  }
}

function reasonAway(cause: unknown): string {
  if (!isAway(cause)) throw cause;
  return `there was nothing in time, and nobody to ask why: ${messageOf(cause)}`;
}

/** A text bare, so that a shell can use it as it is, and anything else as JSON; of no result, nothing. */
function fieldText(result: unknown, path: string): string | null {
  if (result === null) return null;
  let value: unknown = result;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) {
      const keys =
        typeof value === "object" && value !== null ? Object.keys(value).slice(0, 20).join(", ") : "no fields";
      throw new Failure("USAGE", `the result has no ${path}: instead of ${key} there is ${keys || "nothing"}`);
    }
    value = (value as Record<string, unknown>)[key];
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}
