import type { Refusal } from "../../core/decision.ts";
import type { ErrorKind } from "../../protocol/errors.ts";
import type { Reads } from "../../store/reads.ts";
import { present } from "../../protocol/present.ts";

/** How whoever asked knows a node. */
export interface PlanName {
  name: string | null;
  /** The id, where it was given or can have been read; null where it is made up in this very call. */
  id: string | null;
  /** Where it stands in the call; null where it does not. */
  place: string | null;
}

/** Null for what is no node. */
export type FindPlanName = (id: string) => PlanName | null;

/** A refusal about registered nodes, in the names of their plan. */
export function inStoredNames<Kind extends ErrorKind>(refusal: Refusal<Kind>, reads: Reads): Refusal<Kind> {
  return inPlanNames(refusal, (id) => storedName(id, reads));
}

/** A node that is registered: whoever asks can have read its id. */
export function storedName(id: string, reads: Reads): PlanName | null {
  const name = reads.nodes.nameOf(id);
  return name === undefined ? null : { name, id, place: null };
}

const anyId = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/**
 * A refusal in the words of whoever asked: the rules speak of nodes by id, and nobody has seen the id of a node that was
 * not registered. The message calls a node by its name, its id, or its place in the call; the facts by an id that is
 * known, else in the same way.
 */
export function inPlanNames<Kind extends ErrorKind>(refusal: Refusal<Kind>, find: FindPlanName): Refusal<Kind> {
  const message = refusal.message.replaceAll(anyId, (id) => {
    const known = find(id);
    return known === null ? id : nodeWords(known);
  });
  const facts = Object.entries(refusal.facts).flatMap(([key, value]): [string, unknown][] => {
    if (Array.isArray(value)) return [[key, value.map((item: unknown) => refFor(item, find))]];
    const ref = refFor(value, find);
    // What is no id must not stand where programs expect one.
    return [[key === "node_id" && ref !== value ? "node" : key, ref]];
  });
  return { ...refusal, message, facts: Object.fromEntries(facts) };
}

/** What a message calls a node. */
export function nodeWords({ name, id, place }: PlanName): string {
  if (name === null) return present(id ?? place, "what a node without a name is called");
  return /^[\w.-]+$/.test(name) ? name : JSON.stringify(name);
}

function refFor(value: unknown, find: FindPlanName): unknown {
  const known = typeof value === "string" ? find(value) : null;
  return known === null ? value : (known.id ?? known.name ?? known.place);
}
