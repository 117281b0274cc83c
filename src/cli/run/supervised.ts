import { rm } from "node:fs/promises";
import { runningImage } from "../../client/image.ts";
import { messageOf } from "../../client/refusals.ts";
import { LineReader } from "../../protocol/framing.ts";
import { limits } from "../../protocol/limits.ts";
import { Failure } from "../exits.ts";
import { endSession, signalSession } from "./process-session.ts";
import { present } from "../../protocol/present.ts";
import { constants } from "node:os";

/** What a supervisor is to run. */
export interface RunRequest {
  command: string[];
  /** Added to the supervisor's own. */
  environment: Record<string, string>;
  /**
   * What the command gets on standard input, and in the file AGENTD_CONTEXT_FILE names; its output is kept. Null: it has
   * the caller's own standard input and output, and nothing of them is kept.
   */
  context: string | null;
  /** Where the output that is kept is not to be shown as well. */
  quiet?: boolean;
  /** Between SIGTERM and SIGKILL. */
  grace_ms: number;
}

/** How a command ended. */
export interface Ending {
  exit_code: number | null;
  signal: string | null;
  /** It was told to end before it did. */
  interrupted: boolean;
  /** The last stdoutBytesMax bytes. */
  stdout: Printed;
  /** The last stderrBytesMax bytes. */
  stderr: Printed;
}

/** The exit status as a shell tells it. Signals for real time have no names, and are told as numbers. */
export function exitStatus({ exit_code: status, signal }: Pick<Ending, "exit_code" | "signal">): number {
  if (signal === null) return present(status, "the exit status of a command");
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? Number(signal));
}

/** What a command printed. */
export interface Printed {
  /** The end of it, from the first whole character on. */
  text: string;
  /** How much it was in all. */
  bytes: number;
  /** Whether `text` is what was printed, to the letter. */
  isUtf8: boolean;
}

/**
 * What a supervisor says: the command's process and the directory made for it, then how it ended; or instead of both why
 * it could not start.
 */
export type SupervisorMessage = { pid: number; directory: string | null } | { error: string } | Ending;

/** A result must fit into a request; what is left of one holds its ids. */
export const stdoutBytesMax = limits.requestBytesMax - 4_096;
export const stderrBytesMax = 16_384;
/** JSON writes a control character as six. */
const lineBytesMax = 6 * limits.requestBytesMax + (256 << 20);

/** A command under supervision. */
export interface Supervised {
  /**
   * How the command ended, once nothing of it runs any more.
   * @throws {Failure} NOT_STARTED when it was never run, INTERNAL when its supervisor was killed.
   */
  ended: () => Promise<Ending>;
  /** Asks the command to end; after the grace time it is killed. */
  end: () => void;
  /** Kills it now. */
  kill: () => void;
}

/**
 * Runs a command under a supervisor: a process of its own, agentd again, between us and the command. We hold one end of
 * a pipe; when we die, also by `kill -9`, the supervisor reads its end and ends the command. When the supervisor dies, we
 * end the command ourselves. Being its own process it also bears what would stop us from renewing leases: a terminal nobody
 * scrolls on, and any amount of output.
 * @throws {Failure} NOT_STARTED when not even the supervisor can be started.
 */
export function runSupervised(program: readonly string[], request: RunRequest): Supervised {
  const supervisor = startSupervisor(program, request);
  void give(supervisor.stdin, request);
  let running: { pid: number; directory: string | null } | undefined;

  async function follow(): Promise<Ending> {
    for await (const line of linesOf(supervisor.stdout)) {
      const report = JSON.parse(line) as SupervisorMessage;
      if ("error" in report) throw new Failure("NOT_STARTED", `the command was not run: ${report.error}`);
      if (!("pid" in report)) return report;
      running = report;
    }
    if (running === undefined) {
      const status = (await supervisor.exited) || supervisor.signalCode;
      throw new Failure("NOT_STARTED", `the command was not run: what was to guard it ended with status ${status}`);
    }
    await endSession(running.pid, request.grace_ms);
    if (running.directory !== null) await rm(running.directory, { recursive: true, force: true });
    throw new Failure("INTERNAL", "the process that guards the command was killed, and so the command was ended");
  }
  const ended = follow();
  // Told to whoever asks; until then it is no rejection that nobody waits for.
  ended.catch(() => {});
  return {
    ended: () => ended,
    end: () => void close(supervisor.stdin),
    kill: () => {
      if (running !== undefined) signalSession(running.pid, "SIGKILL");
    },
  };
}

function startSupervisor(program: readonly string[], { context }: RunRequest) {
  try {
    // Request and messages are agreed on within one version, so the supervisor is this very image.
    return Bun.spawn({
      ...runningImage(program, "run-guard"),
      // In no terminal's group: Ctrl-C is ours to pass on, and the supervisor outlives us.
      detached: true,
      // The caller's own standard input and output come after the supervisor's; for Bun a bare 0 there would be nothing.
      stdio: ["pipe", "pipe", "inherit", ...(context === null ? [Bun.file(0), 1] : [])],
    });
  } catch (cause) {
    const advice = `if an upgrade has removed ${program[0]}, start this command again`;
    throw new Failure(
      "NOT_STARTED",
      `the command was not run: agentd cannot run itself (${messageOf(cause)}); ${advice}`,
    );
  }
}

// That a supervisor died while it was written to shows when it is listened to.
async function give(stdin: Bun.FileSink, request: RunRequest): Promise<void> {
  try {
    await stdin.write(`${JSON.stringify(request)}\n`);
    await stdin.flush();
  } catch {}
}

async function close(stdin: Bun.FileSink): Promise<void> {
  try {
    await stdin.end();
  } catch {}
}

/** A stream's lines; ends with it. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const reader = new LineReader(lineBytesMax);
  for await (const chunk of stream) {
    for (const frame of reader.push(chunk)) if (typeof frame === "string") yield frame;
  }
}

/**
 * A mistyped command must not fail every node of a task, nor take a lock.
 * @throws {Failure} USAGE
 */
export function checkCommand([name = ""]: readonly string[]): void {
  if (Bun.which(name, { cwd: process.cwd() }) !== null) return;
  throw new Failure("USAGE", `${name} is not a program that can be run; give a path, or a program in PATH`);
}
