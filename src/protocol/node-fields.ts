import * as v from "valibot";
import { limits } from "./limits.ts";
import { attempts, count, dependencyPolicy, leaseSecs, lostAttempts, spanSecs } from "./types.ts";

const none: readonly string[] = [];

/*
 * How a node is tried: one row for each field. Parameter, view, journal, column, `NodePolicy` and the crossings between
 * them follow from it; what the field does is a rule of core/. A row that is added names behind its meaning the schema
 * version that brings its column to older databases: the one after `latestSchemaVersion`.
 */
export const nodeFields = {
  max_attempts: number(
    attempts,
    1,
    "how many attempts the node has; FailNode makes it PENDING again while attempts are left",
  ),
  max_lost_attempts: numberOrNull(
    lostAttempts,
    "how many leases may expire before the node fails; 0: any number; default: the daemon's setting",
  ),
  backoff_secs: number(
    spanSecs,
    0,
    "the longest pause before the second attempt, doubled before each further one; the actual pause is random, from 0 to that",
  ),
  backoff_max_secs: number(spanSecs, limits.backoffMaxSecs, "the longest pause that doubling leads to"),
  ttl_secs: numberOrNull(
    leaseSecs,
    "how long its leases run unless the worker says otherwise; default: the node timeout",
  ),
  on_dependency_failure: choice(
    dependencyPolicy,
    "wait",
    "what a FAILED dependency means: `wait` until it is retried, `skip` (this node fails too), or `run` once all dependencies have ended",
  ),
};

function number<Schema extends v.GenericSchema<number>>(
  schema: Schema,
  fallback: number,
  meaning: string,
  since: number | null = null,
) {
  const param = v.nullish(schema, fallback);
  return { param, view: schema, told: v.optional(count), fallback, options: none, meaning, since };
}

function numberOrNull<Schema extends v.GenericSchema<number>>(
  schema: Schema,
  meaning: string,
  since: number | null = null,
) {
  const [param, view] = [v.nullish(schema), v.nullable(schema)];
  return { param, view, told: v.optional(count), fallback: null, options: none, meaning, since };
}

function choice<const Options extends readonly string[]>(
  schema: v.PicklistSchema<Options, undefined>,
  fallback: Options[number],
  meaning: string,
  since: number | null = null,
) {
  const param = v.nullish(schema, fallback);
  return { param, view: schema, told: v.optional(schema), fallback, options: schema.options, meaning, since };
}

type Fields = typeof nodeFields;
type Name = keyof Fields;
/** A field's name in the journal and as a column: what clients give in seconds is kept in milliseconds. */
type Stored<N extends string> = N extends `${infer Span}_secs` ? `${Span}_ms` : N;
type Camel<N extends string> = N extends `${infer Word}_${infer Rest}` ? `${Word}${Capitalize<Camel<Rest>>}` : N;
type Value<N extends Name> = v.InferOutput<Fields[N]["view"]>;

/** How a node is tried, as the rules read it. */
export type NodePolicy = { [N in Name as Camel<Stored<N>>]: Value<N> };
/** The same as columns keep it. */
export type StoredPolicy = { [N in Name as Stored<N>]: Value<N> };
/** The same as the journal tells it: only what differs from the default. */
export type ToldPolicy = { [N in Name as Stored<N>]?: v.InferOutput<Fields[N]["told"]> };
/** The same as clients see it. */
export type PolicyView = { [N in Name]: Value<N> };
/** The same as clients give it. */
export type PolicyParams = { [N in Name]?: v.InferOutput<Fields[N]["param"]> };

/** A row as the crossings read it: its names, and how much the stored value of 1 is. */
export interface PolicyField {
  name: Name;
  stored: keyof StoredPolicy;
  property: keyof NodePolicy;
  factor: number;
  /** As it is stored. */
  fallback: number | string | null;
  /** What it may be; none where it is a number. */
  options: readonly string[];
  /** The schema version that brought its column; null: the first. */
  since: number | null;
}

const fieldOf = ([name, row]: [string, Fields[Name]]): PolicyField => {
  const stored = name.replace(/_secs$/, "_ms");
  const factor = stored === name ? 1 : 1000;
  const { fallback, options, since } = row;
  return {
    // As the types of the same names spell them.
    name: name as Name,
    stored: stored as keyof StoredPolicy,
    property: stored.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase()) as keyof NodePolicy,
    factor,
    fallback: typeof fallback === "number" ? fallback * factor : fallback,
    options,
    since,
  };
};

export const policyFields: readonly PolicyField[] = Object.entries(nodeFields).map(fieldOf);

/** The entries of the rows in an object's schema. */
const entries = <Part extends "param" | "view">(part: Part) =>
  Object.fromEntries(Object.entries(nodeFields).map(([name, row]) => [name, row[part]])) as {
    [N in Name]: Fields[N][Part];
  };

export const policyParams = entries("param");
export const policyView = entries("view");
/** How a node is tried whose registration says nothing of it, as clients see it. */
export const defaultPolicyView = Object.fromEntries(
  policyFields.map(({ name }) => [name, nodeFields[name].fallback]),
) as PolicyView;
export const policyTold = Object.fromEntries(
  policyFields.map(({ name, stored }) => [stored, nodeFields[name].told]),
) as { [N in Name as Stored<N>]: Fields[N]["told"] };
