import * as v from "valibot";
import { defineMethod } from "../method.ts";
import { json, key, ok, owner, seq, text, ttlSecs, unixMs, unixSecs, uuid } from "../types.ts";
import * as story from "./examples.ts";
import { lockEntries } from "./views.ts";

const held = { resource_key: "file:src/lib.rs", lease_id: story.lease_id };
const lock = {
  ...held,
  owner: "codex-1",
  provider: "codex",
  task_id: story.task_id,
  node_id: null,
  metadata: { intent: "rename the lexer" },
  acquired_at: story.acquired_at,
  lease_expires_at: story.lease_expires_at,
  lease_expires_at_ms: story.lease_expires_at_ms,
  fencing_token: 6,
};

export const AcquireResourceLock = defineMethod({
  summary: "Lease a resource key for one holder; null while another unexpired lease holds it.",
  mutates: true,
  params: v.object({
    resource_key: key,
    owner,
    provider: v.nullish(text),
    ttl_secs: v.nullish(ttlSecs),
    task_id: v.nullish(uuid),
    node_id: v.nullish(uuid),
    metadata: v.optional(json, {}),
  }),
  result: v.nullable(v.object({ ...lockEntries, seq })),
  refusals: [],
  example: {
    params: {
      resource_key: "file:src/lib.rs",
      owner: "codex-1",
      provider: "codex",
      task_id: story.task_id,
      metadata: { intent: "rename the lexer" },
    },
    result: { ...lock, seq: 6 },
  },
});

export const HeartbeatResourceLock = defineMethod({
  summary: "Keep a resource lock: its lease then runs ttl_secs from now.",
  mutates: true,
  params: v.object({ resource_key: key, lease_id: uuid, ttl_secs: v.nullish(ttlSecs) }),
  result: v.object({ ok, lease_expires_at: unixSecs, lease_expires_at_ms: unixMs, seq }),
  refusals: ["NOT_FOUND", "LEASE_LOST"],
  example: {
    params: held,
    result: {
      ok: true,
      lease_expires_at: story.lease_expires_at,
      lease_expires_at_ms: story.lease_expires_at_ms,
      seq: 6,
    },
  },
});

export const ReleaseResourceLock = defineMethod({
  summary: "Give a resource lock back.",
  mutates: true,
  params: v.object({ resource_key: key, lease_id: uuid }),
  result: v.object({ ok, seq }),
  refusals: ["NOT_FOUND", "LEASE_LOST"],
  example: { params: held, result: { ok: true, seq: 7 } },
});

export const ListResourceLocks = defineMethod({
  summary: "List the unexpired resource locks, ordered by key.",
  mutates: false,
  params: v.object({}),
  result: v.object({ locks: v.array(v.object({ ...lockEntries, updated_at: unixSecs })) }),
  refusals: [],
  example: { params: {}, result: { locks: [{ ...lock, updated_at: story.acquired_at }] } },
});

export type LockView = v.InferOutput<typeof ListResourceLocks.result>["locks"][number];
