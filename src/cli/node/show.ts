import type { Result } from "../../protocol/methods.ts";
import { command, nodeArg, taskArg } from "../command.ts";
import { Failure } from "../exits.ts";
import { resolveNode, resolveTask } from "../ids.ts";
import { nodeFacts } from "./text.ts";
import { type Column, bold, columns, dim, momentText, oneLine, spanText, statusText, table, yellow } from "../text.ts";

type Status = Result<"TaskStatus">;
type Node = Status["nodes"][number];
type Attempt = NonNullable<Node["attempts"]>[number];

export const show = command({
  args: { ...taskArg, ...nodeArg },
  examples: [
    ["node show 0197f3a2 parser", "its payload, how it may be tried, and every attempt at it"],
    ["node show 0197f3a2 parser --get result_payload", "its result, or the error it FAILED with"],
  ],
  async run({ task, node: given }, session) {
    const task_id = await resolveTask(session, task);
    const node_id = await resolveNode(session, task_id, given);
    const answer = await session.call("TaskStatus", { task_id, node_id, attempts: true });
    const [node] = answer.nodes;
    if (node === undefined) throw new Failure("NOT_FOUND", `task ${task_id} has no node ${node_id}`);
    session.show(node, () => nodeText(node, answer.task, Date.now() / 1000));
  },
});

function nodeText(node: Node, task: Status["task"], now: number): string {
  const headline = [bold(node.id), statusText(node.status), ...nodeFacts(node, (id) => id, now)];
  const facts = [
    ["task", `${task.id}  ${oneLine(task.name ?? task.goal, 100)}${task.paused ? `  ${yellow("PAUSED")}` : ""}`],
    ["payload", valueText(node.payload_schema)],
    ...(node.result_payload === null
      ? []
      : [[node.status === "FAILED" ? "error" : "result", valueText(node.result_payload)]]),
    ...node.dependencies.map((id, index) => [index === 0 ? "after" : "", id]),
    ...(node.dependencies.length === 0 ? [] : [["", onDependencyFailure[node.on_dependency_failure]]]),
    ...node.resources.map((resource, index) => [index === 0 ? "needs" : "", resourceText(resource)]),
    ["attempts", attemptsAllowed(node)],
    ["lease time", node.ttl_secs === null ? "the daemon's node timeout" : spanText(node.ttl_secs)],
    ["lost leases", lossesAllowed(node)],
    ["changed", momentText(node.updated_at)],
  ];
  return [
    headline.join("  "),
    ...columns(facts.map(([name = "", value = ""]) => [`  ${dim(name)}`, value])),
    "",
    table(node.attempts ?? [], attemptShape(now * 1000), "no attempts yet"),
  ].join("\n");
}

const onDependencyFailure = {
  wait: "waits when one of these is FAILED, until that is retried",
  skip: "is skipped when one of these is FAILED",
  run: "runs once these have ended, also when one is FAILED",
} as const satisfies Record<Node["on_dependency_failure"], string>;

function resourceText({ resource_key: key, mode, scope }: Node["resources"][number]): string {
  const sharing = mode === "shared" ? ", shared" : "";
  return `${oneLine(key, 200)}${sharing}${scope === null ? "" : `, in ${oneLine(scope, 100)}`}`;
}

function attemptsAllowed({ max_attempts: max, backoff_secs: first, backoff_max_secs: longest }: Node): string {
  if (max === 1) return "1";
  if (first === 0) return `up to ${max}`;
  const doubled = first < longest ? `, doubled up to ${spanText(longest)}` : "";
  return `up to ${max}, with pauses of up to ${spanText(Math.min(first, longest))}${doubled}`;
}

function lossesAllowed({ max_lost_attempts: max }: Node): string {
  if (max === null) return "as many as the daemon allows";
  return max === 0 ? "any number" : `FAILED with number ${max}`;
}

const attemptShape = (nowMs: number): Column<Attempt>[] => [
  ["#", (_attempt, index) => String(index + 1)],
  ["OWNER", (attempt) => oneLine(attempt.lease_owner ?? "anonymous", 40)],
  ["STARTED", (attempt) => momentText(attempt.started_at_ms / 1000)],
  ["LENGTH", (attempt) => spanText(((attempt.ended_at_ms ?? nowMs) - attempt.started_at_ms) / 1000)],
  ["OUTCOME", ({ outcome }) => statusText(outcome ?? "RUNNING")],
  ["ERROR", ({ error_payload: error }) => (error === null ? "" : oneLine(JSON.stringify(error), 80)), { gives: true }],
];

function valueText(value: unknown): string {
  return oneLine(JSON.stringify(value), 300);
}
