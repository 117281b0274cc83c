import { counted } from "../text.ts";
import type { Result } from "../../protocol/methods.ts";
import { argument, argumentList, command, idempotencyKey, option, taskArg } from "../command.ts";
import { Failure } from "../exits.ts";
import { nodeCandidates, pickId, resolveNode, resolveTask } from "../ids.ts";
import { isSkipped, retriedText } from "../node/text.ts";
import type { Session } from "../session.ts";
import { dependenciesFirst } from "./tree.ts";
import { readInteger, readList } from "../values.ts";

export const cancel = command({
  args: {
    ...taskArg,
    reason: option("TEXT", "why, for people to read; workers learn it too"),
    ...idempotencyKey,
  },
  examples: [
    [`task cancel 0197f3a2 --reason "the goal has changed"`, "what has not ended is FAILED, and workers are refused"],
  ],
  notes: "A canceled task can be taken up again: agentd task retry TASK",
  async run({ task, reason = "", "idempotency-key": key }, session) {
    const task_id = await resolveTask(session, task);
    const done = await session.call("CancelTask", { task_id, reason }, key);
    const nodes = counted(done.canceled, "node");
    session.show(done, () => `canceled task ${task_id}: ${nodes} had not ended`);
  },
});

export const pause = command({
  args: { ...taskArg, ...idempotencyKey },
  examples: [["task pause 0197f3a2", "no more nodes are handed out; workers that have one continue"]],
  async run({ task, "idempotency-key": key }, session) {
    const task_id = await resolveTask(session, task);
    const done = await session.call("PauseTask", { task_id }, key);
    session.show(done, () => `paused task ${task_id}; workers keep the nodes they hold`);
    session.note(`next: agentd task resume ${task_id}`);
  },
});

export const resume = command({
  args: { ...taskArg, ...idempotencyKey },
  examples: [["task resume 0197f3a2", "hand out nodes of a paused task again"]],
  async run({ task, "idempotency-key": key }, session) {
    const task_id = await resolveTask(session, task);
    const done = await session.call("ResumeTask", { task_id }, key);
    session.show(done, () => `resumed task ${task_id}`);
  },
});

export const priority = command({
  args: {
    ...taskArg,
    priority: argument("a whole number, 0 by default; the higher goes first"),
    node: option("NODE", "set this node's priority in its task, not the task's"),
    ...idempotencyKey,
  },
  examples: [
    ["task priority 0197f3a2 10", "before other tasks, where a worker takes nodes of any"],
    ["task priority 0197f3a2 -1 --node docs", "after the task's other nodes"],
  ],
  async run({ task, priority: given, node, "idempotency-key": key }, session) {
    const wished = readInteger(given, "PRIORITY");
    const task_id = await resolveTask(session, task);
    const node_id = node === undefined ? undefined : await resolveNode(session, task_id, node);
    const done = await session.call("SetPriority", { task_id, node_id, priority: wished }, key);
    const what = node_id === undefined ? `task ${task_id}` : `node ${node_id}`;
    session.show(done, () => `${what} has priority ${wished}`);
  },
});

type Retried = Result<"RetryNode">;

export const retry = command({
  args: {
    ...taskArg,
    node: argumentList("FAILED nodes, by name or id (all of the task)"),
  },
  examples: [
    ["task retry 0197f3a2", "everything that FAILED, and so what was skipped because of it"],
    ["task retry 0197f3a2 grammar lexer", "these nodes only"],
  ],
  notes:
    "A node that is retried is PENDING again and has all its attempts. Dependencies come before what waits for them.",
  async run({ task, node }, session) {
    const task_id = await resolveTask(session, task);
    const retried = await retryNodes(session, task_id, readList(node));
    session.show(retried, () => retriedText(retried));
  },
});

/**
 * Retries the nodes given, or every FAILED one that was not skipped, so that none comes before what it was skipped for.
 * What was skipped follows by itself.
 */
async function retryNodes(session: Session, task_id: string, given: readonly string[]): Promise<Retried> {
  const { nodes } = await session.call("TaskStatus", { task_id });
  const failed = nodes.filter((node) => node.status === "FAILED" && !isSkipped(node)).map(({ id }) => id);
  const wanted = new Set(given.length > 0 ? given.map((each) => pickId(each, "node", nodeCandidates(nodes))) : failed);
  if (wanted.size === 0) throw new Failure("INVALID_STATE", `task ${task_id} has no FAILED node that could be retried`);
  const node_ids = new Set<string>();
  let seq = 0;
  for (const { id: node_id } of dependenciesFirst(nodes)) {
    if (!wanted.has(node_id) || node_ids.has(node_id)) continue;
    const retried = await session.call("RetryNode", { task_id, node_id });
    for (const id of retried.node_ids) node_ids.add(id);
    seq = retried.seq;
  }
  return { ok: true, node_ids: [...node_ids], seq };
}
