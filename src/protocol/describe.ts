import { commonRefusals, errors } from "./errors.ts";
import { eventKinds } from "./event-kinds.ts";
import { limits as contract } from "./limits.ts";
import { aliasesOf, type MethodName, methodNames, methodRow, type Result } from "./methods.ts";
import { fieldsOf, jsonSchemaOf, shapeOf } from "./shape.ts";
import { type Kind, kinds, transitionRow } from "./transitions.ts";
import { nodeStatus } from "./types.ts";
import { commit, version } from "./version.ts";
import { warningKinds } from "./warnings.ts";

type Description = Result<"DescribeInterface">;
type MethodDescription = Description["methods"][number];

/** How bytes become requests, in one sentence for programs and people. */
export const framing =
  "one JSON object per line, UTF-8, ended by \\n (a \\r before it is dropped, blank lines are skipped); " +
  "one answer line per request, in request order; the last line before a half-close needs no newline";

/** Which call moves a node from which status to which. */
export const strictTransitions = {
  AcquireNextNode:
    "PENDING -> RUNNING, for the first node, by priority and registration order, of a task that is not paused; its dependencies must be COMPLETED (with on_dependency_failure run: ended)",
  CompleteNode: "RUNNING -> COMPLETED, with the node's current lease_id",
  FailNode: "RUNNING -> FAILED, with the node's current lease_id; RUNNING -> PENDING while attempts are left",
  ReleaseNode: "RUNNING -> PENDING, with the node's current lease_id; the attempt does not count",
  timeout_rollback:
    "RUNNING -> PENDING, when the lease expires without a heartbeat; its lease_id is refused from then on. RUNNING -> FAILED with TOO_MANY_LOST_LEASES once max_lost_attempts leases have expired",
  dependency_failed: "PENDING -> FAILED with DEPENDENCY_FAILED, if on_dependency_failure is skip",
  RetryNode: "FAILED -> PENDING, with all its attempts again; the nodes skipped because of it become PENDING, too",
  CancelTask: "PENDING -> FAILED and RUNNING -> FAILED, with CANCELED; a worker's lease_id is then refused",
} as const;

/** The rules of resource locks. */
export const resourceLockModel = {
  key: "`file:PATH`, `dir:PATH` and `glob:PATTERN` overlap when the paths they stand for do; any other text overlaps only with itself. Inside a scope a name is written `name:TEXT`, and text without a kind is refused; the global scope takes any. Paths are compared in Unicode NFC, without `.` and without doubled or trailing `/`, and without regard to case where the file system has none. `..` and NUL are refused, and inside a scope absolute paths are. Answers show a key as it was written",
  glob: "`*` and `?` match within one name, `**` also across `/`; `[a-c]`, `[!a-c]` and `{a,b}` work as in a shell, and `\\` takes the next character literally; `dir:.` is the whole scope. Two globs overlap when some path matches both. This is decided exactly; if that would take too long, they are taken to overlap",
  scope:
    'whose paths and names are meant; locks of two scopes never meet; without it, the one global scope. For a file in a git work tree it is the common git directory by its absolute path without links, `realpath "$(git rev-parse --git-common-dir)"`, and the key is the path from `git rev-parse --show-toplevel`; for a file outside of git there is no scope, and the key is its absolute path without links',
  cwd: `an absolute directory beside a key, instead of a scope: the key is read from there as the command line would, links followed, and its scope is found by the daemon. \`src/lib.rs\` is \`dir:\` where that is a directory, else \`file:\`; a name is written \`name:TEXT\`. What would guard nothing is refused. Answers tell the key and the scope it became. The keys of one request lead over at most ${contract.resolutionStepsMax} directories`,
  mode: "an exclusive lock excludes every lock that overlaps; shared locks may overlap each other",
  lease:
    "AcquireResourceLocks takes all its keys or none, under one lease with one deadline. It answers null while another unexpired lease holds what overlaps, even one of the same owner. With the lease_id of the caller's own lease it adds the keys to that lease",
  party:
    "the lease is what owns a lock; owner and provider are labels, and two agents with the same name are two. A waiting request belongs to the lease it names, else to its owner and provider, unless the owner is anonymous",
  queue:
    "wait_ms queues the request, first come, first served for each overlap. No request, shared or exclusive, overtakes an earlier one that overlaps, except under a lease that the earlier one waits for. A wait that would close a cycle is refused with DEADLOCK, which shows the cycle",
  expiry: "a lease ends ttl_secs after it was acquired or last renewed; default: the node timeout",
  take_over: "the key of an expired lease is free: the next AcquireResourceLock gets it under a new lease_id",
  node: "a node is handed out with all its resources under its lease_id, or passed over. They are renewed by HeartbeatNode and released when the node ends or rolls back",
  fencing:
    "fencing_token grows with every lease ever given; a guarded resource should refuse a token smaller than one it has seen",
  force:
    "ForceReleaseResourceLock is for people: it ends the holder's whole lease, whose lease_id is refused from then on",
} as const;

