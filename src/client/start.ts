import { existsSync, rmSync } from "node:fs";
import { databaseUrl, type Environment, type Paths } from "../protocol/home.ts";
import type { Client } from "./client.ts";
import { TIMED_OUT, within } from "./deadline.ts";
import { checkOwnHome, connectAt, type Located } from "./find.ts";
import { installedProgram } from "./image.ts";
import { DaemonUnreachable, StartFailed } from "./refusals.ts";

const deadlineMsDefault = 5_000;
/** How long a daemon that holds the lock may take to listen before another start is tried. */
const holderPatienceMs = 250;
const pollMs = 5;

/** The line a starting daemon reports with. `held` means another daemon has the lock already. */
type Readiness = { ready: true; pid: number; warning?: string } | { ready: false; error: string; held?: boolean };

/** Automatic starts stay away after `agentd stop`, until the marker it left is removed. */
export function isStopped(paths: Paths): Promise<boolean> {
  return Bun.file(paths.stopMarker).exists();
}

/** @throws {Untrusted} in a home that is another user's */
export function clearStopMarker(paths: Paths): void {
  checkOwnHome(paths);
  if (existsSync(paths.stopMarker)) rmSync(paths.stopMarker);
}

/**
 * Starts a background daemon and connects to it; when another start wins the race, connects to the winner.
 * `program` is the command that runs agentd, to which `serve --background` is added. `warn` is told what a person should
 * know of the start.
 * @throws {StartFailed} with the daemon's own error, or after `deadlineMs` (5 s).
 */
export async function startDaemon(
  program: readonly string[],
  located: Located,
  deadlineMs = deadlineMsDefault,
  warn: (text: string) => void = () => {},
): Promise<Client> {
  const { paths } = located;
  const deadline = Date.now() + deadlineMs;
  while (Date.now() < deadline) {
    const report = await spawnDaemon(program, located, deadline);
    if (report.ready) {
      if (report.warning !== undefined) warn(report.warning);
      return connectAt(paths);
    }
    if (report.held !== true) throw new StartFailed(`the daemon did not start: ${report.error}${logOf(paths)}`);
    const client = await pollSocket(paths, Math.min(deadline, Date.now() + holderPatienceMs));
    if (client !== undefined) return client;
  }
  throw new StartFailed(
    `another agentd holds ${paths.lock} but did not listen at ${paths.socket} within ${deadlineMs / 1000} s; ` +
      `it may be starting, stopping or serving another socket${logOf(paths)}`,
  );
}

const logOf = ({ log }: Paths): string => (existsSync(log) ? `\nits log: ${log}` : "");

/**
 * The daemon makes everything in its home by itself, once it knows that the home is its user's. What it writes to
 * standard error before it has a log is read here.
 */

async function spawnDaemon(program: readonly string[], located: Located, deadline: number): Promise<Readiness> {
  const child = Bun.spawn({
    ...installedProgram(program, "serve", "--background"),
    cwd: "/",
    detached: true,
    env: daemonEnvironment(process.env, located),
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.unref();
  const line = await within(firstLine(child.stdout), deadline - Date.now());
  if (line === TIMED_OUT) return { ready: false, error: `process ${child.pid} said nothing in time` };
  if (line !== "") return parseReadiness(line);
  const status = (await child.exited) || child.signalCode;
  const words = await within(child.stderr.text(), deadline - Date.now());
  const said = words === TIMED_OUT || words.trim() === "" ? "" : `: ${words.trim()}`;
  return { ready: false, error: `it ended with status ${status} before it said anything${said}` };
}

function parseReadiness(line: string): Readiness {
  try {
    return JSON.parse(line) as Readiness;
  } catch {
    return { ready: false, error: `it said ${line}` };
  }
}

/** The caller's environment with every path absolute, since the daemon works in `/`, and nothing that steers Bun. */
function daemonEnvironment(environment: Environment, { paths, environment: resolved }: Located): Environment {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith("BUN_"));
  return {
    ...Object.fromEntries(kept),
    AGENTD_HOME: paths.home,
    AGENTD_SOCKET_PATH: paths.socket,
    ...(environment.AGENTD_ENV_FILE === undefined ? {} : { AGENTD_ENV_FILE: paths.envFile }),
    ...(resolved.AGENTD_DATABASE_URL === undefined ? {} : { AGENTD_DATABASE_URL: databaseUrl(paths.database) }),
  };
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const end = text.indexOf("\n");
    if (end !== -1) return text.slice(0, end);
  }
  return text;
}

async function pollSocket(paths: Paths, until: number): Promise<Client | undefined> {
  do {
    try {
      return await connectAt(paths);
    } catch (cause) {
      if (!(cause instanceof DaemonUnreachable)) throw cause;
    }
    await Bun.sleep(pollMs);
  } while (Date.now() < until);
  return undefined;
}
