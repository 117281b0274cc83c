import * as v from "valibot";
import { json, text, uuid } from "./types.ts";

const paths = v.optional(v.array(text));
const summary = text;

/** What one party does to another's work, as far as it is known. */
const party = v.optional(
  v.looseObject({
    owner: v.optional(text),
    provider: v.optional(v.nullable(text)),
    lease_id: v.optional(uuid),
    bundle_id: v.optional(uuid),
  }),
);

/**
 * Events that mean the same to every agent: a name for `action_type`, what it tells, and its payload. Further fields are
 * the client's own. A task with a policy takes them only in full; elsewhere, as the original's clients may use these names
 * for payloads of their own, whatever is there of the fields must fit, where the payload is an object.
 */
export const eventKinds = {
  intent: {
    summary: "what a worker is about to do, before it does it",
    payload: v.looseObject({
      summary,
      paths,
      assumptions: v.optional(v.array(text)),
      base_revision: v.optional(text),
    }),
  },
  progress: {
    summary: "how far it is",
    payload: v.looseObject({ message: v.optional(text), percent: v.optional(v.number()), paths }),
  },
  result: {
    summary: "what came out of it",
    payload: v.looseObject({ summary, paths, bundle_id: v.optional(uuid), verification: v.optional(json) }),
  },
  conflict: {
    summary: "that two agents meet in the same place, such as a patch to a path that another has locked",
    payload: v.looseObject({ summary, paths, with: party }),
  },
  decision: {
    summary: "what was chosen, why, and over which alternatives",
    payload: v.looseObject({
      decision: text,
      reason: text,
      bundle_id: v.optional(uuid),
      alternatives: v.optional(v.array(text)),
    }),
  },
} as const;

export type EventKind = keyof typeof eventKinds;

/** The kind an `action_type` names; undefined for any other, which is free. */
export function eventKind(actionType: string): EventKind | undefined {
  return Object.hasOwn(eventKinds, actionType) ? (actionType as EventKind) : undefined;
}

/** What is wrong with a payload: the path in it, what was expected and what is there; null when it fits. */
export function eventPayloadFault(
  kind: EventKind,
  payload: unknown,
  { inFull }: { inFull: boolean },
): { path: string; expected: string; received: unknown } | null {
  const isObject = typeof payload === "object" && payload !== null && !Array.isArray(payload);
  if (!inFull && !isObject) return null;
  const schema = eventKinds[kind].payload;
  const parsed = v.safeParse(
    inFull ? schema : v.partial(schema as v.LooseObjectSchema<v.ObjectEntries, undefined>),
    payload,
  );
  if (parsed.success && isObject) return null;
  const [issue] = parsed.issues ?? [];
  if (issue === undefined) return { path: "", expected: "Object", received: payload };
  return { path: v.getDotPath(issue) ?? "", expected: issue.expected ?? issue.message, received: issue.input };
}
