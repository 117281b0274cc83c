import * as v from "valibot";
import * as story from "../methods/examples.ts";
import { defineTransition } from "../transition.ts";
import { count, lockMode, text, unixMs } from "../types.ts";
import { anything, id, inWords, keysTold } from "./values.ts";

const key = { resource_key: text, scope: v.optional(text) };
const endedKeys = v.array(v.object(key));
const grant = {
  lease_id: id,
  owner: text,
  provider: v.nullable(text),
  metadata: anything,
  locks: v.array(v.object({ ...key, mode: v.optional(lockMode), ignore_case: v.optional(v.literal(true)) })),
  ends_with_node: v.optional(v.literal(true)),
};
const ended = { lease_id: id, owner: text, locks: endedKeys };

const granted = {
  lease_id: story.lock_lease_id,
  owner: "codex-1",
  provider: "codex",
  metadata: { intent: "split the token table" },
  locks: [{ resource_key: "file:src/lexer.rs", scope: story.scope }],
};
const over = {
  lease_id: story.lock_lease_id,
  owner: "codex-1",
  locks: [{ resource_key: "file:src/lexer.rs", scope: story.scope }],
};

export const ACQUIRE_RESOURCE_LOCK = defineTransition({
  summary:
    "Keys were locked under a lease, whose fencing token is the row's seq; with `ends_with_node` under that of a node.",
  subject: "lock",
  payload: v.object(grant),
  unit: "lease_id",
  sentence: ({ owner, locks }) => `${owner} locked ${keysTold(locks)}`,
  example: granted,
});

export const TAKE_OVER_RESOURCE_LOCK = defineTransition({
  summary: "Keys were locked as before, where leases in the way (`from`) had expired.",
  subject: "lock",
  payload: v.object({ ...grant, from: v.array(v.object({ lease_id: id, owner: text })) }),
  unit: "lease_id",
  sentence: ({ owner, locks, from }) =>
    `${owner} locked ${keysTold(locks)}, taken over from ${from.map((its) => its.owner).join(", ")}`,
  example: { ...granted, from: [{ lease_id: story.event_id, owner: "claude-2" }] },
});

export const RELEASE_RESOURCE_LOCK = defineTransition({
  summary: "Locks were given back by their holder, or with the node they were held for.",
  subject: "lock",
  payload: v.object(ended),
  topics: ["locks"],
  unit: "lease_id",
  sentence: ({ owner, locks }) => `${owner} released ${keysTold(locks)}`,
  example: over,
});

export const EXPIRE_RESOURCE_LOCK = defineTransition({
  summary: "A lease of locks expired: all its locks have ended.",
  subject: "lock",
  payload: v.object(ended),
  topics: ["locks"],
  unit: "lease_id",
  sentence: ({ owner, locks }) => `the lease of ${owner} on ${keysTold(locks)} expired`,
  example: over,
});

export const FORCE_RELEASE_RESOURCE_LOCK = defineTransition({
  summary: "A person took all locks of a lease from its holder.",
  subject: "lock",
  payload: v.object({ ...ended, reason: text }),
  topics: ["locks"],
  unit: "lease_id",
  sentence: ({ owner, locks, reason }) => `${keysTold(locks)} taken from ${owner} by force${inWords(reason)}`,
  example: { ...over, reason: "codex-1 crashed" },
});

export const ADOPT_RESOURCE_LOCK = defineTransition({
  summary: "A lock came from a database of the original agentd.",
  subject: "lock",
  payload: v.object({
    lease_id: id,
    owner: text,
    provider: v.nullable(text),
    metadata: anything,
    acquired_at_ms: unixMs,
    locks: v.array(v.object({ resource_key: text })),
  }),
  unit: "lease_id",
  sentence: ({ owner, locks }) => `${keysTold(locks)} of ${owner} adopted`,
  example: {
    lease_id: story.lock_lease_id,
    owner: "codex-1",
    provider: null,
    metadata: null,
    acquired_at_ms: story.deadline.lease_expires_at_ms,
    locks: [{ resource_key: "src/lexer.rs" }],
  },
});

export const GUARD_BYPASS = defineTransition({
  summary: "Somebody went past a guard, as its client reported. `resource_keys` are the first of `count`.",
  subject: "lock",
  payload: v.object({
    guard: text,
    owner: text,
    scope: v.nullable(text),
    resource_keys: v.array(text),
    count,
  }),
  isEvent: "always",
  origin: "client",
  sentence: ({ guard, owner, resource_keys: [first = "no key"], count: all }) =>
    `${owner} went past ${guard} with ${first}${all > 1 ? ` and ${all - 1} more` : ""}`,
  example: {
    guard: "pre-commit",
    owner: "codex-1",
    scope: story.scope,
    resource_keys: ["file:src/lexer.rs"],
    count: 1,
  },
});
