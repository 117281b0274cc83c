/**
 * The error table: every way a request can be answered with `error`.
 *
 * `code` is the wire code of the original contract; `kind` (sent as `error.data.kind`) is the stable name a program
 * should switch on. `retryable` says whether the same request can succeed later without being changed. `exit` is the
 * status the command line ends with.
 */
export const errors = {
  PARSE_ERROR: { code: -32700, exit: 2, retryable: false, meaning: "the line is not JSON, or not UTF-8" },
  INVALID_REQUEST: { code: -32600, exit: 2, retryable: false, meaning: "JSON, but not a request" },
  UNKNOWN_METHOD: { code: -32601, exit: 2, retryable: false, meaning: "no method answers to this name" },
  INVALID_PARAMS: { code: -32602, exit: 2, retryable: false, meaning: "the parameters do not fit the method" },
  LINE_TOO_LONG: {
    code: -32001,
    exit: 2,
    retryable: false,
    meaning: "the line is over the limit; the connection closes",
  },
  NOT_FOUND: { code: -32000, exit: 1, retryable: false, meaning: "no such task, node, lock or bundle" },
  INVALID_STATE: { code: -32000, exit: 1, retryable: false, meaning: "the transition does not exist from this status" },
  LEASE_LOST: { code: -32000, exit: 1, retryable: false, meaning: "the lease is not the current one" },
  DEADLOCK: {
    code: -32000,
    exit: 1,
    retryable: false,
    meaning: "the wait would close a cycle of holders that wait for each other's locks",
  },
  CYCLE: { code: -32000, exit: 1, retryable: false, meaning: "the dependencies form a cycle" },
  DUPLICATE_ID: { code: -32000, exit: 1, retryable: false, meaning: "a node id or name is taken" },
  UNKNOWN_DEPENDENCY: { code: -32000, exit: 1, retryable: false, meaning: "a dependency is not a node of the task" },
  POLICY_UNMET: {
    code: -32000,
    exit: 1,
    retryable: false,
    meaning: "the task's policy demands something that is missing",
  },
  IDEMPOTENCY_MISMATCH: {
    code: -32000,
    exit: 1,
    retryable: false,
    meaning: "the idempotency key was used for another request",
  },
  IDEMPOTENCY_PENDING: {
    code: -32000,
    exit: 5,
    retryable: true,
    meaning: "an earlier request under the idempotency key still waits for its answer",
  },
  LIMIT_EXCEEDED: { code: -32000, exit: 1, retryable: false, meaning: "a stated limit would be passed" },
  EVENTS_PRUNED: { code: -32000, exit: 1, retryable: false, meaning: "the journal no longer holds events that old" },
  FILES_UNREACHABLE: {
    code: -32000,
    exit: 5,
    retryable: true,
    meaning: "a file system did not answer in time, so what a key stands for was not found out",
  },
  TOO_MANY_CONNECTIONS: {
    code: -32000,
    exit: 5,
    retryable: true,
    meaning: "the daemon serves as many connections as it may",
  },
  SHUTTING_DOWN: { code: -32000, exit: 5, retryable: true, meaning: "the daemon is stopping and takes no new request" },
  STORAGE_FULL: { code: -32000, exit: 5, retryable: true, meaning: "the disk is full; nothing was written" },
  STORAGE_FAILED: {
    code: -32000,
    exit: 5,
    retryable: true,
    meaning: "the database cannot be used; nothing was written",
  },
  OUTCOME_UNKNOWN: {
    code: -32000,
    exit: 5,
    retryable: true,
    meaning: "the commit failed half-way: the write may or may not last; repeat it with its idempotency key",
  },
  INTERNAL: { code: -32000, exit: 5, retryable: false, meaning: "a bug in agentd; the daemon's log has the details" },
} as const satisfies Record<string, { code: number; exit: number; retryable: boolean; meaning: string }>;

/** A name from the error table, sent as `error.data.kind`. */
export type ErrorKind = keyof typeof errors;

/** What a request may be refused with beside the refusals of its method: by any method, and by one that mutates. */
export const commonRefusals = {
  any: [
    "PARSE_ERROR",
    "INVALID_REQUEST",
    "UNKNOWN_METHOD",
    "INVALID_PARAMS",
    "LINE_TOO_LONG",
    "TOO_MANY_CONNECTIONS",
    "SHUTTING_DOWN",
    "STORAGE_FULL",
    "STORAGE_FAILED",
    "INTERNAL",
  ],
  mutating: ["IDEMPOTENCY_MISMATCH", "IDEMPOTENCY_PENDING", "OUTCOME_UNKNOWN"],
} as const satisfies Record<string, readonly ErrorKind[]>;

/** What every method can answer, whatever its row lists. */
export type CommonRefusal = (typeof commonRefusals.any)[number];

/** What a refusal tells a program beyond its message: ids, statuses, deadlines. Snake case, as on the wire. */
export type Facts = Readonly<Record<string, unknown>>;

/** The `error` member of an answer. */
export interface WireError {
  code: number;
  message: string;
  data: { kind: ErrorKind; retryable: boolean; [fact: string]: unknown };
}

/** The wire form of one row of the table. */
export function wireError(kind: ErrorKind, message: string, facts: Facts = {}): WireError {
  const { code, retryable } = errors[kind];
  return { code, message, data: { kind, retryable, ...facts } };
}

/** What is said of a bug in agentd to whom it meets. */
export const failedInside = "agentd failed on this request and changed nothing; its log has the details";
