import type { ErrorKind } from "../../src/protocol/errors.ts";
import type { MethodName, ParamsInput } from "../../src/protocol/methods.ts";
import { nobody, type World } from "./world.ts";

/** For each method, parameters of a call that succeeds, on state made for it. */
export type Calls = { [Name in MethodName]: (world: World) => Promise<ParamsInput<Name>> };

/** For each method, parameters with which it refuses as its row says. */
export type Provocations = {
  [Name in MethodName]: Partial<Record<ErrorKind, (world: World) => Promise<ParamsInput<Name>>>>;
};

export const lockCalls = {
  AcquireResourceLock: async (world) => ({ resource_key: world.newName(), owner: "worker", ttl_secs: 60 }),
  AcquireResourceLocks: async (world) => ({
    locks: [{ resource_key: `name:${world.newName()}` }, { resource_key: `dir:${world.newName()}`, mode: "shared" }],
    scope: world.newName(),
    wait_ms: 1_000,
  }),
  HeartbeatResourceLock: (world) => world.lock(),
  ReleaseResourceLock: (world) => world.lock(),
  ForceReleaseResourceLock: async (world) => ({ resource_key: (await world.lock()).resource_key, reason: "it hangs" }),
  CheckResourceLocks: async (world) => ({
    locks: [{ resource_key: (await world.lock()).resource_key }],
    paths: [world.newName()],
  }),
  ListResourceLocks: async () => ({}),
  RecordGuardBypass: async () => ({ guard: "pre-commit", resource_keys: ["file:a"], count: 1 }),
} satisfies Partial<Calls>;

export const lockRefusals = {
  AcquireResourceLock: {
    DEADLOCK: async (world) => ({ resource_key: (await world.lock("ann")).resource_key, owner: "ann", wait_ms: 1_000 }),
    LIMIT_EXCEEDED: async () => ({ resource_key: `file:${"a".repeat(4_097)}`, scope: "s" }),
  },
  AcquireResourceLocks: {
    LEASE_LOST: async (world) => ({ locks: [{ resource_key: world.newName() }], lease_id: nobody }),
    DEADLOCK: async (world) => ({ locks: [await world.lock("ann")], owner: "ann", wait_ms: 1_000 }),
    LIMIT_EXCEEDED: async () => ({ locks: [{ resource_key: `glob:${"a".repeat(1_025)}` }] }),
  },
  HeartbeatResourceLock: {
    NOT_FOUND: async () => ({ resource_key: "nobody's", lease_id: nobody }),
    LEASE_LOST: async (world) => ({ ...(await world.lock()), lease_id: nobody }),
    INVALID_STATE: async (world) => ({ lease_id: (await world.runningWithLock()).lease_id }),
  },
  ReleaseResourceLock: {
    NOT_FOUND: async () => ({ resource_key: "nobody's", lease_id: nobody }),
    LEASE_LOST: async (world) => ({ ...(await world.lock()), lease_id: nobody }),
  },
  ForceReleaseResourceLock: {
    NOT_FOUND: async () => ({ resource_key: "nobody's", reason: "why" }),
  },
  CheckResourceLocks: {
    LIMIT_EXCEEDED: async () => ({ paths: ["a".repeat(4_097)] }),
  },
  ListResourceLocks: {},
  RecordGuardBypass: {},
} satisfies Partial<Provocations>;
