import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import * as v from "valibot";
import type { Client } from "../../src/client/client.ts";
import type { Response } from "../../src/protocol/envelope.ts";
import { commonRefusals, type ErrorKind, errors } from "../../src/protocol/errors.ts";
import { cwd } from "../../src/protocol/methods/examples.ts";
import { aliasesOf, methodNames, methodRow, type ParamsInput } from "../../src/protocol/methods.ts";
import { type DaemonProcess, type Scratch, scratch, serve } from "./daemon-process.ts";
import { bundleCalls, bundleRefusals } from "./bundle-calls.ts";
import { type Calls, lockCalls, lockRefusals, type Provocations } from "./lock-calls.ts";
import type { LineClient } from "./line-client.ts";
import { type Held, nobody, World } from "./world.ts";

const nodeOf = ({ task_id, node_id }: Held) => ({ task_id, node_id });

/** For each method, parameters of a call that succeeds, on state made for it. */
const fitting: Calls = {
  DescribeInterface: async () => ({}),
  Health: async () => ({}),
  Metrics: async () => ({}),
  RegisterTask: async () => ({ goal: "a goal", context: { a: [1.5] }, initial_nodes: [{}] }),
  AddNodes: async (world) => ({ task_id: (await world.task()).task_id, nodes: [{ payload_schema: [1] }] }),
  AcquireNextNode: async (world) => ({ task_id: (await world.task()).task_id }),
  HeartbeatNode: (world) => world.running(),
  CompleteNode: async (world) => ({ ...(await world.running()), result_payload: { done: true } }),
  FailNode: async (world) => ({ ...(await world.running()), error_payload: "no" }),
  ReleaseNode: (world) => world.running(),
  ListRunningNodes: async () => ({ limit: 2 }),
  RetryNode: async (world) => nodeOf(await world.failed()),
  CommitEvent: async (world) => ({ ...(await world.running()), payload: [1] }),
  TaskStatus: async (world) => ({ task_id: (await world.running()).task_id }),
  ListTasks: async () => ({ limit: 2 }),
  CancelTask: async (world) => ({ task_id: (await world.running()).task_id, reason: "enough" }),
  PauseTask: async (world) => ({ task_id: (await world.task()).task_id }),
  ResumeTask: async (world) => ({ task_id: (await world.task()).task_id }),
  SetPriority: async (world) => ({ task_id: (await world.task()).task_id, priority: 1 }),
  ListEvents: async (world) => ({ task_id: (await world.completed()).task_id }),
  ...lockCalls,
  ...bundleCalls,
  VerifyJournal: async () => ({}),
  Backup: async (world) => ({ path: world.newPath() }),
  PruneJournal: async () => ({ older_than_secs: 315_360_000 }),
};

const strange = { task_id: nobody, node_id: nobody, lease_id: nobody };
const nodes = (...initial_nodes: ParamsInput<"RegisterTask">["initial_nodes"] & object) => ({
  goal: "g",
  initial_nodes,
});
const [one, two] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];

