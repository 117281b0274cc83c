import {
  ConnectionLost,
  DaemonUnreachable,
  messageOf,
  RequestRefused,
  StartFailed,
  Untrusted,
} from "../client/refusals.ts";
import { BadPath } from "../protocol/home.ts";
import { systemReason } from "../native/system-error.ts";
import { Unresolvable } from "../protocol/key-words.ts";
import { type Exit, Failure } from "./exits.ts";
import { GitFailed } from "./git/git.ts";
import { printAside } from "./streams.ts";
import { harmless, red } from "./text.ts";

/** Says on standard error why a command failed, as JSON where that was asked for, and gives its exit status. */
export function reportFailure(cause: unknown, json: boolean): Exit {
  const failure = toFailure(cause);
  const { code, message, data, exit } = failure;
  printAside(
    json ? JSON.stringify({ error: { code, message, data } }) : red(`agentd: ${harmless(Bun.stripANSI(message))}`),
  );
  if (failure.kind === "BUG") printAside(Bun.inspect(cause));
  return exit;
}

/** What a caught value is to a user: its kind, and words that say what to do. */
export function toFailure(cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  if (cause instanceof RequestRefused) return new Failure(cause.kind, cause.message, cause.wire.data);
  if (cause instanceof DaemonUnreachable) return new Failure("UNREACHABLE", `${cause.message}; run: agentd start`);
  if (cause instanceof Untrusted) return new Failure("UNREACHABLE", cause.message);
  if (cause instanceof StartFailed) return new Failure("NOT_STARTED", cause.message);
  if (cause instanceof GitFailed) return new Failure("FOUND_A_PROBLEM", cause.message);
  if (cause instanceof Unresolvable) return new Failure("USAGE", cause.message);
  if (cause instanceof BadPath) return new Failure("USAGE", cause.message);
  if (cause instanceof ConnectionLost) {
    const advice = "the change may or may not have happened; `agentd logs` may say why";
    return new Failure("OUTCOME_UNKNOWN", `${cause.message}; ${advice}`);
  }
  const unusable = unusableFile(cause);
  if (unusable !== null) return new Failure("UNUSABLE_FILE", unusable);
  return new Failure("BUG", `this is a bug in agentd: ${messageOf(cause)}`);
}

/** What the system refused about a file or directory; null for an error that names none. */
function unusableFile(cause: unknown): string | null {
  const reason = systemReason(cause);
  if (reason === null || !(cause instanceof Error) || !("path" in cause) || typeof cause.path !== "string") return null;
  const { path } = cause;
  const temporary = path.startsWith(process.env.TMPDIR ?? "/tmp");
  const advice = temporary
    ? "set TMPDIR to a directory that you may write to"
    : "see what is there, who may use it, and that the disk has room; AGENTD_HOME says where agentd writes";
  return `${path} cannot be used: ${reason}; ${advice}`;
}
