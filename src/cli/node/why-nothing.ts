import type { Result } from "../../protocol/methods.ts";
import { partyText } from "../lock/text.ts";
import type { Session } from "../session.ts";
import { countsText, oneLine } from "../text.ts";
import type { NodeChoice } from "./choice.ts";
import { labelOf, waitText } from "./text.ts";

type Status = Result<"TaskStatus">;
type Node = Status["nodes"][number];

const nodesShown = 3;

/** Why a worker gets none of the nodes it would take, for people: what keeps the first few, and what to do. */
export async function whyNothing(session: Session, { task_id, labels }: NodeChoice): Promise<string> {
  const nothing = `nothing ${labels !== undefined ? "with these labels " : ""}is runnable now`;
  if (task_id === undefined) return `${nothing}; try again later, or look: agentd task list --state ACTIVE`;
  const status = await session.call("TaskStatus", { task_id });
  const pending = status.nodes.filter((node) => node.status === "PENDING" && hasLabels(node, labels));
  const kept = pending.filter((node) => isString(node.held_back_by) || waitText(node, String, nowSecs()) !== "");
  const nameOf = (id: string) => status.nodes.find((node) => node.id === id)?.name ?? id;
  const lines = await Promise.all(kept.slice(0, nodesShown).map((node) => keptLine(session, node, nameOf)));
  const head = `${nothing} (${countsText(status.counts)})`;
  const advice = adviceOn(status, pending);
  return lines.length === 0 ? `${head}; ${advice}` : [head, ...lines, advice].join("\n");
}

const hasLabels = (node: Node, labels: NodeChoice["labels"] = {}) =>
  Object.entries(labels).every(([name, value]) => node.labels[name] === value);

const nowSecs = () => Date.now() / 1000;
const isString = (value: unknown): value is string => typeof value === "string";

async function keptLine(session: Session, node: Node, nameOf: (id: string) => string): Promise<string> {
  const name = labelOf(node) || node.id;
  if (!isString(node.held_back_by)) return `  ${name}  ${waitText(node, nameOf, nowSecs())}`;
  const { locks } = await session.call("ListResourceLocks", { lease_id: node.held_back_by });
  const [holder] = locks;
  if (holder === undefined) return `  ${name} is held back by locks that have ended since`;
  const keys = locks.map(({ resource_key: key }) => oneLine(key, 80)).join(", ");
  return `  ${name} is held back by ${partyText(holder.owner, holder.provider)}, who holds ${keys}`;
}

/** An original's nodes have no `blocked_by`. */
const isBlocked = ({ blocked_by: blockers = [] }: Partial<Node>) => blockers.length > 0;

function adviceOn({ task, state, nodes }: Status, pending: readonly Node[]): string {
  if (state !== "ACTIVE") return `the task is ${state}`;
  if (task.paused) return `the task is paused, go on with: agentd task resume ${task.id}`;
  if (pending.length === 0 && nodes.some(({ status }) => status === "PENDING"))
    return `no PENDING node has these labels; see: agentd task status ${task.id}`;
  if (pending.some(isBlocked)) return `run what FAILED again with: agentd task retry ${task.id}`;
  return `try again later, or look: agentd task status ${task.id}`;
}
