import { limits } from "../../protocol/limits.ts";
import type { ParamsInput } from "../../protocol/methods.ts";
import { redirecting } from "../git/git.ts";
import { exitStatus, runSupervised } from "../run/supervised.ts";
import { bind, type Controls } from "../run/lease.ts";

/** A command that was run to see whether a patch works. */
export type VerificationRun = Required<
  Pick<NonNullable<ParamsInput<"SubmitPatchBundle">["verification"]>[number], "command" | "exit_code">
> & { duration_ms: number; output_tail: string; timed_out: boolean };

/** How a verification is run. */
export interface Verifying {
  commands: readonly string[];
  /** How long one command may take. */
  timeLimitMs: number;
  controls: Controls;
}

/** What a shell says of a command that took too long. */
const lateStatus = 124;
const graceMs = 5_000;

/**
 * Runs the commands in a directory, one after the other, each with `sh -c`, until one fails. None outlives this process.
 * @throws the reason of `controls.stop` when it is to end.
 */
export async function verifyIn(directory: string, verifying: Verifying): Promise<VerificationRun[]> {
  const runs: VerificationRun[] = [];
  for (const command of verifying.commands) {
    const run = await verifyOnce(directory, command, verifying);
    runs.push(run);
    if (run.exit_code !== 0) break;
  }
  return runs;
}

/** Whether one took too long, so that nothing is known. */
export function timedOut(runs: readonly VerificationRun[]): boolean {
  return runs.some(({ timed_out: late }) => late);
}

export function passed(runs: readonly VerificationRun[]): boolean {
  return runs.every(({ exit_code: status }) => status === 0);
}

/** Standard output and error as one, and no trace of the git that may have started us. */
const script = `cd -- "$1" && unset ${[...redirecting].join(" ")} && exec sh -c "$2" 2>&1`;

async function verifyOnce(
  directory: string,
  command: string,
  { timeLimitMs, controls }: Verifying,
): Promise<VerificationRun> {
  const { session, stop } = controls;
  stop.throwIfAborted();
  session.note(`verifying: ${command}`);
  const startedAt = performance.now();
  const order = { command: ["sh", "-c", script, "sh", directory, command], environment: {}, context: "" };
  const supervised = runSupervised(session.host.program, { ...order, quiet: true, grace_ms: graceMs });
  using _bound = bind(supervised, controls);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    supervised.end();
  }, timeLimitMs);
  const end = await supervised.ended().finally(() => clearTimeout(timer));
  stop.throwIfAborted();
  const tail = late ? `${end.stdout.text}\nended after ${timeLimitMs / 1000} s` : end.stdout.text;
  return {
    command,
    exit_code: late ? lateStatus : exitStatus(end),
    duration_ms: Math.round(performance.now() - startedAt),
    output_tail: tail.slice(-limits.outputTailCharsMax).toWellFormed(),
    timed_out: late,
  };
}

/** The last line of an output that says something. */
function lastLine({ output_tail: tail }: VerificationRun): string {
  return tail.split("\n").findLast((line) => line.trim() !== "") ?? "";
}

/** `bun test` ended with 1: 3 fail */
export function failureText(runs: readonly VerificationRun[]): string {
  const failed = runs.find(({ exit_code: status }) => status !== 0);
  if (failed === undefined) return "";
  const said = lastLine(failed);
  return `${JSON.stringify(failed.command)} ended with ${failed.exit_code}${said === "" ? "" : `: ${said.trim()}`}`;
}
