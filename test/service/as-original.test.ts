import { describe, expect, test } from "bun:test";
import type { GenericSchema } from "valibot";
import type { Json } from "../../src/protocol/json.ts";
import { type MethodName, methods } from "../../src/protocol/methods.ts";
import { limits } from "../../src/protocol/limits.ts";
import { validateCall } from "../../src/service/validate-call.ts";
import { acquire, registerTask, TestService } from "./harness.ts";

/* Where a hundred requests to the original and to ours were answered differently. */

type Claim = ReturnType<typeof acquire>["claim"];
type End = (service: TestService, claim: Claim) => unknown;

describe("acquired_at of a node", () => {
  const shown = (service: TestService, task_id: string) =>
    service.client().call("TaskStatus", { task_id }).nodes[0]?.acquired_at;

  test.each<[string, End]>([
    ["that COMPLETED", (service, claim) => service.client().call("CompleteNode", { ...claim, result_payload: 1 })],
    ["that FAILED", (service, claim) => service.client().call("FailNode", { ...claim, error_payload: 1 })],
    ["that was released", (service, claim) => service.client().call("ReleaseNode", claim)],
    ["that was canceled", (service, { task_id }) => service.client().call("CancelTask", { task_id, reason: "enough" })],
    ["whose lease ran out", (service) => service.live(service.settings.nodeTimeoutSecs * 1_000)],
  ])("%s is null, as its lease is", (_, end) => {
    using service = new TestService();
    const { taskId } = registerTask(service.client(), 1);
    const { claim } = acquire(service.client(), taskId);
    end(service, claim);
    expect(shown(service, taskId)).toBeNull();
    expect(service.client().call("VerifyJournal", {})).toMatchObject({ ok: true });
    service.restart();
    expect(shown(service, taskId)).toBeNull();
  });

  test("that runs is when it was acquired, however often it is renewed", () => {
    using service = new TestService();
    const { taskId } = registerTask(service.client(), 1);
    const acquiredAt = Math.floor(service.clock.wallMs / 1_000);
    const { claim } = acquire(service.client(), taskId);
    service.live(5_000);
    service.client().call("HeartbeatNode", claim);
    expect(shown(service, taskId)).toBe(acquiredAt);
  });
});

test("total_events counts what clients told, completions and failures, and nothing else of the journal", () => {
  using service = new TestService();
  const client = service.client();
  const total = () => client.call("Metrics", {}).database.total_events;
  const { taskId } = registerTask(client, 3);
  client.call("AcquireResourceLock", { resource_key: "k" });
  client.call("RecordGuardBypass", { guard: "g", resource_keys: ["file:a"], count: 1 });
  const lost = acquire(client, taskId);
  service.live(service.settings.nodeTimeoutSecs * 1_000);
  expect([total(), client.call("Health", {}).last_seq]).toEqual([0, 6]);
  const again = acquire(client, taskId);
  expect(again.node_id).toBe(lost.node_id);
  client.call("CommitEvent", { ...again.claim, payload: 1 });
  expect(total()).toBe(1);
  client.call("CompleteNode", { ...again.claim, result_payload: 1 });
  expect(total()).toBe(2);
  client.call("FailNode", { ...acquire(client, taskId).claim, error_payload: 1 });
  expect(total()).toBe(3);
  service.restart();
  expect(service.client().call("Metrics", {}).database.total_events).toBe(3);
  expect(service.client().call("VerifyJournal", {})).toMatchObject({ ok: true });
});

