import fc from "fast-check";
import type { Json } from "../../../src/protocol/json.ts";
import { someResources } from "./lock-wishes.ts";
import type { ModelState } from "./state.ts";
import type { ModelTask, Params } from "./views.ts";
import { claim, given, type Known, nobody, nodeOf, often, pick, seldom, taskId, type Wish, wishFor } from "./wishes.ts";

/* What those ask for who plan the work: tasks, their nodes, and how both are steered. */

export const someLabels = fc.constantFrom<Params>({}, { l: "a" }, { l: "b" }, { m: "x" }, { l: "a", m: "x" });

const policy = fc.constantFrom<Params>(
  {},
  { max_attempts: 2 },
  { max_attempts: 3, backoff_secs: 1 },
  { max_attempts: 5, backoff_secs: 2, backoff_max_secs: 3 },
  { max_lost_attempts: 1 },
  { max_lost_attempts: 0, max_attempts: 2 },
  { ttl_secs: 1 },
  { ttl_secs: 6, backoff_secs: 3 },
);

/** A node of a call, before it is known what it can depend on. */
const draft = fc.record({
  dependencies: fc.array(fc.nat(9), { maxLength: 3 }),
  named: fc.boolean(),
  /** Whether the service is to make its id. */
  anonymous: seldom(fc.constant(true)),
  labels: often(someLabels),
  priority: often(fc.integer({ min: -1, max: 1 })),
  policy: fc.oneof(fc.constant<Params>({}), policy),
  on_dependency_failure: often(fc.constantFrom("wait", "skip", "run")),
  resources: seldom(someResources),
});
type Draft = typeof draft extends fc.Arbitrary<infer T> ? T : never;

/** A node as it is sent, and how others of the call refer to it. */
function write(drawn: Draft, known: Known) {
  const { named, anonymous, labels, priority, policy: its, on_dependency_failure, resources } = drawn;
  const id = known.newNodeId();
  const name = named || anonymous === true ? `node ${id.slice(-4)}` : undefined;
  const node = given({
    id: anonymous === true ? undefined : id,
    name,
    labels,
    priority,
    on_dependency_failure,
    resources,
    ...its,
  });
  return { ref: name ?? id, node: { ...node, payload_schema: { id } } as Params };
}

/** Each new node depends on earlier ones and on what `before` names, so that there is no cycle unless one is wanted. */
function writeAll(drafts: readonly Draft[], before: readonly string[], known: Known): Params[] {
  const refs = [...before];
  return drafts.map((drawn) => {
    const { ref, node } = write(drawn, known);
    const dependencies = drawn.dependencies.flatMap((n) => pick(refs, n) ?? []);
    refs.push(ref);
    return { ...node, dependencies };
  });
}

const faults = ["self", "cycle", "unknown", "no such name", "twice", "name twice", "taken"] as const;
type Fault = (typeof faults)[number];

/** Spoils a call in one way, as far as it has nodes to be spoiled. */
function spoil(nodes: Params[], fault: Fault | undefined, model: ModelState, n: number): void {
  const [first, last] = [nodes[0], nodes.at(-1)];
  if (first === undefined || last === undefined || fault === undefined) return;
  const depend = (node: Params, ref: Json | undefined) => (node.dependencies as Json[]).push(ref ?? nobody);
  const refTo = (node: Params) => node.name ?? node.id;
  if (fault === "self") depend(last, refTo(last));
  if (fault === "unknown") depend(last, nobody);
  if (fault === "no such name") depend(last, "no such name");
  if (fault === "twice") nodes.push({ ...first });
  if (fault === "name twice")
    nodes.push({ name: "n", dependencies: [] }, { name: first.name ?? "n", dependencies: [] });
  if (fault === "taken") Object.assign(last, { id: pick([...model.nodes.keys()], n) ?? nobody, dependencies: [] });
  if (fault === "cycle") {
    depend(first, refTo(last));
    depend(last, refTo(first));
  }
}

