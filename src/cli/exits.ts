import { type ErrorKind, errors, type Facts } from "../protocol/errors.ts";

/** Every status a command ends with, and what it means; the same for all commands, and shown by every help page. */
export const exits = {
  0: "done",
  1: "refused because of the state of a task, node or lock; the task FAILED, or verify or doctor found a problem",
  2: "the arguments or parameters are invalid",
  3: "not now: nothing runnable, the lock is held, or the wait timed out",
  4: "the daemon cannot be reached, it or the command did not start, or a file or directory cannot be used",
  5: "the daemon or its storage could not do it now, or a bug; retry may help",
} as const;

export type Exit = keyof typeof exits;

/** What the command line itself can fail with, beside the daemon's errors: kind → exit status. */
const failures = {
  USAGE: 2,
  FOUND_A_PROBLEM: 1,
  NOT_NOW: 3,
  UNREACHABLE: 4,
  NOT_STARTED: 4,
  UNUSABLE_FILE: 4,
  OUTPUT_LOST: 5,
  BUG: 5,
} as const satisfies Record<string, Exit>;

export type FailureKind = keyof typeof failures | ErrorKind;

/** A command cannot do what was asked; the message says what stands in the way and what to do. */
export class Failure extends Error {
  readonly kind: FailureKind;
  readonly code: number;
  readonly exit: Exit;
  readonly data: Facts;

  constructor(kind: FailureKind, message: string, facts: Facts = {}) {
    super(message);
    this.kind = kind;
    this.code = kind in errors ? errors[kind as ErrorKind].code : kind === "USAGE" ? -32602 : -32000;
    this.exit = kind in errors ? errors[kind as ErrorKind].exit : failures[kind as keyof typeof failures];
    this.data = { kind, ...facts };
  }
}
