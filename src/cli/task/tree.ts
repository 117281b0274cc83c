import type { Result } from "../../protocol/methods.ts";
import { shortIds } from "../ids.ts";
import { nodeFacts, stateText, weightOf } from "../node/text.ts";
import { bold, countsText, dim, momentText, oneLine, statusText } from "../text.ts";
import { present } from "../../protocol/present.ts";

type Status = Result<"TaskStatus">;

type Node = Status["nodes"][number];

/** Levels drawn as rails; what lies deeper says how deep instead, so that a chain of thousands stays readable. */
const depthDrawnMax = 24;

/** What is said instead of an empty list of tasks. */
export const noTasks = "no tasks; register one with: agentd task register FILE";

/** A task for people: its goal, state and counts, then its nodes as a tree. `now` in unix seconds. */
export function taskText(status: Status, now: number): string {
  const { task, state, counts, nodes } = status;
  const registered = `registered ${momentText(Date.parse(task.created_at) / 1000)}`;
  return [
    [...(task.name === null ? [] : [bold(oneLine(task.name, 200))]), bold(oneLine(task.goal, 200))].join("  "),
    [`${task.id}  ${stateText(state, task)}: ${countsText(counts)}`, registered, ...weightOf(task)].join(", "),
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
  /** As much of an id as tells it apart. */
  idOf: (id: string) => string;
  /** The name of the node with this id, or its shortened id where it has none. */
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
  const short = shortIds(nodes.map(({ id }) => id));
  const idOf = (id: string) => short.get(id) ?? id;
  const names = new Map(nodes.map(({ id, name }) => [id, name === null ? idOf(id) : oneLine(name, 40)]));
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
  return { rows, idOf, nameOf: (id) => names.get(id) ?? id };
}

/** One row of a tree as text. `now` in unix seconds. */
export function treeLine({ rails: before, node, above }: TreeRow, { idOf, nameOf }: Tree, now: number): string {
  if (above) return `${before}${dim(`${nameOf(node.id)} (above)`)}`;
  const others = node.dependencies.length > 1 ? [dim(`after ${node.dependencies.length} nodes`)] : [];
  const facts = [bold(idOf(node.id)), statusText(node.status), ...nodeFacts(node, nameOf, now), ...others];
  return `${before}${facts.join("  ")}`;
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
  const indent = parent === undefined ? "" : indentUnder(parent);
  return nodes
    .map((node, index) => ({
      node,
      depth,
      last: index === nodes.length - 1,
      indent,
    }))
    .toReversed();
}

function indentUnder({ depth, indent, last }: Branch): string {
  if (depth === 0 || depth >= depthDrawnMax) return indent;
  return `${indent}${last ? "   " : "│  "}`;
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

/** Nodes so that every dependency comes before what waits for it. */
export function dependenciesFirst(nodes: readonly Node[]): Node[] {
  const waiting = dependents(nodes);
  const left = new Map(nodes.map(({ id, dependencies }) => [id, dependencies.length]));
  const order = nodes.filter(({ dependencies }) => dependencies.length === 0);
  for (const { id } of order) {
    for (const node of waiting.get(id) ?? []) {
      const count = present(left.get(node.id), "the count of a node's dependencies") - 1;
      left.set(node.id, count);
      if (count === 0) order.push(node);
    }
  }
  return order;
}
