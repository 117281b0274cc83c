import { describe, expect, test } from "bun:test";
import { acquire, TestService } from "./harness.ts";

const kinds = ["intent", "progress", "result", "conflict", "decision"] as const;

/** A task with this policy, and its one node, taken. */
function underPolicy(service: TestService, policy: object) {
  const client = service.client();
  const { task_id } = client.call("RegisterTask", { goal: "g", policy, initial_nodes: [{}] });
  return { client, ...acquire(client, task_id) };
}

describe("a task's policy", () => {
  test.each([
    [{ require_intent: true }, ["intent"]],
    [{ require_result: true }, ["result"]],
    [{ require_intent: true, require_progress: true }, ["intent", "progress"]],
  ])("%j lets a node be completed once its worker has told it", (policy, wanted) => {
    using service = new TestService();
    const { client, claim } = underPolicy(service, policy);
    const complete = () => client.ask("CompleteNode", { ...claim, result_payload: 1 });
    for (const [n, action_type] of wanted.entries()) {
      const { error } = complete();
      expect(error?.data).toMatchObject({
        kind: "POLICY_UNMET",
        missing: wanted.slice(n).map((kind) => `require_${kind}`),
      });
      expect(error?.message).toContain(`an event ${wanted.slice(n).join(" and an event ")}`);
      client.call("CommitEvent", { ...claim, action_type, payload: { summary: "s" } });
    }
    expect(complete().error).toBeUndefined();
  });

  test("asks each attempt anew, and lets a worker fail or release without", () => {
    using service = new TestService();
    const { client, claim, task_id } = underPolicy(service, { require_intent: true });
    client.call("CommitEvent", { ...claim, action_type: "intent", payload: { summary: "s" } });
    client.call("ReleaseNode", claim);
    const { claim: next } = acquire(client, task_id);
    expect(client.refusal("CompleteNode", { ...next, result_payload: 1 })).toBe("POLICY_UNMET");
    expect(client.ask("FailNode", { ...next, error_payload: 1 }).error).toBeUndefined();
    expect(client.call("VerifyJournal", {})).toMatchObject({ ok: true });
  });

  test("is shown with the task", () => {
    using service = new TestService();
    const { client, task_id } = underPolicy(service, { require_bundle: true });
    expect(client.call("TaskStatus", { task_id }).task.policy).toEqual({
      require_intent: false,
      require_progress: false,
      require_result: false,
      require_bundle: true,
    });
  });
});

describe("an event that means the same to every agent", () => {
  test.each<[string, string, object | string, string | undefined]>([
    ["in full", "intent", { summary: "s", paths: ["a"], mine: 1 }, undefined],
    ["without what it must have", "intent", {}, "params.payload.summary"],
    ["with paths that are none", "result", { summary: "s", paths: "a" }, "params.payload.paths"],
    ["that is no object", "progress", "50 %", "params.payload"],
    ["without a reason", "decision", { decision: "accepted" }, "params.payload.reason"],
    ["of the client's own name", "INTENT", "anything", undefined],
  ])("%s: %s, under a policy", (_, action_type, payload, fault) => {
    using service = new TestService();
    const { client, claim } = underPolicy(service, { require_result: true });
    expect(client.ask("CommitEvent", { ...claim, action_type, payload }).error?.data.path).toBe(fault);
  });

  test.each(kinds)("%s may be what an original's client made of it, where there is no policy", (action_type) => {
    using service = new TestService();
    const { client, claim } = underPolicy(service, {});
    for (const payload of [{}, { plan: ["a"] }, "text", 7, [1]]) {
      expect(client.ask("CommitEvent", { ...claim, action_type, payload }).error).toBeUndefined();
    }
    expect(
      client.refusal("CommitEvent", { ...claim, action_type, payload: { paths: 1, decision: 1, percent: "x" } }),
    ).toBe("INVALID_PARAMS");
  });
});
