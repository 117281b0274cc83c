import * as v from "valibot";
import { limits } from "../limits.ts";
import { defineMethod } from "../method.ts";
import {
  count,
  cwd,
  json,
  key,
  listOf,
  lockKey,
  lockMode,
  lockPaths,
  ok,
  owner,
  reason,
  scope,
  seq,
  text,
  ttlSecs,
  unixMs,
  unixSecs,
  uuid,
  waitMs,
  locksOf,
  wantedLock,
} from "../types.ts";
import * as story from "./examples.ts";
import { holder, lockEntries, waiting } from "./views.ts";

const held = { resource_key: "file:src/lib.rs", lease_id: story.lock_lease_id };
/** What the holder tells of it, who need not know the scope. */
const claimed = { resource_key: "src/lib.rs", cwd: story.cwd, lease_id: story.lock_lease_id };
const party = {
  scope: story.scope,
  mode: "exclusive" as const,
  owner: "codex-1",
  provider: "codex",
  task_id: story.task_id,
  node_id: null,
};
const lock = {
  ...held,
  ...party,
  metadata: { intent: "rename the lexer" },
  acquired_at: story.acquired_at,
  ...story.deadline,
  fencing_token: 6,
};

/** Who asks for locks, and for how long. */
const request = {
  owner,
  provider: v.nullish(text),
  scope: v.nullish(scope),
  cwd: v.nullish(cwd),
  ttl_secs: v.nullish(ttlSecs),
  wait_ms: v.nullish(waitMs, 0),
  task_id: v.nullish(uuid),
  node_id: v.nullish(uuid),
  metadata: v.optional(json, {}),
};

export const AcquireResourceLock = defineMethod({
  summary: "Lock a resource key under a new lease; null while another unexpired lease holds what overlaps with it.",
  mutates: true,
  params: v.object({ resource_key: lockKey, mode: v.nullish(lockMode, "exclusive"), ...request }),
  result: v.nullable(v.object({ ...lockEntries, seq })),
  refusals: ["DEADLOCK", "LIMIT_EXCEEDED", "FILES_UNREACHABLE"],
  example: {
    params: {
      resource_key: "src/lib.rs",
      cwd: story.cwd,
      owner: "codex-1",
      provider: "codex",
      task_id: story.task_id,
      metadata: { intent: "rename the lexer" },
    },
    result: { ...lock, seq: 6 },
  },
});

export const AcquireResourceLocks = defineMethod({
  summary:
    "Lock several resource keys under one lease, all or none; null while another lease holds what overlaps with any.",
  mutates: true,
  params: v.object({ locks: locksOf(wantedLock), ...request, lease_id: v.nullish(uuid) }),
  result: v.nullable(
    v.object({
      lease_id: uuid,
      fencing_token: seq,
      lease_expires_at: unixSecs,
      lease_expires_at_ms: unixMs,
      locks: v.array(v.object({ resource_key: text, mode: lockMode, scope: v.nullable(text) })),
      seq,
    }),
  ),
  refusals: ["LEASE_LOST", "DEADLOCK", "LIMIT_EXCEEDED", "FILES_UNREACHABLE"],
  example: {
    params: {
      locks: [{ resource_key: "dir:src/parser" }, { resource_key: "file:Cargo.toml", mode: "shared" }],
      owner: "codex-1",
      provider: "codex",
      cwd: story.cwd,
      wait_ms: 60_000,
    },
    result: {
      lease_id: story.lock_lease_id,
      fencing_token: 7,
      ...story.deadline,
      locks: [
        { resource_key: "dir:src/parser", mode: "exclusive", scope: story.scope },
        { resource_key: "file:Cargo.toml", mode: "shared", scope: story.scope },
      ],
      seq: 7,
    },
  },
});

/** A lease of locks, and one of its keys or, without it, all of them. */
const claim = { resource_key: v.nullish(lockKey), lease_id: uuid, scope: v.nullish(scope), cwd: v.nullish(cwd) };

export const HeartbeatResourceLock = defineMethod({
  summary: "Renew the lease of locks; it then runs ttl_secs from now.",
  mutates: true,
  params: v.object({ ...claim, ttl_secs: v.nullish(ttlSecs) }),
  result: v.object({ ok, lease_expires_at: unixSecs, lease_expires_at_ms: unixMs, seq }),
  refusals: ["NOT_FOUND", "LEASE_LOST", "INVALID_STATE", "FILES_UNREACHABLE"],
  example: { params: claimed, result: { ok: true, ...story.deadline, seq: 6 } },
});

