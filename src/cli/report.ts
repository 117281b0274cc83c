import {
  ConnectionLost,
  DaemonUnreachable,
  messageOf,
  RequestRefused,
  StartFailed,
  Untrusted,
} from "../client/refusals.ts";
import { BadPath } from "../protocol/paths.ts";
import { Unresolvable } from "../resolver/unresolvable.ts";
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
  return new Failure("BUG", `this is a bug in agentd: ${messageOf(cause)}`);
}
