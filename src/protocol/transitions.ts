import * as v from "valibot";
import type { Origin } from "./chain.ts";
import type { Json } from "./json.ts";
import type { Subject, Topic, Transition } from "./transition.ts";
import * as bundles from "./transitions/bundles.ts";
import * as journal from "./transitions/journal.ts";
import * as locks from "./transitions/locks.ts";
import * as nodes from "./transitions/nodes.ts";
import * as tasks from "./transitions/tasks.ts";

/**
 * What can happen: one row per kind of transition that the journal tells, by what it is about. Clients may give their own
 * events any name, also one of these; a row's `origin` tells the two apart.
 */
export const transitions = {
  ...tasks,
  ...nodes,
  ...locks,
  ...bundles,
  ...journal,
} satisfies Record<string, Transition>;

/** A kind of transition, as `action_type` names it. */
export type Kind = keyof typeof transitions;
/** What a row of this kind tells. */
export type Payload<K extends Kind> = v.InferOutput<(typeof transitions)[K]["payload"]>;
/** Who journals rows of this kind. */
export type OriginOf<K extends Kind> = (typeof transitions)[K]["origin"];

/** Kinds of transitions of the daemon's own that are about this. */
export type KindAbout<S extends Subject> = {
  [K in DaemonKind]: (typeof transitions)[K]["subject"] extends S ? K : never;
}[DaemonKind];

/** Kinds that tell of the daemon's own doing: a replay needs them all. */
export type DaemonKind = { [K in Kind]: OriginOf<K> extends "daemon" ? K : never }[Kind];

export const kinds = Object.keys(transitions) as Kind[];

/** Kinds that concern who waits for this. */
export const kindsOn = (topic: Topic): Kind[] => kinds.filter((kind) => transitionRow(kind).topics.includes(topic));

/** Kinds that end nodes, and so may end their task. */
export const endingKinds: readonly Kind[] = kinds.filter((kind) =>
  transitionRow(kind).moves.some(([, to]) => to === "COMPLETED" || to === "FAILED"),
);

/** The row of a kind, seen as any kind. */
export function transitionRow(kind: Kind): Transition {
  return transitions[kind];
}

/** A payload that the journal holds, when it is what rows of the kind tell; null when nobody can have written it. */
export function readPayload<K extends Kind>(kind: K, payload: Json): Payload<K> | null {
  // What is there beside it stays, in its order: payloads are compared as texts.
  return v.is(transitions[kind].payload, payload) ? payload : null;
}

/**
 * What a row of the journal tells in English, to be read after its subject's id; null for what clients tell in their own
 * words. `brief` shortens an id.
 */
export function sentenceOf(
  { action_type: actionType, origin, payload }: { action_type: string; origin: Origin; payload: unknown },
  brief: (id: string) => string,
): string | null {
  const kind = kindOf(actionType, origin);
  const read = kind === undefined ? null : readPayload(kind, payload as Json);
  return kind === undefined || read === null ? null : transitionRow(kind).sentence(read, brief);
}

/** What kind of transition a row of the journal tells; undefined for what clients tell in their own words. */
export function kindOf(actionType: string, origin: "daemon"): DaemonKind | undefined;
export function kindOf(actionType: string, origin: Origin): Kind | undefined;
export function kindOf(actionType: string, origin: Origin): Kind | undefined {
  if (!Object.hasOwn(transitions, actionType)) return undefined;
  const kind = actionType as Kind;
  return transitions[kind].origin === origin ? kind : undefined;
}
