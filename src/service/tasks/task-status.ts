import { blockedBy } from "../../core/dag/dag.ts";
import { refuse } from "../../core/decision.ts";
import type { Node } from "../../core/model.ts";
import { limits } from "../../protocol/limits.ts";
import type { Params, Result } from "../../protocol/methods.ts";
import type { Context, Handlers } from "../handler.ts";
import { noNode, noTask } from "./tasks.ts";
import { inTurns } from "../turn/time-budget.ts";
import { attemptViews, nodeStatusView, taskView } from "../views.ts";

export const taskStatusHandlers = {
  TaskStatus(params, context) {
    const { reads } = context;
    const { task_id: taskId, node_id: nodeId = null } = params;
    const task = reads.tasks.find(taskId);
    const summary = reads.tasks.summary(taskId);
    if (task === null || summary === null) return noTask(taskId);
    const one = nodeId === null ? null : reads.nodes.find(nodeId);
    if (nodeId !== null && one?.taskId !== taskId) return noNode(taskId, nodeId);
    const bytes = one === null ? reads.nodes.payloadBytes(taskId) : 0;
    if (bytes > limits.statusBytesMax) return tooLarge(taskId, bytes);
    // All is of this moment, however many turns it takes to tell it.
    const wanted = one === null ? reads.nodes.ofTask(taskId) : [one];
    const { state, counts } = summary;
    const told: Told = { nodes: [], errorChars: 0 };
    const fits = () => told.errorChars <= limits.statusBytesMax;
    const answer = { task: taskView(task), state, counts, nodes: told.nodes };
    const reply = () => (fits() ? answer : tooLarge(taskId, told.errorChars));
    return inTurns(tellNodes(wanted, told, params, context), fits, reply, context);
  },
} satisfies Partial<Handlers>;

interface Told {
  nodes: Result<"TaskStatus">["nodes"];
  /** What the errors of attempts take. */
  errorChars: number;
}

const attemptsTold = { rows: limits.attemptsShownMax, chars: limits.pageCharsMax };

/** Adds what is told of each node, and pauses after it. */
function* tellNodes(
  wanted: Iterable<Node>,
  told: Told,
  { task_id: taskId, attempts }: Params<"TaskStatus">,
  { reads }: Context,
): Generator<void, void, void> {
  const now = reads.head.seq;
  // Whom a node waits behind shows in the whole DAG only; one that does not wait has no need of it.
  const waits = Array.isArray(wanted) ? wanted.some(({ status }) => status === "PENDING") : true;
  const blocked = yield* blockedBy(waits ? reads.dag.of(taskId) : []);
  for (const node of wanted) {
    const view = nodeStatusView(node, blocked.get(node.id) ?? []);
    if (attempts) {
      // What has ended meanwhile runs, and what has begun does not exist.
      const ended = reads.nodes.attempts(node.id, node.lease?.fencingToken ?? now + 1, attemptsTold);
      for (const { error } of ended) told.errorChars += error === null ? 0 : JSON.stringify(error).length;
      told.nodes.push({ ...view, attempts: attemptViews(ended, node) });
    } else told.nodes.push(view);
    yield;
  }
}

function tooLarge(taskId: string, got: number) {
  const max = limits.statusBytesMax;
  const message = `what task ${taskId} has of payloads, results and errors takes ${got} bytes and the limit of one answer is ${max}; ask for its nodes one by one with node_id`;
  return refuse("LIMIT_EXCEEDED", message, { limit: "status_bytes_max", max, got, task_id: taskId });
}
