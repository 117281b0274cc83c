import fc from "fast-check";
import type { Json } from "../../../src/protocol/json.ts";
import type { Row } from "./journal.ts";
import type { Ask } from "./reference.ts";
import type { ModelState } from "./state.ts";
import { type Params, text } from "./views.ts";

/*
 * What a client may wish for, in terms that stay meaningful while fast-check shrinks: "the third task there is" and
 * not an id. `resolve` turns a wish into a request against what exists by then.
 */

/** A request without its key. */
export type Bare = Omit<Ask, "key">;

/** All that was ever handed out, the stale too. */
export class Known {
  readonly claims: { task_id: string; node_id: string; lease_id: string }[] = [];
  readonly locks: { resource_key: string; lease_id: string; scope?: string }[] = [];
  readonly keyed: Ask[] = [];
  #nodes = 0;

  learn(rows: readonly Row[]): void {
    for (const { action_type, task_id, node_id, payload } of rows) {
      const { lease_id, locks } = payload as { lease_id?: string; locks?: { resource_key: string; scope?: string }[] };
      if (action_type === "ACQUIRE_NODE") {
        this.claims.push({ task_id: text(task_id), node_id: text(node_id), lease_id: lease_id ?? "" });
      } else if (action_type === "ACQUIRE_RESOURCE_LOCK" || action_type === "TAKE_OVER_RESOURCE_LOCK") {
        for (const { resource_key, scope } of locks ?? []) {
          this.locks.push({ resource_key, lease_id: lease_id ?? "", ...(scope !== undefined && { scope }) });
        }
      }
    }
  }

  newNodeId(): string {
    return `aaaaaaaa-0000-4000-8000-${(++this.#nodes).toString(16).padStart(12, "0")}`;
  }
}

export const nobody = "dddddddd-0000-4000-8000-000000000000";

export type Wish = { name: string; resolve: (model: ModelState, known: Known) => Bare };

export const pick = <T>(items: readonly T[], n: number): T | undefined => items[n % items.length];

/** One time in eight. */
export const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

/** One time in two. */
export const often = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof(fc.constant(undefined), arbitrary);

/** The parameters that are given at all. */
export const given = (params: { [name: string]: Json | undefined }): Params =>
  Object.fromEntries(Object.entries(params).filter((param): param is [string, Json] => param[1] !== undefined));

export const taskId = (model: ModelState, n: number) =>
  (n % 20 === 19 ? nobody : pick([...model.tasks.keys()], n)) ?? nobody;

/** A node of a task, and now and then one of another. */
export function nodeOf(model: ModelState, n: number) {
  const task_id = taskId(model, n);
  const nodes = n % 40 === 17 ? [...model.nodes.values()] : (model.tasks.get(task_id)?.nodes ?? []);
  return { task_id, node_id: pick(nodes, n >> 3)?.id ?? nobody };
}

/** A claim that is current, one that may be stale, or one that never was. */
export function claim(model: ModelState, known: Known, n: number) {
  const current = known.claims.filter(({ node_id, lease_id }) => model.nodes.get(node_id)?.lease?.id === lease_id);
  const some = (n % 4 === 3 ? pick(known.claims, n >> 2) : pick(current, n >> 2)) ?? pick(known.claims, n >> 2);
  if (some === undefined) return { task_id: nobody, node_id: nobody, lease_id: nobody };
  if (n % 32 === 8) return { ...some, task_id: taskId(model, n >> 5) };
  return n % 32 === 16 ? { ...some, lease_id: pick(known.claims, n >> 5)?.lease_id ?? nobody } : some;
}

/** A request whose parameters are drawn, and for whom they are meant. */
export const wishFor = (
  method: string,
  drawn: fc.Arbitrary<Params>,
  whom: (model: ModelState, known: Known, n: number) => Params,
): fc.Arbitrary<Wish> =>
  fc.record({ n: fc.nat(), params: drawn }).map(({ n, params }) => ({
    name: `${method} ${n} ${JSON.stringify(params)}`,
    resolve: (model, known) => ({ method, params: { ...params, ...whom(model, known, n) } }),
  }));
