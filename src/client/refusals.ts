import { type ErrorKind, errors, type WireError } from "../protocol/errors.ts";

/** What a caught value says. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** The daemon answered with an error. */
export class RequestRefused extends Error {
  readonly wire: WireError;

  constructor(wire: WireError) {
    super(wire.message);
    this.wire = wire;
  }

  /** The error's stable name. A daemon without `data`, such as the original, is understood by its code. */
  get kind(): ErrorKind {
    const named: string = (this.wire as Partial<WireError>).data?.kind ?? "";
    if (named in errors) return named as ErrorKind;
    return kindOfCode[this.wire.code] ?? "INVALID_STATE";
  }
}

const kindOfCode: Readonly<Record<number, ErrorKind>> = {
  [-32700]: "PARSE_ERROR",
  [-32600]: "INVALID_REQUEST",
  [-32601]: "UNKNOWN_METHOD",
  [-32602]: "INVALID_PARAMS",
  [-32001]: "LINE_TOO_LONG",
};

/** No daemon listens where one was looked for. */
export class DaemonUnreachable extends Error {
  constructor(socket: string, cause: unknown) {
    super(`no daemon listens at ${socket}`, { cause });
  }
}

/** The connection ended with calls unanswered: a mutating one may or may not have happened. */
export class ConnectionLost extends Error {}

/** What stands at the socket's path or in the environment file is not to be trusted. */
export class Untrusted extends Error {}

/** The daemon could not be started, or not within its deadline. */
export class StartFailed extends Error {}