/** The members of a request and of an answer. */
export const envelope = {
  id: "any JSON value, echoed as sent; an answer to a request without one (or with null) has none",
  method: "string: a method's name, its snake_case form or an alias",
  params: "object; may be left out where no parameter is required",
  idempotency_key:
    `string of 1 to ${contract.idempotencyKeyCharsMax} characters, on any mutating request: the same key with the same ` +
    `method and params gets the first answer again for ${contract.idempotencyDays} days, even after a restart`,
  strict:
    "true refuses a request with members, or fields in its parameters, that nothing knows; else they are ignored and told in warnings",
  result: "what the method answers; exactly one of result and error is present",
  error: "{code, message, data: {kind, retryable, …facts}}: switch on data.kind; its rows are in errors",
  replayed: "true if the answer was given before, to the same idempotency_key",
  seq: "the journal seq of this answer, if the result is null and cannot carry it",
  warnings:
    "[{kind, message, path?, did_you_mean?, task_ids?}], only where there are some: what was done but looks like a mistake; " +
    `in the result, in error.data, or beside a result that is null; kind is one of ${Object.keys(warningKinds).join(", ")}`,
  common_refusals: `any method: ${commonRefusals.any.join(", ")}; a mutating one also: ${commonRefusals.mutating.join(", ")}`,
} as const;

let withoutLimits: Omit<Description, "limits"> | undefined;

/**
 * The answer to `DescribeInterface`, derived from the tables of methods and errors.
 * @param limits the daemon's limits by name, as `settingsView` gives them
 */
export function describeInterface(limits: Record<string, number>): Description {
  withoutLimits ??= describeTables();
  return { ...withoutLimits, limits };
}

function describeTables(): Omit<Description, "limits"> {
  return {
    protocol: "agentd-jsonl-v1",
    transport: "unix-domain-socket",
    framing,
    server: { name: "agentd", version, commit },
    state_model: { node_statuses: [...nodeStatus.options], strict_transitions: strictTransitions },
    resource_lock_model: resourceLockModel,
    envelope,
    errors: Object.entries(errors).map(([kind, { code, retryable, meaning }]) => ({ kind, code, retryable, meaning })),
    events: Object.entries(eventKinds).map(([action_type, { summary, payload }]) => {
      const schema = jsonSchemaOf(payload);
      return { action_type, summary, payload: shapeOf(schema), payload_schema: schema };
    }),
    transitions: kinds.map(describeTransition),
    methods: methodNames.map(describeMethod),
  };
}

function describeTransition(kind: Kind): Description["transitions"][number] {
  const { summary, subject, moves, topics, payload, isEvent, origin, unit } = transitionRow(kind);
  // A list, as clients of the original take an answer that has `"error":{` anywhere for a refusal.
  const fields = fieldsOf(jsonSchemaOf(payload));
  return {
    action_type: kind,
    summary,
    subject,
    moves: moves.map(([from, to]) => ({ from, to })),
    wakes: [...topics],
    is_event: isEvent,
    origin,
    leaves_with: unit,
    fields: fields.map(({ path, type, required }) => ({ field: path, type, required })),
  };
}

function describeMethod(method: MethodName): MethodDescription {
  const { summary, mutates, params, result, refusals, example } = methodRow(method);
  const [paramsSchema, resultSchema] = [jsonSchemaOf(params), jsonSchemaOf(result)];
  return {
    method,
    aliases: aliasesOf(method),
    summary,
    mutates,
    params: shapeOf(paramsSchema),
    result: shapeOf(resultSchema),
    params_schema: paramsSchema,
    result_schema: resultSchema,
    refusals: [...refusals],
    example,
  };
}
