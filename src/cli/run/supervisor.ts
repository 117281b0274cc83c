import { write } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { TIMED_OUT, within } from "../../client/deadline.ts";
import { messageOf } from "../../client/refusals.ts";
import { Failure } from "../exits.ts";
import { printLive } from "../output.ts";
import { reportFailure, toFailure } from "../failures.ts";
import {
  type Ending,
  linesOf,
  type Printed,
  type RunRequest,
  stderrBytesMax,
  stdoutBytesMax,
  type SupervisorMessage,
} from "./supervised.ts";
import { endSession } from "./process-session.ts";
import { Tail } from "./tail.ts";
import { command } from "../command.ts";

export const runGuard = command({
  args: {},
  examples: [["run-guard", "what `agentd run` starts between itself and its command"]],
  notes: "Reads its order from standard input, and ends the command when that closes.",
  async run() {
    const status = await supervise().then(
      () => 0,
      (cause: unknown) => reportFailure(cause, false),
    );
    // Neither a request that is still open nor output that nobody reads is to keep this process.
    process.exit(status);
  },
});

/** How long what is left in the pipes of an ended command may take to be read. */
const drainMs = 1_000;
/** Not through the event loop: a terminal stopped by Ctrl-S blocks who writes to it. */
const writeTo = promisify(write);

/**
 * Runs one command and sees that it ends. Standard input holds an RunRequest as its first line, and closes when the command
 * is to end: also when whoever sent the request is no more, however it died. Standard output gets a SupervisorMessage a line,
 * standard error what the command prints.
 */
export async function supervise(): Promise<void> {
  const input = linesOf(Bun.stdin.stream());
  const first = await input.next();
  if (first.done === true) return;
  const closed = input.next().then(() => "closed" as const);
  await report(await run(JSON.parse(first.value) as RunRequest, closed));
}

/** Where the supervisor was given its caller's standard input and output. */
const [callersInput, callersOutput] = [3, 4];

/** Whatever keeps the command from running is reported: whoever sent the request waits for a word. */
async function run(request: RunRequest, closed: Promise<"closed">): Promise<SupervisorMessage> {
  try {
    return await (request.context === null ? runPlainly(request, closed) : runWith(request.context, request, closed));
  } catch (cause) {
    return { error: toFailure(cause).message };
  }
}

/** With the caller's standard input and output. */
async function runPlainly(request: RunRequest, closed: Promise<"closed">): Promise<SupervisorMessage> {
  const child = start(() =>
    Bun.spawn(request.command, {
      detached: true,
      env: { ...process.env, ...request.environment },
      stdio: [callersInput, callersOutput, "inherit"],
    }),
  );
  await report({ pid: child.pid, directory: null });
  const interrupted = await endOf(child, request.grace_ms, closed);
  return ending(child, interrupted, { stdout: nothing, stderr: nothing });
}

/** The system says itself which program it could not start, and why. */
function start<Started>(spawn: () => Started): Started {
  try {
    return spawn();
  } catch (cause) {
    throw new Failure("NOT_STARTED", messageOf(cause));
  }
}

/** With the context on standard input and in a file, its output kept. */
async function runWith(context: string, request: RunRequest, closed: Promise<"closed">): Promise<SupervisorMessage> {
  const directory = await mkdtemp(join(tmpdir(), "agentd-run-"));
  try {
    const file = join(directory, "context.json");
    await writeFile(file, context, { mode: 0o600 });
    const child = start(() =>
      Bun.spawn(request.command, {
        // A session of its own, in which all of it can be found and ended.
        detached: true,
        env: { ...process.env, ...request.environment, AGENTD_CONTEXT_FILE: file },
        stdin: Bun.file(file),
        stdout: "pipe",
        stderr: "pipe",
      }),
    );
    await report({ pid: child.pid, directory });
    return await superviseKept(child, request, closed);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

type Child = Bun.Subprocess<Bun.BunFile, "pipe", "pipe">;

async function superviseKept(
  child: Child,
  { grace_ms: graceMs, quiet = false }: RunRequest,
  closed: Promise<"closed">,
): Promise<SupervisorMessage> {
  const stdout = new Tail(stdoutBytesMax);
  const stderr = new Tail(stderrBytesMax);
  const muted = Promise.withResolvers<void>();
  if (quiet) muted.resolve();
  const drained = Promise.all([pump(child.stdout, stdout, muted.promise), pump(child.stderr, stderr, muted.promise)]);
  const interrupted = await endOf(child, graceMs, closed);
  if ((await within(drained, drainMs)) === TIMED_OUT) {
    // Either nobody reads standard error, which must not cost the result its end, or a daemon keeps a pipe open.
    muted.resolve();
    await within(drained, drainMs);
  }
  return ending(child, interrupted, { stdout: stdout.printed(), stderr: stderr.printed() });
}

/** Waits for the command's end, and ends what it left behind; whether it was told to end before it did. */
async function endOf(child: Bun.Subprocess, graceMs: number, closed: Promise<"closed">): Promise<boolean> {
  const interrupted = (await Promise.race([child.exited, closed])) === "closed";
  // A command that ended may have left children behind: no lease ends before all of its command did.
  await endSession(child.pid, graceMs);
  await child.exited;
  return interrupted;
}

type Output = Pick<Ending, "stdout" | "stderr">;

const nothing: Printed = { text: "", bytes: 0, isUtf8: true };

function ending(child: Bun.Subprocess, interrupted: boolean, output: Output): Ending {
  const signal = child.signalCode === null ? null : String(child.signalCode);
  return { exit_code: child.exitCode, signal, interrupted, ...output };
}

/** Keeps the end of a stream, and shows it on standard error until `muted`. */
async function pump(stream: ReadableStream<Uint8Array>, tail: Tail, muted: Promise<void>): Promise<void> {
  let shown = true;
  void muted.then(() => (shown = false));
  for await (const chunk of stream) {
    tail.push(chunk);
    if (shown) shown = (await Promise.race([show(chunk), muted])) ?? false;
  }
}

/** False once nobody reads standard error any more. */
async function show(chunk: Uint8Array): Promise<boolean> {
  try {
    for (let shown = 0; shown < chunk.length;) shown += (await writeTo(2, chunk, shown)).bytesWritten;
    return true;
  } catch (cause) {
    if ((cause as { code?: string }).code !== "EAGAIN") return false;
    // Somebody made it non-blocking; a drop in the picture is better than a command that waits for it.
    return true;
  }
}

async function report(line: SupervisorMessage): Promise<void> {
  await printLive(JSON.stringify(line));
}
