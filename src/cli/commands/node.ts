import { type AcquiredNode, oneNode } from "../../protocol/methods/nodes.ts";
import { command, idempotencyKey, leaseArg, nodeArg, taskArg } from "../command.ts";
import { resolveLease, resolveNode, resolveTask } from "../ids.ts";
import type { Session } from "../session.ts";
import { bold, columns, countsText, dim, momentText, oneLine, spanText } from "../text.ts";
import { readDuration, readJson, readTtl } from "../values.ts";

const leaseTime = {
  ttl: {
    type: "string",
    valueHint: "TIME",
    description: "how long the lease runs without a heartbeat, such as 90s or 5m",
  },
} as const;

const leased = { ...taskArg, ...nodeArg, ...leaseArg };

export const acquire = command({
  args: {
    ...taskArg,
    owner: { type: "string", valueHint: "NAME", description: "who will hold it (anonymous)" },
    wait: { type: "string", valueHint: "TIME", description: "how long to wait until one is runnable (0, at most 10m)" },
    ...leaseTime,
    ...idempotencyKey,
  },
  examples: [
    ["node acquire 0197f3a2 --owner codex-1", "take the next runnable node"],
    ["node acquire 0197f3a2 --wait 5m --ttl 10m", "wait for one, and hold it for ten minutes at a time"],
    ["node acquire 0197f3a2 --json", "with all its context, for a program"],
  ],
  notes: "Exit status 3 when nothing is runnable now. Waiting ends at once when the task can offer nothing any more.",
  async run({ task, owner, wait, ttl, "idempotency-key": key }, session) {
    const wait_ms = wait === undefined ? 0 : readDuration(wait, "wait") * 1000;
    const ttl_secs = readTtl(ttl);
    const task_id = await resolveTask(session, task);
    const node = oneNode(
      await session.call("AcquireNextNode", { task_id, lease_owner: owner, wait_ms, ttl_secs }, key),
    );
    if (node === null) return nothingRunnable(session, task_id);
    session.show(node, () => acquiredText(node));
    return 0;
  },
});

export const heartbeat = command({
  args: { ...leased, ...leaseTime, ...idempotencyKey },
  examples: [["node heartbeat 0197f3a2 6f1a8a5e b1c9d7e2", "at least every third of the lease's time"]],
  async run(args, session) {
    const ttl_secs = readTtl(args.ttl);
    const ids = await resolveLeased(session, args);
    const kept = await session.call("HeartbeatNode", { ...ids, ttl_secs }, args["idempotency-key"]);
    session.show(kept, () => `kept until ${momentText(kept.lease_expires_at)}`);
  },
});

export const complete = command({
  args: {
    ...leased,
    result: { type: "string", valueHint: "JSON|-|@FILE", description: "what the node produced ({})" },
    ...idempotencyKey,
  },
  examples: [
    [`node complete 0197f3a2 6f1a8a5e b1c9d7e2 --result '{"files":["a.rs"]}'`, "with a result for the nodes after it"],
    ["node complete 0197f3a2 6f1a8a5e b1c9d7e2 --result -", "with a result from standard input"],
  ],
  async run(args, session) {
    const result_payload = await readJson(args.result ?? "{}", "--result");
    const ids = await resolveLeased(session, args);
    const done = await session.call("CompleteNode", { ...ids, result_payload }, args["idempotency-key"]);
    session.show(done, () => `completed node ${ids.node_id}`);
  },
});

export const fail = command({
  args: {
    ...leased,
    error: { type: "string", required: true, valueHint: "JSON|-|@FILE", description: "what went wrong" },
    ...idempotencyKey,
  },
  examples: [[`node fail 0197f3a2 6f1a8a5e b1c9d7e2 --error '"tests fail"'`, "give up; what waits for it is blocked"]],
  async run(args, session) {
    const error_payload = await readJson(args.error, "--error");
    const ids = await resolveLeased(session, args);
    const done = await session.call("FailNode", { ...ids, error_payload }, args["idempotency-key"]);
    session.show(done, () => `failed node ${ids.node_id}; see what it blocks: agentd task status ${ids.task_id}`);
  },
});

async function resolveLeased(session: Session, given: { task: string; node: string; lease: string }) {
  const task_id = await resolveTask(session, given.task);
  const node_id = await resolveNode(session, task_id, given.node);
  return { task_id, node_id, lease_id: await resolveLease(session, task_id, given.lease) };
}

async function nothingRunnable(session: Session, task_id: string): Promise<3> {
  if (session.globals.json) {
    session.show(null, () => "");
    return 3;
  }
  const { state, counts } = await session.call("TaskStatus", { task_id });
  const next = state === "ACTIVE" ? `try again later, or look: agentd task status ${task_id}` : `the task is ${state}`;
  session.note(`nothing is runnable now (${countsText(counts)}); ${next}`);
  return 3;
}

function acquiredText(node: AcquiredNode): string {
  const { task_id, node_id, lease_id, context } = node;
  const left = spanText(node.lease_expires_at - Date.now() / 1000);
  const facts = columns([
    ["  goal", oneLine(context.task.goal, 100)],
    ["  payload", oneLine(JSON.stringify(context.node.payload_schema), 100)],
    ...context.completed_dependencies.map(({ node_id: id, result_payload: result }) => [
      "  after",
      `${id} ${oneLine(JSON.stringify(result), 60)}`,
    ]),
    ["  lease", `${lease_id}, until ${momentText(node.lease_expires_at)} (${left})`],
  ]);
  return [
    `acquired node ${bold(node_id)}`,
    ...facts,
    dim(`next: agentd node heartbeat ${task_id} ${node_id} ${lease_id}`),
    dim(`      agentd node complete ${task_id} ${node_id} ${lease_id} --result '{}'`),
  ].join("\n");
}
