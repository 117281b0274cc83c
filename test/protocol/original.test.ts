import { describe, expect, test } from "bun:test";
import { describeInterface } from "../../src/protocol/describe.ts";
import { errors } from "../../src/protocol/errors.ts";

/*
 * The contract of the original agentd, copied out by hand: clients written for it must find every method, every
 * parameter and every field here, under the same names and of the same types. What is ours may stand beside it, as
 * long as no parameter of ours is required.
 */
const uuid = "uuid";
const text = "string";
const int = "int";
const json = "json";
const unix = "unix seconds";
const iso = "iso time";
const anonymous = 'string = "anonymous"';
const optional = (type: string) => `${type}?`;
const orNull = (type: string) => `${type} | null`;

const task = { id: uuid, goal: text, context: json, created_at: iso };
const node = {
  id: uuid,
  task_id: uuid,
  status: "PENDING | RUNNING | COMPLETED | FAILED",
  dependencies: "[uuid]",
  payload_schema: json,
  result_payload: json,
  acquired_at: orNull(unix),
  lease_id: orNull(uuid),
  lease_owner: orNull(text),
  lease_expires_at: orNull(unix),
  updated_at: unix,
};
const lease = { task_id: uuid, node_id: uuid, lease_id: uuid };
const lock = {
  resource_key: text,
  lease_id: uuid,
  owner: text,
  provider: orNull(text),
  task_id: orNull(uuid),
  node_id: orNull(uuid),
  metadata: json,
  acquired_at: unix,
  lease_expires_at: unix,
};

const acquired = {
  ...lease,
  lease_owner: text,
  lease_expires_at: unix,
  context: {
    task,
    node,
    completed_dependencies: [{ node_id: uuid, result_payload: json }],
    event_journal_limit: int,
    event_journal: [{ id: uuid, task_id: uuid, node_id: uuid, action_type: text, payload: json, timestamp: iso }],
  },
};

const original: Record<string, { params: object; result: object }> = {
  DescribeInterface: {
    params: {},
    result: {
      protocol: "agentd-jsonl-v1",
      transport: "unix-domain-socket",
      framing: text,
      state_model: {
        node_statuses: "[string]",
        strict_transitions: { AcquireNextNode: text, CompleteNode: text, FailNode: text, timeout_rollback: text },
      },
      resource_lock_model: "{string: string}",
      methods: [{ method: text, params: json, result: json }],
    },
  },
  Health: {
    params: {},
    result: { database: text, running_timeout_secs: int, context_event_limit: int },
  },
  Metrics: {
    params: {},
    result: {
      uptime_secs: int,
      running_timeout_secs: int,
      context_event_limit: int,
      runtime: {
        registered_tasks: int,
        acquire_attempts: int,
        acquired_nodes: int,
        acquisition_latency_micros_total: int,
        average_acquisition_latency_micros: int,
        committed_events: int,
        heartbeats: int,
        completed_nodes: int,
        failed_nodes: int,
        timeout_rollbacks: int,
        acquired_resource_locks: int,
        released_resource_locks: int,
      },
      database: {
        schema_version: int,
        latest_schema_version: int,
        total_tasks: int,
        total_nodes: int,
        total_events: int,
        active_resource_locks: int,
        expired_resource_locks: int,
        running_leases: int,
        expired_running_leases: int,
        node_status_counts: "{string: int}",
      },
    },
  },
  RegisterTask: {
    params: {
      goal: text,
      context: "json = {}",
      initial_nodes: {
        optional: [{ id: optional(uuid), dependencies: "[uuid or name] = []", payload_schema: "json = {}" }],
        default: "[]",
      },
    },
    result: { task_id: uuid },
  },
  AcquireNextNode: {
    // Ours may leave task_id out, and with `count` gets another answer.
    params: { task_id: optional(uuid), lease_owner: anonymous },
    result: { nullable: { one_of: [acquired, expect.anything()] } },
  },
  CommitEvent: {
    params: { ...lease, lease_id: optional(uuid), action_type: 'string = "COMMIT_EVENT"', payload: json },
    result: { event_id: uuid },
  },
  HeartbeatNode: { params: lease, result: { ok: "true" } },
  CompleteNode: { params: { ...lease, result_payload: json }, result: { event_id: uuid } },
  FailNode: { params: { ...lease, error_payload: json }, result: { event_id: uuid } },
  TaskStatus: { params: { task_id: uuid }, result: { task, counts: "{string: int}", nodes: [node] } },
  AcquireResourceLock: {
    params: {
      resource_key: text,
      owner: anonymous,
      provider: optional(text),
      ttl_secs: optional("seconds"),
      task_id: optional(uuid),
      node_id: optional(uuid),
      metadata: "json = {}",
    },
    result: { nullable: lock },
  },
  HeartbeatResourceLock: {
    params: { resource_key: optional(text), lease_id: uuid, ttl_secs: optional("seconds") },
    result: { ok: "true" },
  },
  ReleaseResourceLock: { params: { resource_key: optional(text), lease_id: uuid }, result: { ok: "true" } },
  ListResourceLocks: { params: {}, result: { locks: [{ ...lock, updated_at: unix }] } },
};

// A copy, since Bun's toMatchObject writes the expected `{}` into what it is given, and the description is shared.
const description = structuredClone(describeInterface({}));
const described = new Map(description.methods.map((method) => [method.method, method]));

describe.each(Object.entries(original))("%s", (name, { params, result }) => {
  test("takes what the original took", () => {
    expect(described.get(name)?.params).toMatchObject(params);
  });

  test("requires nothing the original did not", () => {
    const ours = Object.entries(described.get(name)?.params ?? {}).filter(([field]) => !(field in params));
    expect(ours.filter(([, type]) => typeof type === "string" && !/\?$| = /.test(type))).toEqual([]);
  });

  test("answers with what the original answered", () => {
    expect(described.get(name)?.result).toMatchObject(result);
  });
});

test("no answer that describes has what a client takes for a refusal who looks for it in the text", () => {
  expect(JSON.stringify(description)).not.toContain('"error":{');
});

test("Health can say ok", () => {
  expect(described.get("Health")?.result).toHaveProperty("status", "ok | degraded");
});

test("the original's constants", () => {
  expect(description).toMatchObject({
    protocol: "agentd-jsonl-v1",
    transport: "unix-domain-socket",
    state_model: { node_statuses: ["PENDING", "RUNNING", "COMPLETED", "FAILED"] },
  });
});

test.each([
  ["PARSE_ERROR", -32700],
  ["INVALID_REQUEST", -32600],
  ["UNKNOWN_METHOD", -32601],
  ["INVALID_PARAMS", -32602],
  ["LINE_TOO_LONG", -32001],
  ["NOT_FOUND", -32000],
  ["INVALID_STATE", -32000],
  ["LEASE_LOST", -32000],
  ["CYCLE", -32000],
  ["DUPLICATE_ID", -32000],
  ["UNKNOWN_DEPENDENCY", -32000],
] as const)("%s has the original's code %d", (kind, code) => {
  expect(errors[kind].code).toBe(code);
});
