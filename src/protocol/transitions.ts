import * as v from "valibot";
import type { Origin } from "./chain.ts";
import type { Json } from "./json.ts";
import type { Topic, Transition } from "./transition.ts";
import * as bundles from "./transitions/bundles.ts";
import * as journal from "./transitions/journal.ts";
import * as locks from "./transitions/locks.ts";
import * as nodes from "./transitions/nodes.ts";
import * as tasks from "./transitions/tasks.ts";

/**
 * What can happen: one row per kind of transition that the journal tells, in the order people should read about them.
 * Clients may give their own events any name, also one of these; a row's `origin` tells the two apart.
 */
export const transitions = {
  REGISTER_TASK: tasks.REGISTER_TASK,
  ADD_NODES: tasks.ADD_NODES,
  PAUSE_TASK: tasks.PAUSE_TASK,
  RESUME_TASK: tasks.RESUME_TASK,
  SET_PRIORITY: tasks.SET_PRIORITY,
  CANCEL_TASK: tasks.CANCEL_TASK,
  ACQUIRE_NODE: nodes.ACQUIRE_NODE,
  COMPLETE_NODE: nodes.COMPLETE_NODE,
  FAIL_NODE: nodes.FAIL_NODE,
  RELEASE_NODE: nodes.RELEASE_NODE,
  TIMEOUT_ROLLBACK: nodes.TIMEOUT_ROLLBACK,
  SKIP_NODE: nodes.SKIP_NODE,
  RETRY_NODE: nodes.RETRY_NODE,
  ACQUIRE_RESOURCE_LOCK: locks.ACQUIRE_RESOURCE_LOCK,
  TAKE_OVER_RESOURCE_LOCK: locks.TAKE_OVER_RESOURCE_LOCK,
  RELEASE_RESOURCE_LOCK: locks.RELEASE_RESOURCE_LOCK,
  EXPIRE_RESOURCE_LOCK: locks.EXPIRE_RESOURCE_LOCK,
  FORCE_RELEASE_RESOURCE_LOCK: locks.FORCE_RELEASE_RESOURCE_LOCK,
  GUARD_BYPASS: locks.GUARD_BYPASS,
  SUBMIT_PATCH_BUNDLE: bundles.SUBMIT_PATCH_BUNDLE,
  DECIDE_PATCH_BUNDLE: bundles.DECIDE_PATCH_BUNDLE,
  conflict: bundles.conflict,
  PRUNE_JOURNAL: journal.PRUNE_JOURNAL,
  RESTORE_DATABASE: journal.RESTORE_DATABASE,
  ADOPT_TASK: tasks.ADOPT_TASK,
  ADOPT_RESOURCE_LOCK: locks.ADOPT_RESOURCE_LOCK,
} satisfies Record<string, Transition>;

/** A kind of transition, as `action_type` names it. */
export type Kind = keyof typeof transitions;
/** What a row of this kind tells. */
export type Payload<K extends Kind> = v.InferOutput<(typeof transitions)[K]["payload"]>;
/** Who journals rows of this kind. */
export type OriginOf<K extends Kind> = (typeof transitions)[K]["origin"];

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