/** For each method and each refusal of its row, how to get it. What needs a failing disk is proved elsewhere. */
const provocations: Provocations = {
  DescribeInterface: {},
  Health: {},
  Metrics: {},
  RegisterTask: {
    DUPLICATE_ID: async (world) => nodes({ id: (await world.task()).node_id }),
    UNKNOWN_DEPENDENCY: async () => nodes({ dependencies: [nobody] }),
    CYCLE: async () => nodes({ id: one, dependencies: [two] }, { id: two, dependencies: [one] }),
    LIMIT_EXCEEDED: async () => nodes(...Array.from({ length: 10_001 }, () => ({}))),
  },
  AddNodes: {
    NOT_FOUND: async () => ({ task_id: nobody, nodes: [{}] }),
    INVALID_STATE: async (world) => {
      const { task_id, node_id } = await world.running();
      return { task_id, nodes: [{}], expand_before: [node_id] };
    },
    LEASE_LOST: async (world) => ({ task_id: (await world.running()).task_id, nodes: [{}], lease_id: nobody }),
    DUPLICATE_ID: async (world) => {
      const { task_id, node_id } = await world.task();
      return { task_id, nodes: [{ id: node_id }] };
    },
    UNKNOWN_DEPENDENCY: async (world) => ({
      task_id: (await world.task()).task_id,
      nodes: [{ dependencies: [(await world.task()).node_id] }],
    }),
    CYCLE: async (world) => {
      const { task_id, node_id } = await world.task();
      return { task_id, nodes: [{ dependencies: [node_id] }], expand_before: [node_id] };
    },
    LIMIT_EXCEEDED: async (world) => ({
      task_id: (await world.task()).task_id,
      nodes: Array.from({ length: 10_000 }, () => ({})),
    }),
  },
  AcquireNextNode: {
    NOT_FOUND: async () => ({ task_id: nobody }),
    LIMIT_EXCEEDED: async (world) => ({ ...(await world.manyResources()), lease_owner: "x".repeat(600_000) }),
  },
  HeartbeatNode: {
    NOT_FOUND: async () => strange,
    INVALID_STATE: (world) => world.completed(),
    LEASE_LOST: async (world) => ({ ...(await world.running()), lease_id: nobody }),
  },
  CompleteNode: {
    NOT_FOUND: async () => ({ ...strange, result_payload: 1 }),
    INVALID_STATE: async (world) => ({ ...(await world.completed()), result_payload: 1 }),
    LEASE_LOST: async (world) => ({ ...(await world.running()), lease_id: nobody, result_payload: 1 }),
    POLICY_UNMET: async (world) => ({ ...(await world.running({ require_intent: true })), result_payload: 1 }),
  },
  FailNode: {
    NOT_FOUND: async () => ({ ...strange, error_payload: 1 }),
    INVALID_STATE: async (world) => ({ ...(await world.completed()), error_payload: 1 }),
    LEASE_LOST: async (world) => ({ ...(await world.running()), lease_id: nobody, error_payload: 1 }),
  },
  ReleaseNode: {
    NOT_FOUND: async () => strange,
    INVALID_STATE: (world) => world.completed(),
    LEASE_LOST: async (world) => ({ ...(await world.running()), lease_id: nobody }),
  },
  ListRunningNodes: {},
  RetryNode: { NOT_FOUND: async () => strange, INVALID_STATE: (world) => world.running() },
  CommitEvent: {
    NOT_FOUND: async () => ({ ...strange, payload: 1 }),
    LEASE_LOST: async (world) => ({ ...(await world.running()), lease_id: null, payload: 1 }),
  },
  TaskStatus: { NOT_FOUND: async () => ({ task_id: nobody }), LIMIT_EXCEEDED: (world) => world.large() },
  ListTasks: { NOT_FOUND: async () => ({ before: nobody }) },
  CancelTask: {
    NOT_FOUND: async () => ({ task_id: nobody, reason: "" }),
    INVALID_STATE: async (world) => ({ ...(await world.completed()), reason: "" }),
  },
  PauseTask: { NOT_FOUND: async () => ({ task_id: nobody }) },
  ResumeTask: { NOT_FOUND: async () => ({ task_id: nobody }) },
  SetPriority: { NOT_FOUND: async () => ({ task_id: nobody, priority: 1 }) },
  ListEvents: {},
  ...lockRefusals,
  ...bundleRefusals,
  VerifyJournal: {},
  Backup: {
    INVALID_STATE: async () => ({ path: "relative" }),
  },
  PruneJournal: {},
};

/** Refusals that need a file system, a journal or as many locks as the daemon here does not have. */
const elsewhere = new Set([
  ...methodNames.map((method) => `${method} FILES_UNREACHABLE`),
  "ListEvents EVENTS_PRUNED",
  "ListResourceLocks LIMIT_EXCEEDED",
  // A limit to all active nodes that this daemon is far from: test/service/active-nodes.test.ts.
  "RetryNode LIMIT_EXCEEDED",
]);

let place: Scratch;
let daemon: DaemonProcess;
let client: Client;
let lines: LineClient;
let world: World;

