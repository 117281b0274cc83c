import type { Json } from "../../../src/protocol/json.ts";
import { distinct, keyPayload, type ModelKey, modelKey } from "./keys.ts";
import type { ModelState } from "./state.ts";
import { type ModelNode, type ModelTask, type Params, Refused, text } from "./views.ts";

/* How nodes come to a task, and how they wait for each other. */

type Edges = Pick<ModelNode, "id" | "dependencies">;

/**
 * The nodes a call asks for, checked among themselves and against what the task has; `expanded` are its nodes that are
 * to wait for the new ones.
 */
export function newNodes(
  state: ModelState,
  task: ModelTask,
  wanted: Params[],
  expandBefore: readonly string[] = [],
): { added: ModelNode[]; expanded: ModelNode[] } {
  const added = wanted.map((params, index) => newNode(state.now, task, params, index));
  const all = [...task.nodes, ...added];
  const names = all.flatMap(({ name }) => name ?? []);
  if (new Set(names).size < names.length) throw new Refused("DUPLICATE_ID");
  const idOf = (ref: string) => all.find(({ id, name }) => name === ref || id === ref)?.id;
  for (const node of added) {
    node.dependencies = node.dependencies.map((ref) => {
      const id = idOf(ref);
      if (id === undefined) throw new Refused("UNKNOWN_DEPENDENCY");
      return id;
    });
  }
  const expanded = expandBefore.map((ref) => {
    const node = task.nodes.find(({ id, name }) => name === ref || id === ref);
    if (node === undefined) throw new Refused("NOT_FOUND");
    if (node.status !== "PENDING") throw new Refused("INVALID_STATE");
    return node;
  });
  const ids = added.map(({ id }) => id);
  if (new Set(ids).size < ids.length) throw new Refused("DUPLICATE_ID");
  if (hasCycle([...added, ...task.nodes.map((node) => (expanded.includes(node) ? behind(node, ids) : node))])) {
    throw new Refused("CYCLE");
  }
  if (ids.some((id) => state.nodes.has(id))) throw new Refused("DUPLICATE_ID");
  nameTheUnnamed(state, added);
  return { added, expanded: [...new Set(expanded)] };
}

/** Gives the ids that the service made to the nodes which were sent without one. */
function nameTheUnnamed({ journal }: ModelState, added: readonly ModelNode[]): void {
  for (const [index, node] of added.entries()) {
    if (!isPlaceholder(node.id)) continue;
    const placeholder = node.id;
    node.id = journal.fresh(({ payload }) => ((payload as Params).nodes as Params[])[index]?.id);
    for (const other of added) {
      other.dependencies = other.dependencies.map((id) => (id === placeholder ? node.id : id));
    }
  }
}

const isPlaceholder = (id: string) => id.startsWith("#");

/** Adds the nodes to the task, and makes those wait for them that are to. */
export function insert(state: ModelState, task: ModelTask, added: ModelNode[], expanded: ModelNode[] = []): void {
  for (const node of added) state.nodes.set(node.id, node);
  task.nodes.push(...added);
  for (const node of expanded)
    node.dependencies = behind(
      node,
      added.map(({ id }) => id),
    ).dependencies;
}

const behind = ({ id, dependencies }: ModelNode, ids: string[]): Edges => ({
  id,
  dependencies: [...dependencies, ...ids],
});

function newNode(nowMs: number, task: ModelTask, params: Params, index: number): ModelNode {
  return {
    id: text(params.id) || `#${index}`,
    task,
    name: text(params.name) || null,
    labels: (params.labels ?? {}) as Params,
    priority: Number(params.priority ?? 0),
    dependencies: (params.dependencies ?? []) as string[],
    schema: params.payload_schema ?? {},
    attemptsMax: Number(params.max_attempts ?? 1),
    lostMax: (params.max_lost_attempts ?? null) as number | null,
    backoffSecs: Number(params.backoff_secs ?? 0),
    backoffMaxSecs: Number(params.backoff_max_secs ?? 3_600),
    ttlSecs: (params.ttl_secs ?? null) as number | null,
    resources: distinct(((params.resources ?? []) as Params[]).map(modelKey)),
    onDependencyFailure: (params.on_dependency_failure ?? "wait") as ModelNode["onDependencyFailure"],
    status: "PENDING",
    lease: null,
    progress: null,
    result: null,
    acquired: null,
    notBefore: null,
    updated: nowMs,
    failedAttempts: 0,
    lostAttempts: 0,
    attempts: [],
    endedBy: null,
  };
}

/** What the journal says of a node: beside what the original knew, only what is not the default. */
export function nodePayload(node: ModelNode): Json {
  const told: Json = {
    ...calledAndLabelled(node),
    ...unless(node.attemptsMax, 1, "max_attempts"),
    ...unless(node.lostMax, null, "max_lost_attempts"),
    ...unless(node.backoffSecs * 1000, 0, "backoff_ms"),
    ...unless(node.backoffMaxSecs * 1000, 3_600_000, "backoff_max_ms"),
    ...unless(node.ttlSecs === null ? null : node.ttlSecs * 1000, null, "ttl_ms"),
    ...unless(node.onDependencyFailure, "wait", "on_dependency_failure"),
    ...(node.resources.length > 0 && { resources: node.resources.map(resourcePayload) }),
  };
  return { id: node.id, dependencies: [...node.dependencies], payload_schema: node.schema, ...told };
}

const resourcePayload = (key: ModelKey) => ({ ...keyPayload(key), ...unless(key.mode, "exclusive", "mode") });

/** What nodes and tasks have in common, as far as it is not the default. */
export function calledAndLabelled({ name, labels, priority }: { name: Json; labels: Params; priority: Json }): Params {
  const labelled = Object.keys(labels).length === 0 ? {} : { labels };
  return { ...unless(name, null, "name"), ...labelled, ...unless(priority, 0, "priority") };
}

const unless = (value: Json, otherwise: Json, name: string): Params => (value === otherwise ? {} : { [name]: value });

/** Takes away nodes that wait for nobody, again and again: what is left stands in or behind a cycle. */
function hasCycle(nodes: readonly Edges[]): boolean {
  let left = [...nodes];
  for (;;) {
    const ids = new Set(left.map(({ id }) => id));
    const waiting = left.filter(({ dependencies }) => dependencies.some((id) => ids.has(id)));
    if (waiting.length === left.length) return left.length > 0;
    left = waiting;
  }
}

/** The failed nodes a PENDING one waits behind, directly or not. */
export function blockedBy(state: ModelState, node: ModelNode): string[] {
  if (node.status !== "PENDING") return [];
  const failed = state.dependenciesOf(node).flatMap((dependency) => {
    if (dependency.status !== "FAILED") return blockedBy(state, dependency);
    return node.onDependencyFailure === "run" ? [] : [dependency.id];
  });
  return [...new Set(failed)];
}