export const ReleaseResourceLock = defineMethod({
  summary: "Release a lock, or without resource_key everything the lease holds.",
  mutates: true,
  params: v.object(claim),
  result: v.object({ ok, seq }),
  refusals: ["NOT_FOUND", "LEASE_LOST", "FILES_UNREACHABLE"],
  example: { params: claimed, result: { ok: true, seq: 7 } },
});

export const ForceReleaseResourceLock = defineMethod({
  summary:
    "For people: revoke every lease that holds this key, with all its locks; a node that runs under it is PENDING again.",
  mutates: true,
  params: v.object({ resource_key: lockKey, scope: v.nullish(scope), cwd: v.nullish(cwd), reason }),
  result: v.object({
    ok,
    released: v.array(
      v.object({
        lease_id: uuid,
        owner: text,
        provider: v.nullable(text),
        task_id: v.nullable(uuid),
        node_id: v.nullable(uuid),
        resource_keys: v.array(text),
      }),
    ),
    seq,
  }),
  refusals: ["NOT_FOUND", "FILES_UNREACHABLE"],
  example: {
    params: { resource_key: "src/lib.rs", cwd: story.cwd, reason: "its agent hangs" },
    result: {
      ok: true,
      released: [
        {
          lease_id: story.lock_lease_id,
          owner: "codex-1",
          provider: "codex",
          task_id: story.task_id,
          node_id: null,
          resource_keys: ["file:src/lib.rs"],
        },
      ],
      seq: 8,
    },
  },
});

export const RecordGuardBypass = defineMethod({
  summary: "Journal that somebody switched a guard off, and which keys went unchecked.",
  mutates: true,
  params: v.object({
    guard: text,
    resource_keys: listOf(key, { max: limits.locksMax, of: ["key", "keys"] }),
    count,
    owner,
    scope: v.nullish(scope),
  }),
  result: v.object({ event_id: uuid, seq }),
  refusals: [],
  example: {
    params: { guard: "pre-commit", resource_keys: ["file:src/lib.rs"], count: 1, owner: "ann", scope: story.scope },
    result: { event_id: story.event_id, seq: 9 },
  },
});

export const CheckResourceLocks = defineMethod({
  summary: "Check keys or paths: whether they could be locked now, who holds what overlaps, and who waits.",
  mutates: false,
  params: v.object({
    locks: v.nullish(locksOf(v.object({ ...wantedLock.entries, top: v.nullish(cwd) }))),
    paths: v.nullish(lockPaths),
    scope: v.nullish(scope),
    cwd: v.nullish(cwd),
    top: v.nullish(cwd),
    owner: v.nullish(text),
  }),
  result: v.object({
    locks: v.array(
      v.object({
        resource_key: text,
        scope: v.nullable(text),
        mode: lockMode,
        free: v.boolean(),
        holders: v.array(holder),
        waiting: v.array(waiting),
        namesakes: v.array(holder),
      }),
    ),
  }),
  refusals: ["LIMIT_EXCEEDED", "FILES_UNREACHABLE"],
  example: {
    params: { paths: ["src/lib.rs"], cwd: story.cwd },
    result: {
      locks: [
        {
          resource_key: "file:src/lib.rs",
          scope: story.scope,
          mode: "exclusive",
          free: false,
          holders: [
            {
              ...held,
              ...party,
              intent: "rename the lexer",
              acquired_at: story.acquired_at,
              ...story.deadline,
              fencing_token: 6,
              own: false,
            },
          ],
          waiting: [],
          namesakes: [],
        },
      ],
    },
  },
});

export const ListResourceLocks = defineMethod({
  summary: "List the unexpired resource locks, ordered by key, and how many requests wait for each.",
  mutates: false,
  params: v.object({ scope: v.nullish(scope), owner: v.nullish(text), lease_id: v.nullish(uuid) }),
  originalParams: "none",
  result: v.object({
    locks: v.array(
      v.object({
        ...lockEntries,
        metadata_omitted: v.optional(v.literal(true)),
        updated_at: unixSecs,
        ends_with_node: v.boolean(),
        waiting: count,
      }),
    ),
  }),
  refusals: ["LIMIT_EXCEEDED"],
  example: {
    params: {},
    result: { locks: [{ ...lock, updated_at: story.acquired_at, ends_with_node: false, waiting: 0 }] },
  },
});

export type LockView = v.InferOutput<typeof ListResourceLocks.result>["locks"][number];
