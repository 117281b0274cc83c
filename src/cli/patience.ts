import { ConnectionLost, DaemonUnreachable, RequestRefused } from "../client/refusals.ts";
import type { MethodName, ParamsInput, Result } from "../protocol/methods.ts";
import { Failure } from "./exits.ts";
import type { Session } from "./session.ts";

/** How long a command that waits puts up with a daemon that is away: a restart takes a fraction of it. */
const awayMsMax = 5_000;
const retryMs = 50;

/**
 * Calls a method that changes nothing, for commands that wait for long: when the daemon goes away meanwhile, the
 * question is asked again over a new connection.
 */
export async function askPatiently<Name extends MethodName>(
  session: Session,
  method: Name,
  params: ParamsInput<Name>,
): Promise<Result<Name>> {
  let awaySince: number | undefined;
  for (;;) {
    try {
      return await session.call(method, params);
    } catch (cause) {
      awaySince ??= Date.now();
      if (!isAway(cause) || Date.now() - awaySince > awayMsMax) throw cause;
    }
    session.disconnect();
    await Bun.sleep(retryMs);
  }
}

/** Whether a call failed because the daemon is not there now. */
export function isAway(cause: unknown): boolean {
  if (cause instanceof RequestRefused) return cause.kind === "SHUTTING_DOWN";
  if (cause instanceof Failure) return cause.kind === "UNREACHABLE";
  return cause instanceof ConnectionLost || cause instanceof DaemonUnreachable;
}