const register = fc
  .record({
    drafts: fc.array(draft, { maxLength: 6 }),
    fault: seldom(fc.constantFrom(...faults)),
    about: fc.record({
      name: seldom(fc.constant("a task")),
      labels: seldom(someLabels),
      priority: often(fc.integer({ min: -1, max: 1 })),
      policy: seldom(fc.constantFrom<Params>({ require_intent: true }, { require_bundle: true })),
    }),
    n: fc.nat(),
  })
  .map(({ drafts, fault, about, n }): Wish => ({
    name: `RegisterTask ${JSON.stringify(drafts)} ${fault ?? ""} ${JSON.stringify(about)}`,
    resolve(model, known) {
      const initial_nodes = writeAll(drafts, [], known);
      spoil(initial_nodes, fault, model, n);
      return { method: "RegisterTask", params: { goal: "g", context: { n }, ...given(about), initial_nodes } };
    },
  }));

/** The nodes of a task as a call may name them: by id, or by name where they have one. */
const refsOf = (task: ModelTask | undefined, n: number) =>
  (task?.nodes ?? []).map(({ id, name }, index) => ((n + index) % 2 === 0 ? (name ?? id) : id));

const add = fc
  .record({
    drafts: fc.array(draft, { minLength: 1, maxLength: 3 }),
    fault: seldom(fc.constantFrom(...faults)),
    expand: fc.array(fc.nat(9), { maxLength: 2 }),
    leased: seldom(fc.nat()),
    n: fc.nat(),
  })
  .map(({ drafts, fault, expand, leased, n }): Wish => ({
    name: `AddNodes to task ${n} ${JSON.stringify({ drafts, expand, leased })} ${fault ?? ""}`,
    resolve(model, known) {
      const by = leased === undefined ? undefined : claim(model, known, leased);
      const task_id = by?.task_id ?? taskId(model, n);
      const task = model.tasks.get(task_id);
      const nodes = writeAll(drafts, refsOf(task, n), known);
      spoil(nodes, fault, model, n);
      // Of several faults the contract does not say which one is named, so a spoiled call makes nobody wait.
      const pending = task?.nodes.filter(({ status }) => n % 8 === 0 || status === "PENDING") ?? [];
      const waiting = fault === undefined ? expand.flatMap((e) => pick(pending, e)?.id ?? []) : [];
      const expand_before = waiting.length === 0 ? undefined : waiting;
      return { method: "AddNodes", params: { task_id, nodes, ...given({ expand_before, lease_id: by?.lease_id }) } };
    },
  }));

const ofTask = (method: string, drawn: fc.Arbitrary<Params> = fc.constant({})) =>
  wishFor(method, drawn, (model, _known, n) => ({ task_id: taskId(model, n) }));

const priority = fc.integer({ min: -1, max: 1 }).map((value) => ({ priority: value }));

const setPriority = wishFor("SetPriority", priority, (model, _known, n) => {
  const { task_id, node_id } = nodeOf(model, n >> 1);
  return n % 2 === 0 ? { task_id } : { task_id, node_id };
});

/** Mostly of nodes that can be retried. */
const retry = wishFor("RetryNode", fc.constant({}), (model, _known, n) => {
  const failed = [...model.nodes.values()].filter(({ status }) => status === "FAILED");
  const node = n % 8 === 0 ? undefined : pick(failed, n >> 3);
  return node === undefined ? nodeOf(model, n) : { task_id: node.task.id, node_id: node.id };
});

const status = wishFor(
  "TaskStatus",
  often(fc.constant(true)).map((attempts) => given({ attempts })),
  (model, _, n) => {
    const { task_id, node_id } = nodeOf(model, n >> 1);
    return n % 2 === 0 ? { task_id } : { task_id, node_id };
  },
);

const list = fc
  .record({
    state: often(fc.constantFrom("ACTIVE", "COMPLETED", "FAILED")),
    labels: often(someLabels),
    running: seldom(fc.boolean()),
  })
  .map((params): Wish => ({
    name: `ListTasks ${JSON.stringify(params)}`,
    resolve: () => ({ method: "ListTasks", params: given(params) }),
  }));

export const taskWishes = [
  { weight: 4, arbitrary: register },
  { weight: 3, arbitrary: add },
  { weight: 1, arbitrary: ofTask("CancelTask", fc.constant({ reason: "why not" })) },
  { weight: 1, arbitrary: ofTask("PauseTask") },
  { weight: 2, arbitrary: ofTask("ResumeTask") },
  { weight: 2, arbitrary: setPriority },
  { weight: 3, arbitrary: retry },
  { weight: 1, arbitrary: status },
  { weight: 1, arbitrary: list },
];
