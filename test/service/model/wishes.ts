import fc from "fast-check";
import type { Json } from "../../../src/protocol/json.ts";
import type { Ask, ReferenceModel } from "./reference.ts";

/*
 * What a client may wish for, in terms that stay meaningful while fast-check shrinks: "the third task there is" and
 * not an id. `resolve` turns a wish into a request against what exists by then.
 */

/** A request without its key. */
type Bare = Omit<Ask, "key">;

/** All that was ever handed out, the stale too. */
export class Known {
  readonly claims: { task_id: string; node_id: string; lease_id: string }[] = [];
  readonly locks: { resource_key: string; lease_id: string }[] = [];
  readonly keyed: Ask[] = [];
  #nodes = 0;

  newNodeId(): string {
    return `aaaaaaaa-0000-4000-8000-${(++this.#nodes).toString(16).padStart(12, "0")}`;
  }
}

const nobody = "dddddddd-0000-4000-8000-000000000000";

export type Wish = { name: string; resolve: (model: ReferenceModel, known: Known) => Bare };

const pick = <T>(items: readonly T[], n: number): T | undefined => items[n % items.length];

/** One time in eight. */
export const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

const faults = ["self", "cycle", "unknown", "twice", "taken"] as const;

const register = fc
  .record({
    nodes: fc.array(fc.array(fc.nat(9), { maxLength: 3 }), { maxLength: 6 }),
    fault: seldom(fc.constantFrom(...faults)),
    n: fc.nat(),
  })
  .map(({ nodes, fault, n }): Wish => ({
    name: `RegisterTask ${JSON.stringify(nodes)} ${fault ?? ""}`,
    resolve(model, known) {
      const ids = nodes.map(() => known.newNodeId());
      const initial_nodes = nodes.map((dependencies, index) => ({
        id: ids[index] ?? nobody,
        // Each depends on earlier ones only, so there is no cycle unless one is asked for.
        dependencies: index === 0 ? [] : dependencies.map((d) => ids[d % index] ?? nobody),
        payload_schema: { index },
      }));
      const [first, last] = [initial_nodes[0], initial_nodes.at(-1)];
      if (first !== undefined && last !== undefined) {
        if (fault === "self") last.dependencies.push(last.id);
        if (fault === "unknown") last.dependencies.push(nobody);
        if (fault === "twice") initial_nodes.push({ ...first });
        if (fault === "taken") last.id = pick([...model.nodes.keys()], n) ?? last.id;
        if (fault === "cycle") {
          first.dependencies.push(last.id);
          last.dependencies.push(first.id);
        }
      }
      return { method: "RegisterTask", params: { goal: "g", context: { n }, initial_nodes } };
    },
  }));

const taskId = (model: ReferenceModel, n: number) =>
  (n % 20 === 19 ? nobody : pick([...model.tasks.keys()], n)) ?? nobody;

const ofTask = (method: string, extra: Record<string, Json>) =>
  fc.nat().map((n): Wish => ({
    name: `${method} of task ${n}`,
    resolve: (model) => ({ method, params: { ...extra, task_id: taskId(model, n) } }),
  }));

/** A claim that is current, one that may be stale, or one that never was. */
function claim(model: ReferenceModel, known: Known, n: number) {
  const current = known.claims.filter(({ node_id, lease_id }) => model.nodes.get(node_id)?.lease?.id === lease_id);
  const some = (n % 4 === 3 ? pick(known.claims, n >> 2) : pick(current, n >> 2)) ?? pick(known.claims, n >> 2);
  if (some === undefined) return { task_id: nobody, node_id: nobody, lease_id: nobody };
  if (n % 32 === 8) return { ...some, task_id: taskId(model, n >> 5) };
  return n % 32 === 16 ? { ...some, lease_id: pick(known.claims, n >> 5)?.lease_id ?? nobody } : some;
}

const underLease = (method: string, payload: string | null) =>
  fc.record({ n: fc.nat(), value: fc.integer({ min: 0, max: 2 }) }).map(({ n, value }): Wish => ({
    name: `${method} by claim ${n}`,
    resolve: (model, known) => ({
      method,
      params: { ...claim(model, known, n), ...(payload === null ? {} : { [payload]: { value } }) },
    }),
  }));

const event = fc.record({ n: fc.nat(), leased: fc.boolean() }).map(({ n, leased }): Wish => ({
  name: `CommitEvent by claim ${n}${leased ? "" : " without its lease"}`,
  resolve(model, known) {
    const { lease_id, ...node } = claim(model, known, n);
    return { method: "CommitEvent", params: { ...node, ...(leased ? { lease_id } : {}), payload: { n } } };
  },
}));

const resourceKey = fc.constantFrom("file:a", "file:b", "file:ä");
const someTtl = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }).map((ttl_secs) => {
  return ttl_secs === undefined ? {} : { ttl_secs };
});

const acquireLock = fc
  .record({ resource_key: resourceKey, ttl: someTtl, n: fc.nat() })
  .map(({ resource_key, ttl, n }): Wish => ({
    name: `AcquireResourceLock ${resource_key} ${JSON.stringify(ttl)}`,
    resolve: (model) => ({
      method: "AcquireResourceLock",
      params: {
        resource_key,
        ...ttl,
        ...(n % 2 === 0 ? {} : { task_id: taskId(model, n), owner: "ann", provider: "p" }),
      },
    }),
  }));

const byLock = (method: string, withTtl: boolean) =>
  fc.record({ n: fc.nat(), ttl: someTtl }).map(({ n, ttl }): Wish => ({
    name: `${method} of lock ${n}`,
    resolve(_model, known) {
      // The newest ones are the likeliest to be live.
      const held = pick(known.locks.slice(n % 4 === 0 ? 0 : -3), n >> 2) ?? {
        resource_key: "file:a",
        lease_id: nobody,
      };
      return { method, params: { ...held, ...(withTtl ? ttl : {}) } };
    },
  }));

export const wish: fc.Arbitrary<Wish> = fc.oneof(
  { weight: 3, arbitrary: register },
  { weight: 8, arbitrary: ofTask("AcquireNextNode", { lease_owner: "worker" }) },
  { weight: 3, arbitrary: underLease("HeartbeatNode", null) },
  { weight: 6, arbitrary: underLease("CompleteNode", "result_payload") },
  { weight: 2, arbitrary: underLease("FailNode", "error_payload") },
  { weight: 3, arbitrary: event },
  { weight: 4, arbitrary: acquireLock },
  { weight: 2, arbitrary: byLock("HeartbeatResourceLock", true) },
  { weight: 2, arbitrary: byLock("ReleaseResourceLock", false) },
  { weight: 1, arbitrary: ofTask("TaskStatus", {}) },
  {
    weight: 1,
    arbitrary: fc.constant<Wish>({
      name: "ListResourceLocks",
      resolve: () => ({ method: "ListResourceLocks", params: {} }),
    }),
  },
);
