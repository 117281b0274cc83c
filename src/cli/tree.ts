import type { Result } from "../protocol/methods.ts";
import { shortIds } from "./ids.ts";
import { bold, countsText, dim, momentText, oneLine, red, spanText, statusText } from "./text.ts";

type Status = Result<"TaskStatus">;

type Node = Status["nodes"][number];

/** Levels drawn as rails; what lies deeper says how deep instead, so that a chain of thousands stays readable. */
const depthDrawnMax = 24;
const labelKeys = ["name", "title", "prompt"];

/** What is said instead of an empty list of tasks. */
export const noTasks = "no tasks; register one with: agentd task register FILE";

/** A task for people: its goal, state and counts, then its nodes as a tree. `now` in unix seconds. */
export function taskText(status: Status, now: number): string {
  const { task, state, counts, nodes } = status;
  return [
    bold(oneLine(task.goal, 200)),
    `${task.id}  ${statusText(state)}: ${countsText(counts)}, registered ${momentText(Date.parse(task.created_at) / 1000)}`,
    ...(nodes.length === 0 ? [] : ["", ...treeLines(nodes, now)]),
  ].join("\n");
}

/** The DAG as a tree, a line for each row of it. */
export function treeLines(nodes: readonly Node[], now: number): string[] {
  const tree = drawTree(nodes);
  return tree.rows.map((row) => treeLine(row, tree, now));
}

/** A drawn tree: its rows, and what its nodes are called. */
export interface Tree {
  rows: readonly TreeRow[];
  nameOf: (id: string) => string;
}

/** A row of the tree: a node behind its rails, or one that was drawn above. */
export interface TreeRow {
  rails: string;
  node: Node;
  above: boolean;
}

/**
 * Lays the DAG out, from nodes without dependencies down to those that wait for them. A node with several
 * dependencies is drawn under the first that reaches it and referred to under the others.
 */
export function drawTree(nodes: readonly Node[]): Tree {
  const names = shortIds(nodes.map(({ id }) => id));
  const waiting = dependents(nodes);
  const drawn = new Set<string>();
  const rows: TreeRow[] = [];
  // A stack instead of recursion: a chain may be as long as a task has nodes.
  const stack: Branch[] = asBranches(nodes.filter((node) => node.dependencies.length === 0));
  for (let branch = stack.pop(); branch !== undefined; branch = stack.pop()) {
    const { node } = branch;
    const above = drawn.has(node.id);
    rows.push({ rails: rails(branch), node, above });
    if (above) continue;
    drawn.add(node.id);
    stack.push(...asBranches(waiting.get(node.id) ?? [], branch));
  }
  return { rows, nameOf: (id) => names.get(id) ?? id };
}

/** One row of a tree as text. `now` in unix seconds. */
export function treeLine({ rails: before, node, above }: TreeRow, { nameOf }: Tree, now: number): string {
  return `${before}${above ? dim(`${nameOf(node.id)} (above)`) : nodeText(node, nameOf, now)}`;
}

interface Branch {
  node: Node;
  /** What stands left of this node's own rail, cut at the deepest level drawn. */
  indent: string;
  last: boolean;
  depth: number;
}

/** Siblings as branches, the first on top of the stack. */
function asBranches(nodes: readonly Node[], parent?: Branch): Branch[] {
  const depth = parent === undefined ? 0 : parent.depth + 1;
  const deep = depth > depthDrawnMax;
  const indent = parent === undefined || parent.depth === 0 ? "" : `${parent.indent}${parent.last ? "   " : "│  "}`;
  return nodes
    .map((node, index) => ({
      node,
      depth,
      last: index === nodes.length - 1,
      indent: deep ? (parent?.indent ?? "") : indent,
    }))
    .toReversed();
}

function rails({ indent, last, depth }: Branch): string {
  if (depth === 0) return "";
  return depth > depthDrawnMax ? `${indent}⋯ level ${depth}: ` : `${indent}${last ? "└─ " : "├─ "}`;
}

function dependents(nodes: readonly Node[]): Map<string, Node[]> {
  const waiting = new Map<string, Node[]>();
  for (const node of nodes) {
    for (const id of node.dependencies) {
      const others = waiting.get(id);
      if (others === undefined) waiting.set(id, [node]);
      else others.push(node);
    }
  }
  return waiting;
}

function nodeText(node: Node, nameOf: (id: string) => string, now: number): string {
  const others = node.dependencies.length > 1 ? dim(`  after ${node.dependencies.length} nodes`) : "";
  const shown = [labelOf(node), progressOf(node)]
    .filter((text) => text !== "")
    .map((text) => `  ${text}`)
    .join("");
  return `${bold(nameOf(node.id))}  ${statusText(node.status)}${shown}${holderText(node, now)}${blockedText(node, nameOf)}${others}`;
}

function holderText(node: Node, now: number): string {
  if (node.status !== "RUNNING" || node.acquired_at === null || node.lease_expires_at === null) return "";
  const since = `${momentText(node.acquired_at).slice(11)} (${spanText(now - node.acquired_at)})`;
  const left = node.lease_expires_at - now;
  const lease = left > 0 ? `lease ends in ${spanText(left)}` : red("lease expired");
  return `  ${oneLine(node.lease_owner ?? "anonymous", 40)} since ${since}, ${lease}`;
}

/** An original's nodes have no `blocked_by`. */
function blockedText(node: Partial<Node>, nameOf: (id: string) => string): string {
  const blockers = node.blocked_by ?? [];
  if (blockers.length === 0) return "";
  const more = blockers.length > 3 ? ` and ${blockers.length - 3} more` : "";
  return red(`  blocked by ${blockers.slice(0, 3).map(nameOf).join(", ")}${more}`);
}

/** What a node is called by its name or payload, in one line; empty when by neither. */
export function labelOf({ name, payload_schema: payload }: Pick<Node, "name" | "payload_schema">): string {
  const fields = typeof payload === "object" && payload !== null ? (payload as Readonly<Record<string, unknown>>) : {};
  const label = [name, ...labelKeys.map((key) => fields[key])].find((value) => typeof value === "string");
  return typeof label === "string" ? oneLine(label, 40) : "";
}

/** How far its worker says it is: `40% lexing`; empty where nothing is said or running. */
export function progressOf({ status, progress }: Pick<Node, "status" | "progress">): string {
  if (status !== "RUNNING") return "";
  const { percent, message } = progress ?? {};
  return [typeof percent === "number" ? `${percent}%` : "", oneLine(message ?? "", 60)]
    .filter((text) => text !== "")
    .join(" ");
}
