import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Client } from "../../src/client/client.ts";
import { firstLine } from "./first-line.ts";

/** A daemon of our own, at a home of our own. */
export interface OwnDaemon extends AsyncDisposable {
  pid: number;
  socket: string;
  client: Client;
  /** Sends SIGTERM and waits for the end: 0 when it drained and stopped cleanly. */
  stop(): Promise<number>;
}

/**
 * Starts `binary serve` at `home` and returns once it listens.
 * @throws with what the daemon said when it does not start.
 */
export async function startDaemon(
  binary: string,
  home: string,
  settings: Record<string, string> = {},
): Promise<OwnDaemon> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const child = Bun.spawn([binary, "serve", "--background"], {
    cwd: home,
    env: { ...withoutOwn(process.env), ...settings, AGENTD_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
    // Ctrl-C at the terminal is for whoever started us: we then stop the daemon ourselves, in order.
    detached: true,
  });
  const stop = async () => {
    child.kill("SIGTERM");
    return child.exited;
  };
  const report = await firstLine(child.stdout);
  if (!report.includes('"ready":true')) {
    child.kill("SIGKILL");
    throw new Error(`the daemon did not start: ${report || (await new Response(child.stderr).text())}`);
  }
  const socket = join(home, "agentd.sock");
  const client = await Client.connect(socket);
  const dispose = async () => {
    client.close();
    await stop();
  };
  return { pid: child.pid, socket, client, stop, [Symbol.asyncDispose]: dispose };
}

/** The environment without what would point the daemon, or an agentd command, at the user's own home. */
export function withoutOwn(environment: Record<string, string | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(AGENTD|BUN)_/.test(name)));
}