describe("a lock with an empty key", () => {
  test("is taken, listed, renewed and released", () => {
    using service = new TestService();
    const client = service.client();
    const lease_id = client.call("AcquireResourceLock", { resource_key: "" })?.lease_id ?? "";
    expect(client.call("AcquireResourceLock", { resource_key: "" })).toBeNull();
    expect(client.call("ListResourceLocks", {}).locks).toMatchObject([{ resource_key: "", lease_id }]);
    expect(client.call("CheckResourceLocks", { locks: [{ resource_key: "" }] }).locks[0]?.holders).toHaveLength(1);
    client.call("HeartbeatResourceLock", { resource_key: "", lease_id });
    client.call("ReleaseResourceLock", { resource_key: "", lease_id });
    expect(client.call("AcquireResourceLock", { resource_key: "" })).not.toBeNull();
    expect(client.call("ForceReleaseResourceLock", { resource_key: "", reason: "stuck" }).released).toHaveLength(1);
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  test("stands in nobody else's way", () => {
    using service = new TestService();
    const client = service.client();
    client.call("AcquireResourceLock", { resource_key: "" });
    for (const resource_key of ["file:a", "k"])
      expect(client.call("AcquireResourceLock", { resource_key })).not.toBeNull();
  });

  test("is refused in a scope, where every name is written name:…", () => {
    using service = new TestService();
    expect(service.client().refusal("AcquireResourceLock", { resource_key: "", scope: "s" })).toBe("INVALID_PARAMS");
  });
});

test.each(["AcquireResourceLock", "HeartbeatResourceLock"] as const)("ttl_secs: 0 of %s means 1 s", (method) => {
  using service = new TestService();
  const client = service.client();
  const ttl_secs = method === "AcquireResourceLock" ? 0 : 60;
  const lock = client.call("AcquireResourceLock", { resource_key: "k", ttl_secs });
  if (method === "HeartbeatResourceLock")
    client.call("HeartbeatResourceLock", { resource_key: "k", lease_id: lock?.lease_id ?? "", ttl_secs: 0 });
  service.live(999);
  expect(client.call("ListResourceLocks", {}).locks).toHaveLength(1);
  service.live(1);
  expect(client.call("ListResourceLocks", {}).locks).toEqual([]);
});

type Parts = Partial<{ entries: Record<string, GenericSchema>; item: GenericSchema; wrapped: GenericSchema }>;
const id = "0197f3a2-5c1e-7b64-9d3a-2f6e8c1b4a70";
const isId = (schema: GenericSchema): boolean =>
  (schema as { pipe?: { title?: string }[] }).pipe?.some(({ title }) => title === "uuid" || title === "uuid or name") ??
  false;

/** Paths of all ids in a method's parameters; `*` for the items of a list. */
function idPaths(schema: GenericSchema, path: string[] = []): string[][] {
  const { entries, item, wrapped } = schema as Parts;
  if (wrapped !== undefined) return idPaths(wrapped, path);
  if (item !== undefined) return idPaths(item, [...path, "*"]);
  if (isId(schema)) return [path];
  return Object.entries(entries ?? {}).flatMap(([name, field]) => idPaths(field, [...path, name]));
}

/** The value with `text` at a path, other parts as they are where they are objects. */
function withText(value: Json | undefined, [name, ...rest]: string[], text: string): Json {
  if (name === undefined) return text;
  if (name === "*") {
    const [first] = Array.isArray(value) ? value : [];
    return [withText(first, rest, text)];
  }
  const fields = typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  return { ...fields, [name]: withText(fields[name], rest, text) };
}

describe("an id is the same without its hyphens and in upper case", () => {
  const places = Object.entries(methods).flatMap(([name, row]) =>
    idPaths(row.params).map((path) => [name as MethodName, path.join("."), path] as const),
  );

  test.each(places)("%s %s", (method, _path, path) => {
    const read = (text: string) => {
      const params = withText(methods[method].example.params as Json, path, text);
      const call = validateCall(
        { id: 1, method, params, idempotencyKey: undefined, strict: false, unknown: [] },
        limits,
      );
      if (typeof call === "string") throw new Error(call);
      return call.params;
    };
    const isName = path.join(".").endsWith("dependencies.*") || path.join(".").endsWith("expand_before.*");
    for (const other of [id.replaceAll("-", ""), id.toUpperCase()])
      expect(read(other)).toEqual(isName ? expect.anything() : read(id));
  });

  test("there are such places in most methods", () => expect(places.length).toBeGreaterThan(30));

  test("also among dependencies, which may be names, too", () => {
    using service = new TestService();
    const client = service.client();
    const initial_nodes = [{ id: id.replaceAll("-", "") }, { dependencies: [id.replaceAll("-", "").toUpperCase()] }];
    const { task_id } = client.call("RegisterTask", { goal: "g", initial_nodes });
    const { nodes } = client.call("TaskStatus", { task_id: task_id.replaceAll("-", "") });
    expect(nodes[0]?.id).toBe(id);
    expect(nodes[1]?.dependencies).toEqual([id]);
  });

  test.each(["0197f3a2-5c1e-7b64-9d3a2f6e8c1b4a70", `${id}0`, "g".repeat(32), ""])("but %p is none", (text) => {
    using service = new TestService();
    expect(service.client().refusal("TaskStatus", { task_id: text })).toBe("INVALID_PARAMS");
  });
});

describe("what stands in the place of parameters is ignored where the original had none:", () => {
  const without = ["DescribeInterface", "Health", "Metrics", "ListResourceLocks"] as const;
  test.each(without.flatMap((method) => [[1], "text", 7, true].map((params) => [method, params] as const)))(
    "%s %p",
    (method, params) => {
      using service = new TestService();
      const { result, error } = service.client().ask(method, params);
      expect(error).toBeUndefined();
      expect(result).toMatchObject({ warnings: [{ kind: "UNKNOWN_FIELD", path: "params" }] });
    },
  );

  test("a method of ours, or one with parameters, still wants an object", () => {
    using service = new TestService();
    for (const method of ["ListTasks", "RegisterTask", "VerifyJournal"] as const)
      expect(service.client().refusal(method, [1] as never)).toBe("INVALID_PARAMS");
  });
});
