import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Client } from "../../src/client/client.ts";
import { fastDirectory } from "./fast-directory.ts";

const main = join(dirname(dirname(import.meta.dir)), "src", "main.ts");

/** The command that runs agentd from source. */
export const program = [process.execPath, main];

/** How a command ended. */
export interface Ran {
  exit: number;
  out: string;
  err: string;
}

export interface RunOptions {
  stdin?: string;
  cwd?: string;
  env?: Record<string, string>;
  /** A shell command that reads its output in a pipe. */
  into?: string;
}

/** A temporary home. Whatever daemon runs in it is stopped, and all of it removed, when it is disposed. */
export interface Home extends AsyncDisposable {
  path: string;
  socket: string;
  /** Runs one agentd command against this home, as its user would. */
  agentd(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The same for a command that must succeed, and what it then tells programs. */
  json<Shape>(...args: string[]): Promise<Shape>;
}

export async function temporaryHome(): Promise<Home> {
  const directory = await mkdtemp(join(fastDirectory, "agentd-test-"));
  const path = join(directory, "home");
  const agentd = (args: readonly string[], options: RunOptions = {}) => run(path, args, options);
  return {
    path,
    socket: join(path, "agentd.sock"),
    agentd,
    async json<Shape>(...args: string[]): Promise<Shape> {
      const { exit, out, err } = await agentd([...args, "--json"]);
      if (exit !== 0 || err !== "") throw new Error(`agentd ${args.join(" ")} ended with ${exit}: ${err}`);
      return JSON.parse(out) as Shape;
    },
    async [Symbol.asyncDispose]() {
      await agentd(["stop"]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A real daemon in a temporary home, run from source, and a client connected to it. */
export interface TestDaemon extends Home {
  client: Client;
}

/** Starts a daemon that is already serving when this resolves; `environment` is added to its own. */
export async function startDaemon(environment: Record<string, string> = {}): Promise<TestDaemon> {
  const home = await temporaryHome();
  const started = await home.agentd(["start"], { env: environment });
  if (started.exit !== 0) throw new Error(`the daemon did not start: ${started.err}`);
  const client = await Client.connect(home.socket);
  return {
    ...home,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await home[Symbol.asyncDispose]();
    },
  };
}

async function run(home: string, args: readonly string[], { stdin, cwd, env = {}, into }: RunOptions): Promise<Ran> {
  const command = [...program, ...args];
  const child = Bun.spawn(into === undefined ? command : ["sh", "-c", `"$@" | ${into}`, "sh", ...command], {
    cwd: cwd ?? dirname(home),
    env: { ...ownEnvironment(), AGENTD_HOME: home, ...env },
    stdin: stdin === undefined ? "ignore" : new Blob([stdin]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exit: await child.exited, out, err };
}

/** The tests' environment without what would steer agentd or colour its output. */
export function ownEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(AGENTD_|FORCE_COLOR$|NO_COLOR$)/.test(name));
  return { ...Object.fromEntries(kept), TZ: "UTC" };
}
