import { describe, expect, test } from "bun:test";
import { TestService } from "./harness.ts";

const about = (...paths: string[]) => paths.map((path) => ({ kind: "UNKNOWN_FIELD", path }));

describe("a field nobody knows", () => {
  test("is ignored, and the result says which and what may have been meant", () => {
    using service = new TestService();
    const params = { goal: "g", nodes: [{ name: "a", max_atempts: 3 }], priorty: 5 };
    const { result } = service.client().askLine({ method: "RegisterTask", params });
    expect(result).toMatchObject({
      nodes: [{ name: "a" }],
      warnings: [
        {
          path: "params.priorty",
          did_you_mean: "priority",
          message: "params.priorty is no field of RegisterTask (did you mean priority?)",
        },
        { path: "params.nodes.0.max_atempts", did_you_mean: "max_attempts" },
      ],
    });
  });

  test("beside params is told, too: a misspelt idempotency key protects nothing", () => {
    using service = new TestService();
    const line = { method: "ListTasks", params: { strict: true }, idempotencykey: "k", jsonrpc: "2.0" };
    expect(service.client().askLine(line).result).toMatchObject({
      tasks: [],
      warnings: [
        { path: "idempotencykey", did_you_mean: "idempotency_key" },
        { path: "params.strict", message: "params.strict is a member of the request, beside params" },
      ],
    });
  });

  test("is told beside a result that is null, also where that was waited for", () => {
    using service = new TestService();
    const client = service.client();
    const acquire = (params: object) => ({ method: "AcquireNextNode", params: { lable: {}, ...params } });
    const at_once = client.askLine(acquire({}));
    expect(at_once).toMatchObject({ result: null, seq: 0, warnings: about("params.lable") });
    client.submitLine(acquire({ wait_ms: 1_000 }));
    service.settle();
    service.live(1_000);
    expect(client.read()).toEqual(at_once);
  });

  test("is told with a refusal, and in the message where a field is missing", () => {
    using service = new TestService();
    const client = service.client();
    const missing = client.askLine({ method: "RegisterTask", params: { gaol: "g" } }).error;
    expect(missing?.message).toContain("params.goal: expected string, got nothing; params.gaol is no field");
    expect(missing?.data).toMatchObject({ kind: "INVALID_PARAMS", warnings: about("params.gaol") });
    const task_id = "00000000-0000-4000-8000-000000000000";
    const refused = client.askLine({ method: "PauseTask", params: { task_id, raeson: "r" } }).error;
    expect(refused?.data).toMatchObject({ kind: "NOT_FOUND", warnings: about("params.raeson") });
  });

  test("is refused with strict, before anything is done", () => {
    using service = new TestService();
    const client = service.client();
    const params = { goal: "g", policy: { require_intnt: true } };
    const { error } = client.askLine({ method: "RegisterTask", params, strict: true });
    expect(error).toMatchObject({
      code: -32602,
      message:
        "params.policy.require_intnt is no field of RegisterTask (did you mean require_intent?); the request is strict, so nothing was done; `agentd describe RegisterTask` shows the parameters",
      data: {
        kind: "INVALID_PARAMS",
        path: "params.policy.require_intnt",
        warnings: about("params.policy.require_intnt"),
      },
    });
    expect(client.askLine({ method: "ListTasks", strict: true }).result).toEqual({ tasks: [], next_before: null });
    expect(client.askLine({ method: "Health", strict: true, parms: {} }).error?.data.path).toBe("parms");
    expect(client.askLine({ method: "Health", strict: 1 }).error?.message).toBe(
      "strict: expected true or false, got 1",
    );
  });

  test("is not told to who makes no mistake", () => {
    using service = new TestService();
    const { result } = service.client().askLine({ method: "RegisterTask", params: { goal: "g", initial_nodes: [{}] } });
    expect(result).not.toHaveProperty("warnings");
  });

  test("is told of a thousand, without an end", () => {
    using service = new TestService();
    const params = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`q${index}`, 1]));
    const { warnings } = service.client().askLine({ method: "Health", params }).result as { warnings: object[] };
    expect(warnings).toHaveLength(21);
    expect(warnings.at(-1)).toEqual({ kind: "UNKNOWN_FIELD", message: "980 more fields are unknown" });
  });
});

describe("a parameter's other name", () => {
  test.each([["nodes"], ["initial_nodes"]])(
    "%s registers nodes, and a mistake is told of what was written",
    (field) => {
      using service = new TestService();
      const client = service.client();
      const register = (nodes: unknown) =>
        client.askLine({ method: "RegisterTask", params: { goal: "g", [field]: nodes }, strict: true });
      expect(register([{ name: "a" }]).result).toMatchObject({ nodes: [{ name: "a" }] });
      expect(register([{ name: 1 }]).error?.data.path).toBe(`params.${field}.0.name`);
      expect(register([{ nam: "a" }]).error?.data.path).toBe(`params.${field}.0.nam`);
    },
  );

  test("beside the first name is ignored, and told", () => {
    using service = new TestService();
    const params = { goal: "g", nodes: [{ name: "b" }], initial_nodes: [{ name: "a" }] };
    const { result } = service.client().askLine({ method: "RegisterTask", params });
    expect(result).toMatchObject({ nodes: [{ name: "a" }], warnings: about("params.nodes") });
  });
});

describe("registering a task", () => {
  test("without nodes says that nobody will get work from it", () => {
    using service = new TestService();
    const result = service.client().call("RegisterTask", { goal: "g" });
    expect(result).toMatchObject({ warnings: [{ kind: "NO_NODES" }] });
  });

  test("under the name of a task that is ACTIVE says so, again under its idempotency key, and not of one that ended", () => {
    using service = new TestService();
    const client = service.client();
    const register = (name: string, key?: string) =>
      client.ask("RegisterTask", { goal: "g", name, initial_nodes: [{}] }, key);
    const first = register("port").result as { task_id: string };
    const second = register("port", "key");
    expect(second.result).toMatchObject({ warnings: [{ kind: "NAME_IN_USE", task_ids: [first.task_id] }] });
    expect(register("port", "key")).toEqual({ ...second, replayed: true });
    client.call("CancelTask", { task_id: first.task_id, reason: "r" });
    client.call("CancelTask", { task_id: (second.result as typeof first).task_id, reason: "r" });
    expect(register("port").result).not.toHaveProperty("warnings");
    expect(register("other").result).not.toHaveProperty("warnings");
  });
});
