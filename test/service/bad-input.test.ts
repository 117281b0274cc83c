import { expect, test } from "bun:test";
import type { MethodName } from "../../src/protocol/methods.ts";
import { TestService } from "./harness.ts";

const node = (more: object) => ({ goal: "g", initial_nodes: [more] });
const id = "00000000-0000-4000-8000-00000000ffff";
const claim = { task_id: id, node_id: id, lease_id: id };
const long = "x".repeat(201);

const cases: [string, MethodName, object, string][] = [
  ["a negative wait", "AcquireNextNode", { wait_ms: -1 }, "params.wait_ms: expected 0 or more, got -1"],
  ["a wait of more than ten minutes", "AcquireNextNode", { wait_ms: 600_001 }, "expected at most 600000"],
  ["a wait in words", "AcquireNextNode", { wait_ms: "5s" }, "params.wait_ms: expected number"],
  ["a lease without length", "AcquireNextNode", { ttl_secs: 0 }, "expected at least 1, got 0"],
  [
    "a lease of more than a hundred years",
    "AcquireNextNode",
    { ttl_secs: 3_155_760_001 },
    "expected at most 3155760000",
  ],
  ["half a second of lease", "HeartbeatNode", { ...claim, ttl_secs: 0.5 }, "params.ttl_secs: expected an integer"],
  ["no nodes at once", "AcquireNextNode", { count: 0 }, "params.count: expected at least 1"],
  ["more than a hundred nodes at once", "AcquireNextNode", { count: 101 }, "params.count: expected at most 100"],
  [
    "a label that is a number",
    "AcquireNextNode",
    { labels: { cores: 8 } },
    "params.labels.cores: expected string, got 8",
  ],
  ["a label without a name", "AcquireNextNode", { labels: { "": "x" } }, "expected at least 1 character"],
  ["a label of more than 200 characters", "AcquireNextNode", { labels: { k: long } }, "at most 200 characters"],
  [
    "more than 32 labels",
    "AcquireNextNode",
    { labels: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`k${n}`, ""])) },
    "expected at most 32 labels",
  ],
  ["a list for labels", "AcquireNextNode", { labels: ["a"] }, "params.labels: expected Object, got an array"],
  [
    "a list for a node",
    "RegisterTask",
    { goal: "g", initial_nodes: [[]] },
    "params.initial_nodes.0: expected Object, got an array",
  ],
  [
    "a list for progress",
    "HeartbeatNode",
    { ...claim, progress: [] },
    "params.progress: expected Object, got an array",
  ],
  ["a name that looks like an id", "RegisterTask", node({ name: id }), "a name that does not look like an id"],
  [
    "a task's name that looks like an id",
    "RegisterTask",
    { goal: "g", name: id.toUpperCase() },
    "does not look like an id",
  ],
  ["an empty name", "RegisterTask", node({ name: "" }), "params.initial_nodes.0.name: expected at least 1 character"],
  ["a name of more than 200 characters", "RegisterTask", node({ name: long }), "expected at most 200 characters"],
  ["an empty dependency", "RegisterTask", node({ dependencies: [""] }), "expected a node's id or name"],
  ["no attempt at all", "RegisterTask", node({ max_attempts: 0 }), "max_attempts: expected at least 1"],
  ["endless attempts", "RegisterTask", node({ max_attempts: 1e9 }), "max_attempts: expected at most 1000"],
  ["a negative number of lost leases", "RegisterTask", node({ max_lost_attempts: -1 }), "expected 0 or more"],
  ["a negative pause", "RegisterTask", node({ backoff_secs: -1 }), "backoff_secs: expected 0 or more"],
  ["a pause of more than a year", "RegisterTask", node({ backoff_secs: 31_536_001 }), "expected at most 31536000"],
  [
    "an unknown way with failed dependencies",
    "RegisterTask",
    node({ on_dependency_failure: "ignore" }),
    `"wait" | "skip" | "run"`,
  ],
  ["an absurd priority", "RegisterTask", node({ priority: 1e7 }), "priority: expected at most 1000000"],
  ["a delay of more than a year", "ReleaseNode", { ...claim, delay_secs: 1e9 }, "expected at most 31536000"],
  [
    "more than all of it done",
    "HeartbeatNode",
    { ...claim, progress: { percent: 101 } },
    "percent: expected at most 100",
  ],
  ["no nodes to add", "AddNodes", { task_id: id, nodes: [] }, "params.nodes: expected at least 1 node"],
  ["a cancellation without a reason", "CancelTask", { task_id: id }, "params.reason: expected string, got nothing"],
];

test.each(cases)("%s is refused by name, and nothing stored", (_, method, params, message) => {
  using service = new TestService();
  const { error } = service.client().ask(method, params);
  expect(error?.code).toBe(-32602);
  expect(error?.message).toContain(message);
  expect(service.store.reads.head.seq).toBe(0);
});

test("10,001 nodes are refused, and nothing stored", () => {
  using service = new TestService();
  const initial_nodes = Array.from({ length: 10_001 }, () => ({}));
  expect(service.client().refusal("RegisterTask", { goal: "g", initial_nodes })).toBe("LIMIT_EXCEEDED");
  expect(service.store.reads.totals.nodes.PENDING).toBe(0);
});

test("the refusal that docs/protocol.md shows is the one that is given", async () => {
  const page = await Bun.file(`${import.meta.dir}/../../docs/protocol.md`).text();
  const [, asked = "", answered = ""] =
    /^ {4}(\{"id":1,"method":"TaskStatus".*)\n {4}(\{"id":1,"error".*)$/m.exec(page) ?? [];
  using service = new TestService();
  const { error } = service.client().ask("TaskStatus", (JSON.parse(asked) as { params: { task_id: string } }).params);
  expect((JSON.parse(answered) as { error: unknown }).error).toMatchObject({ message: error?.message });
});
