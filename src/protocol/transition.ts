import type * as v from "valibot";
import type { Origin } from "./chain.ts";
import type { NodeStatus } from "./types.ts";

type AnySchema = v.GenericSchema;

/** What somebody can wait for, in words. */
export const topics = {
  work: "of the row's task a node may be runnable now, or none ever will",
  lease: "a lease of a node may have ended: of the row's, or of any of its task where it names none",
  locks: "a lock has ended, which also lets nodes of any task go on",
} as const;

export type Topic = keyof typeof topics;

/** What a transition is about. Of a node or a task the row names it. */
export type Subject = "task" | "node" | "lock" | "bundle" | "journal";

/** One kind of transition that the daemon journals. Everything else about the kind is derived from its row. */
export interface Transition<
  Payload extends AnySchema = AnySchema,
  About extends Subject = Subject,
  By extends Origin = Origin,
> {
  /** One sentence: what has happened where the journal has such a row. */
  summary: string;
  /** What the row is about. */
  subject: About;
  /** How it moves nodes: from which status to which. */
  moves: readonly (readonly [from: NodeStatus, to: NodeStatus])[];
  /** What its payload is: a field that is not always written is optional. */
  payload: Payload;
  /** Who may go on because of it. */
  topics: readonly Topic[];
  /**
   * What became of the row's subject, in English, to be read after its id; locks, bundles and the journal are named in it.
   * `brief` shortens an id.
   */
  sentence(payload: v.InferOutput<Payload>, brief: (id: string) => string): string;
  /** A payload. Tests hold it against the schema. */
  example: v.InferOutput<Payload>;
  /** Whether the row is an event of the contract, which has an id: always, only where it names a node, or never. */
  isEvent: "always" | "of a node" | "never";
  /** Who says so: `client` where it is only what a client reported, which no replay needs. */
  origin: By;
  /**
   * With what its rows leave the journal, beside their task: with all of a lease of locks (`lease_id`) or of a bundle
   * (`bundle_id`), which the payload names, or when they are old; `lasting` ones stay.
   */
  unit: "lease_id" | "bundle_id" | "row" | "lasting";
}

type Defaults = "moves" | "topics" | "isEvent" | "origin" | "unit";

/** Gives a row its exact types; where it does not say, it moves nothing and leaves the journal by its age. */
export function defineTransition<
  const Payload extends AnySchema,
  const About extends Subject,
  const By extends Origin = "daemon",
>(
  row: Omit<Transition<Payload, About, By>, Defaults> & Partial<Pick<Transition<Payload, About, By>, Defaults>>,
): Transition<Payload, About, By> {
  return { moves: [], topics: [], isEvent: "never", origin: "daemon" as By, unit: "row", ...row };
}