beforeAll(async () => {
  place = scratch();
  daemon = await serve(place.home);
  client = await daemon.client();
  lines = await daemon.lines();
  world = new World(client, place.path);
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

describe.each(methodNames)("%s", (name) => {
  const row = methodRow(name);

  test("answers to each of its names, with what its row says and nothing else", async () => {
    for (const spelling of [name, ...aliasesOf(name)]) {
      const { result, error } = await lines.ask(spelling, await fitting[name](world));
      expect(error).toBeUndefined();
      expect(v.parse(row.result, result)).toEqual(result);
    }
  });

  test("takes its example, or has no objection but the state it finds", async () => {
    // Its story's directory is on another machine.
    const params: unknown = JSON.parse(JSON.stringify(row.example.params).replaceAll(`"${cwd}"`, `"${place.path}"`));
    const { error } = await lines.ask(name, name === "ListEvents" ? { ...Object(params), wait_ms: 0 } : params);
    const kind = error?.data.kind;
    if (kind !== undefined) expect([...row.refusals, ...commonRefusals.any]).toContain(kind);
  });

  test.each(Object.entries(provocations[name]))("is refused with %s", async (kind, paramsOf) => {
    const { result, error } = await lines.ask(name, await paramsOf(world));
    expect(result).toBeUndefined();
    const { code, retryable } = errors[kind as ErrorKind];
    expect(error).toMatchObject({ code, data: { kind, retryable } });
    expect(error?.data.seq).toBeNumber();
  });

  test("has every refusal of its row provoked", () => {
    const provoked = Object.keys(provocations[name]);
    expect(provoked).toEqual(row.refusals.filter((kind) => !elsewhere.has(`${name} ${kind}`)));
  });

  test("refuses parameters that are no object, or ignores them as the original did, and says so", async () => {
    const { error, result } = await lines.ask(name, 7);
    if (row.originalParams === "none") {
      expect(result).toMatchObject({ warnings: [{ kind: "UNKNOWN_FIELD", path: "params" }] });
      return;
    }
    expect(error).toMatchObject({ code: -32602, data: { kind: "INVALID_PARAMS", path: "params" } });
  });
});

test("a mutating result carries the journal's seq, a null one beside it", async () => {
  const { resource_key } = await world.lock();
  const { last_seq } = await client.call("Health", {});
  expect(await lines.ask("AcquireResourceLock", { resource_key })).toEqual({ id: 1, result: null, seq: last_seq });
});

test("a lock whose lease is over is taken over under a greater fencing token", async () => {
  const params = { resource_key: world.newName(), ttl_secs: 1 };
  const first = await client.call("AcquireResourceLock", params);
  for (;;) {
    const next = await client.call("AcquireResourceLock", params);
    if (next === null) continue;
    expect(next.fencing_token).toBeGreaterThan(first?.fencing_token ?? Number.POSITIVE_INFINITY);
    break;
  }
});

describe("an id is echoed as sent", () => {
  test.each(['"a"', "7", "1.0", "12345678901234567890", "-0", '{"a":[1.50]}', "[1,null]", "false", '""', "0"])(
    "%s",
    async (id) => {
      lines.push(`{"id":${id},"method":"ListResourceLocks"}\n`);
      expect(await lines.line()).toStartWith(`{"id":${id},"result":`);
      lines.push(`{"id":${id},"method":"nothing"}\n`);
      expect(await lines.line()).toStartWith(`{"id":${id},"error":`);
    },
  );

  test.each([
    ["null", '{"id":null,"method":"ListResourceLocks"}'],
    ["absent", '{"method":"ListResourceLocks"}'],
  ])("%s: the answer has no id", async (_, line) => {
    lines.push(`${line}\n`);
    expect(await lines.line()).toStartWith(`{"result":`);
  });
});

describe("the first thing wrong is the one that is named", () => {
  const cases: [string, string, ErrorKind, Response["id"]][] = [
    ["no JSON before all else", "{", "PARSE_ERROR", undefined],
    ["no request before its method", "[]", "INVALID_REQUEST", undefined],
    ["no method before parameters", '{"id":1,"params":7}', "INVALID_REQUEST", 1],
    ["an unknown method before its parameters", '{"id":1,"method":"x","params":7}', "UNKNOWN_METHOD", 1],
    ["parameters before state", '{"id":1,"method":"TaskStatus","params":{"task_id":7}}', "INVALID_PARAMS", 1],
    ["state last", `{"id":1,"method":"TaskStatus","params":{"task_id":"${nobody}"}}`, "NOT_FOUND", 1],
    ["a bad idempotency key before the method", '{"id":1,"method":"x","idempotency_key":""}', "INVALID_REQUEST", 1],
  ];
  test.each(cases)("%s", async (_rule, line, kind, id) => {
    lines.push(`${line}\n`);
    const { code, retryable } = errors[kind];
    const answer = await lines.answer();
    expect(answer).toMatchObject({ error: { code, data: { kind, retryable } } });
    expect(answer.id).toEqual(id);
  });
});

describe("what two readers could understand differently is no request", () => {
  const deep = (levels: number) =>
    `{"method":"RegisterTask","params":{"goal":"g","context":${"[".repeat(levels)}${"]".repeat(levels)}}}`;
  const cases: [string, string, ErrorKind | null][] = [
    ["a key twice", '{"method":"Health","method":"Metrics"}', "INVALID_REQUEST"],
    ["a key twice, once escaped", '{"method":"Health","params":{"a":1,"\\u0061":2}}', "INVALID_REQUEST"],
    ["__proto__ anywhere", '{"method":"Health","params":{"a":[{"__proto__":{}}]}}', "INVALID_REQUEST"],
    ["half a surrogate pair", String.raw`{"method":"Health","params":{"a":"\ud800"}}`, "PARSE_ERROR"],
    ["32 levels are taken", deep(30), null],
    ["33 levels are not", deep(31), "INVALID_REQUEST"],
    ["half a million levels cost nothing", deep(500_000), "INVALID_REQUEST"],
  ];
  test.each(cases)("%s", async (_rule, line, kind) => {
    lines.push(`${line}\n`);
    expect((await lines.answer()).error?.data.kind ?? null).toBe(kind);
  });
});

test("an idempotency key gives the first answer again, and belongs to one request", async () => {
  const idempotency_key = world.newName();
  const first = await lines.ask("RegisterTask", { goal: "once" }, { idempotency_key });
  const again = await lines.ask("register_task", { goal: "once" }, { idempotency_key });
  expect(again).toEqual({ ...first, replayed: true });
  const other = await lines.ask("RegisterTask", { goal: "twice" }, { idempotency_key });
  expect(other.error?.data.kind).toBe("IDEMPOTENCY_MISMATCH");
});

test("a backup never overwrites a file", async () => {
  const path = world.newPath();
  writeFileSync(path, "precious");
  expect((await lines.ask("Backup", { path })).error?.code).toBe(-32000);
  expect(await Bun.file(path).text()).toBe("precious");
});
