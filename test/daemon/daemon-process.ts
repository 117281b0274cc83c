import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { Client } from "../../src/client/client.ts";
import { program } from "../support/daemon.ts";
import { LineClient } from "./line-client.ts";

/** A directory of one test's own, removed with everything in it. */
export interface Scratch extends Disposable {
  path: string;
  /** A daemon's home inside it, not yet made. */
  home: string;
}

export function scratch(): Scratch {
  const path = mkdtempSync(join(tmpdir(), "agentd-daemon-"));
  return { path, home: join(path, "home"), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export interface ServeOptions {
  environment?: Record<string, string>;
  cwd?: string;
  /** Foreground: logs to standard error and reports nothing on standard output. */
  foreground?: boolean;
  /** The command that runs the daemon, such as one that changes the user. */
  under?: readonly string[];
}

/** How a daemon that did not start ended. */
export interface NotStarted {
  exit: number;
  /** What it told its starter, or else a person. */
  error: string;
  held: boolean;
}

/** One daemon process, started by the test and known by its pid. */
export interface DaemonProcess extends AsyncDisposable {
  pid: number;
  home: string;
  socket: string;
  exited: Promise<number>;
  signal(name: NodeJS.Signals): void;
  /** Sends a signal and waits for the end. */
  end(name: NodeJS.Signals): Promise<number>;
  /** A typed client; closed with the daemon. */
  client(): Promise<Client>;
  /** A client that sends and reads raw lines; closed with the daemon. */
  lines(): Promise<LineClient>;
  log(): string;
}

/** Starts `agentd serve` for a home and waits until it serves; throws with its own words when it does not. */
export async function serve(home: string, options: ServeOptions = {}): Promise<DaemonProcess> {
  const started = await tryServe(home, options);
  if ("error" in started) throw new Error(`the daemon did not start: ${started.error}`);
  return started;
}

/** A start that is to be refused; fails the test when the daemon serves all the same. */
export async function refusedStart(home: string, options: ServeOptions = {}): Promise<NotStarted> {
  const started = await tryServe(home, options);
  if ("error" in started) return started;
  await started.end("SIGKILL");
  throw new Error("the daemon started, and was to refuse");
}

export async function tryServe(home: string, options: ServeOptions = {}): Promise<DaemonProcess | NotStarted> {
  const { foreground = false, cwd = "/", environment = {}, under = [] } = options;
  const child = Bun.spawn([...under, ...program, "serve", ...(foreground ? [] : ["--background"])], {
    cwd,
    env: { ...ownEnvironment(), AGENTD_HOME: home, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const words = foreground ? await firstLine(child.stderr, /serves/) : await firstLine(child.stdout, /\n/);
  if (foreground ? words.includes("serves") : words.includes('"ready":true')) {
    return running(child, home, environment.AGENTD_SOCKET_PATH ?? join(home, "agentd.sock"));
  }
  const stderr = foreground ? words : await child.stderr.text();
  const report = (foreground || words === "" ? {} : JSON.parse(words)) as Partial<NotStarted>;
  return { exit: await child.exited, error: report.error ?? stderr, held: report.held ?? false };
}

function running(child: Subprocess<"ignore", "pipe", "pipe">, home: string, socket: string): DaemonProcess {
  const clients: Disposable[] = [];
  const keep = <T extends Disposable>(client: T): T => {
    clients.push(client);
    return client;
  };
  const end = async (name: NodeJS.Signals) => {
    child.kill(name);
    return child.exited;
  };
  return {
    pid: child.pid,
    home,
    socket,
    exited: child.exited,
    signal: (name) => child.kill(name),
    end,
    client: async () => keep(await Client.connect(socket)),
    lines: async () => keep(await LineClient.connect(socket)),
    log: () => readFileSync(join(home, "agentd.log"), "utf8"),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client[Symbol.dispose]();
      if (child.exitCode === null && child.signalCode === null) await end("SIGKILL");
    },
  };
}

/** What a stream gives until it matches, or all of it. */
async function firstLine(stream: ReadableStream<Uint8Array>, enough: RegExp): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (enough.test(text)) break;
  }
  return text;
}

function ownEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AGENTD|BUN)_/.test(name)));
}

/** Waits until something is so; the test's own time limit ends a wait in vain. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await Bun.sleep(5);
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

/** Processor time a process has used, in clock ticks of the system. */
export function processorTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
