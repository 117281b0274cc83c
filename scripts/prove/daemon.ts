import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { withoutOwn } from "../demo/daemon.ts";
import { firstLine } from "../demo/first-line.ts";

/** A daemon process that is there to be ended. */
export interface Daemon extends AsyncDisposable {
  pid: number;
  socket: string;
  /** Whether it serves, once that is known; a daemon that was killed before does not. */
  started: Promise<Started>;
  /** Sends a signal and waits for the end. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Whether the process is there. */
  readonly lives: boolean;
}

export interface Started {
  serves: boolean;
  /** What it told its starter, or printed, where it does not serve. */
  words: string;
}

/** Those to be killed also when this process is told to end. */
const running = new Set<{ kill(signal: "SIGKILL"): void }>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts `program serve` at a home of ours, made when it is missing. */
export function launch(program: readonly string[], home: string, environment: Record<string, string> = {}): Daemon {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const child = Bun.spawn([...program, "serve", "--background"], {
    cwd: home,
    env: { ...withoutOwn(process.env), ...environment, AGENTD_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  running.add(child);
  void child.exited.then(() => running.delete(child));
  const lives = () => child.exitCode === null && child.signalCode === null;
  const end = async (signal: "SIGKILL" | "SIGTERM") => {
    child.kill(signal);
    await child.exited;
  };
  const start = async (): Promise<Started> => {
    const report = await firstLine(child.stdout);
    if (report.includes('"ready":true')) return { serves: true, words: "" };
    if (report !== "") return { serves: false, words: report };
    const complaint = await new Response(child.stderr).text();
    await child.exited;
    return { serves: false, words: `${complaint}(ended by ${child.signalCode ?? child.exitCode})` };
  };
  return {
    pid: child.pid,
    socket: join(home, "agentd.sock"),
    started: start(),
    end,
    get lives() {
      return lives();
    },
    async [Symbol.asyncDispose]() {
      if (lives()) await end("SIGKILL");
    },
  };
}
