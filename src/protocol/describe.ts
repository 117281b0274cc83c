import { type ErrorKind, errors } from "./errors.ts";
import { limits as contract } from "./limits.ts";
import { aliasesOf, type MethodName, methodNames, methodRow, type Result } from "./methods.ts";
import { jsonSchemaOf, shapeOf } from "./shape.ts";
import { nodeStatus } from "./types.ts";
import { commit, version } from "./version.ts";

type Description = Result<"DescribeInterface">;
type MethodDescription = Description["methods"][number];

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
    "INTERNAL",
  ],
  mutating: ["IDEMPOTENCY_MISMATCH", "STORAGE_FULL", "STORAGE_FAILED", "OUTCOME_UNKNOWN"],
} as const satisfies Record<string, readonly ErrorKind[]>;

/** How bytes become requests, in one sentence for programs and people. */
export const framing =
  "one JSON object per line, UTF-8, ended by \\n (a \\r before it is dropped, blank lines are skipped); " +
  "one answer line per request, in request order; the last line before a half-close needs no newline";

/** Which call moves a node from which status to which. */
export const strictTransitions = {
  AcquireNextNode:
    "PENDING -> RUNNING, for the first node by priority and registration order whose dependencies are all COMPLETED (with on_dependency_failure run: all ended), in a task that is not paused",
  CompleteNode: "RUNNING -> COMPLETED, with the node's current lease_id",
  FailNode: "RUNNING -> FAILED, with the node's current lease_id; RUNNING -> PENDING while attempts are left",
  ReleaseNode: "RUNNING -> PENDING, with the node's current lease_id; the attempt does not count",
  timeout_rollback:
    "RUNNING -> PENDING, when the lease expired without a heartbeat; its lease_id is then refused. RUNNING -> FAILED with TOO_MANY_LOST_LEASES, when that was one time too many",
  dependency_failed: "PENDING -> FAILED with DEPENDENCY_FAILED, where on_dependency_failure is skip",
  RetryNode: "FAILED -> PENDING, with all attempts; and so the nodes skipped because of it",
  CancelTask: "PENDING -> FAILED and RUNNING -> FAILED, with CANCELED; a worker's lease_id is then refused",
} as const;

/** The rules of resource locks. */
export const resourceLockModel = {
  key: "`file:PATH`, `dir:PATH` and `glob:PATTERN` overlap as the paths do that they stand for; any other text overlaps with itself alone. Paths are compared without `.`, doubled or trailing `/`, in Unicode NFC, where the file system ignores case without regard to it; `..` and NUL are refused, and in a scope absolute paths. Answers show a key as it was written",
  glob: "`*` and `?` stay in a name, `**` crosses `/`, `[a-c]`, `[!a-c]`, `{a,b}`, `\\` before a character that is meant itself; `dir:.` is the whole scope. Two globs overlap when some path fits both, found out exactly; where that would take too long they are taken to overlap",
  scope:
    "whose paths and names are meant, such as a repository's common git directory; locks of two scopes never meet; without it, the one global scope",
  mode: "exclusive goes beside nothing that overlaps, shared goes beside shared",
  lease:
    "AcquireResourceLocks takes all its keys or none, under one lease with one deadline; null while another unexpired lease holds what overlaps, even its own owner's. With the lease_id of a lease of its own it adds to that",
  party:
    "ownership belongs to the lease; owner and provider are labels, and two agents of one name are two. Waiting, a request belongs to the lease it names, else to whoever has its owner and provider, unless the owner is anonymous",
  queue:
    "wait_ms stands in line: first come, first served per overlap; nobody, sharing or not, goes before an earlier request that overlaps, but under a lease that one waits for. A wait that would close a circle is refused with DEADLOCK and the circle",
  expiry: "a lease ends ttl_secs after it was acquired or last kept; without ttl_secs it runs the node timeout",
  take_over: "the key of an expired lease is free: the next AcquireResourceLock gets it under a new lease_id",
  node: "a node's resources are taken with it under its lease_id, or it is passed over; they live as long as that lease, are kept by HeartbeatNode, and are released when the node ends or rolls back",
  fencing:
    "fencing_token grows with every lease ever given; a guarded resource should refuse a smaller one than it saw",
  force: "ForceReleaseResourceLock is for people: it ends the holder's whole lease, and its lease_id is then refused",
} as const;

/** The members of a request and of an answer. */
export const envelope = {
  id: "any JSON value, echoed as sent; an answer to a request without one (or with null) has none",
  method: "string: a method's name, its snake_case form or an alias",
  params: "object; may be left out where no parameter is required",
  idempotency_key:
    `string of 1 to ${contract.idempotencyKeyCharsMax} characters, on any mutating request: the same key with the same ` +
    `method and params gets the first answer again for ${contract.idempotencyDays} days, also after a restart`,
  result: "what the method answers; exactly one of result and error is present",
  error: "{code, message, data: {kind, retryable, …facts}}: switch on data.kind; its rows are in errors",
  replayed: "true beside a result that was given before, to the same idempotency_key",
  seq: "the journal's place of this answer, beside a result that is null and cannot carry it",
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
    methods: methodNames.map(describeMethod),
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
