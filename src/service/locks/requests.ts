import { type Decision, isRefusal, refuse, type Unusable } from "../../core/decision.ts";
import { isOver } from "../../core/locks/lock.ts";
import type { LockWish, WantedLock } from "../../core/locks/queue.ts";
import type { HeldKey, LockHead, LockGrant } from "../../core/model.ts";
import type { Json } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import type { Params } from "../../protocol/methods.ts";
import type { LockMode } from "../../protocol/types.ts";
import type { LeasedLock } from "../../store/reads.ts";
import type { Context } from "../handler.ts";
import { tooMuchToCompare } from "./conflicts.ts";
import { heldKey } from "./resource-keys.ts";

/** A request for locks, its keys read. */
export interface LockRequest {
  wish: LockWish;
  keys: readonly HeldKey[];
  /** As the client named them. */
  named: readonly NamedLock[];
  /** What the client wished; null: as long as a node's, or as the lease it is added to. */
  ttlMs: number | null;
  waitMs: number;
  taskId: string | null;
  nodeId: string | null;
  metadata: Json;
}

/** A key as a client names it, with its scope; none is the global one. */
export interface NamedLock {
  resource_key: string;
  mode: LockMode;
  scope?: string | null | undefined;
}

type Common = Omit<Params<"AcquireResourceLocks">, "locks">;

/** Reads a request for keys of one scope. The original's calls know no rules: `lenient` takes any key. */
export function lockRequest(
  named: LockRequest["named"],
  params: Common,
  lenient: boolean,
  context: Context,
): Decision<LockRequest, Unusable> {
  const read = readKeys(named.map(inItsScope), context, lenient);
  if (isRefusal(read)) return read;
  const metadata = params.metadata as Json;
  const { owner, provider = null, lease_id: leaseId = null, task_id = null, node_id = null, ttl_secs: ttl } = params;
  const ttlMs = ttl === null || ttl === undefined ? null : lockTtlMs(ttl, context);
  const wish = { locks: read.map(({ wanted }) => wanted), leaseId, owner, provider, sinceMs: context.nowMs };
  const about = { taskId: task_id, nodeId: node_id, metadata };
  return { wish, keys: read.map(({ held }) => held), named, ttlMs, waitMs: params.wait_ms, ...about };
}

/** With its scope as it is compared. */
export const inItsScope = <Named extends { scope?: string | null | undefined }>(named: Named) => ({
  ...named,
  scope: named.scope ?? "",
});

/** Keys as they are compared and stored; of two spellings of one key the first, in the stronger mode. */
export function readKeys(
  named: readonly { resource_key: string; mode: LockMode; scope: string }[],
  { keys, reads, budget }: Context,
  lenient = false,
): Decision<{ wanted: WantedLock; held: HeldKey }[], Unusable> {
  const read = new Map<string, { wanted: WantedLock; held: HeldKey }>();
  for (const { resource_key: written, mode: wished, scope } of named) {
    const ignoreCase = keys.ignoresCase(scope, reads);
    const key = lenient ? keys.readLenient(written, ignoreCase, budget) : keys.read(written, scope, ignoreCase, budget);
    if (isRefusal(key)) return key;
    if (budget.isSpent) return tooMuchToCompare();
    const name = `${scope}\0${key.normal}`;
    const before = read.get(name);
    const mode = stronger(wished, before?.wanted.mode);
    const first = before?.wanted.key ?? key;
    read.set(name, { wanted: { scope, key: first, mode }, held: heldKey(first, scope, mode, ignoreCase) });
  }
  return [...read.values()];
}

/** A grant under a new lease. */
export function newLease(
  { wish, keys, ttlMs, taskId, nodeId, metadata }: LockRequest,
  context: Context,
): Decision<LockGrant, "LIMIT_EXCEEDED"> {
  const { nowMs } = context;
  const ms = ttlMs ?? lockTtlMs(null, context);
  const { owner, provider } = wish;
  const lease = { leaseId: context.newId(), owner, provider, endsWithNode: false, expiresAtMs: nowMs + ms, ttlMs: ms };
  return withinBytes({ ...lease, locks: keys, taskId, nodeId, metadata, acquiredAtMs: nowMs }, []);
}

/** The grant a request asks for. Under a lease of its own it has that lease's owner, deadline and end. */
export function grantFor(request: LockRequest, context: Context): Decision<LockGrant, "LEASE_LOST" | "LIMIT_EXCEEDED"> {
  const { reads, nowMs } = context;
  const { wish, keys, metadata } = request;
  const { leaseId } = wish;
  if (leaseId === null) return newLease(request, context);
  const held = reads.locks.ofLease(leaseId);
  const lease = leaseOf(request, leaseId, held, context);
  if (isRefusal(lease)) return lease;
  const locks = keys.map((key) => asHeld(key, held));
  const got = held.length + locks.filter((key) => !held.some((lock) => isSameKey(lock, key))).length;
  if (got > limits.leaseLocksMax) return tooManyLocks(leaseId, got);
  return withinBytes({ ...lease, locks, metadata, acquiredAtMs: nowMs }, held);
}

/** The grant, unless the lease would store too much with it. One key may have as much as a request. */
export function withinBytes(grant: LockGrant, held: readonly LeasedLock[]): Decision<LockGrant, "LIMIT_EXCEEDED"> {
  const { locks, owner, provider, metadata } = grant;
  const others = held.filter((lock) => !locks.some((key) => isSameKey(key, lock)));
  const keys = others.length + locks.length;
  if (keys === 1) return grant;
  const each = Buffer.byteLength(owner) + Buffer.byteLength(provider ?? "");
  const told = locks.length * Buffer.byteLength(JSON.stringify(metadata));
  const got = others.reduce((sum, { metadataBytes }) => sum + metadataBytes, told) + keys * each;
  return got > limits.leaseMetadataBytesMax ? tooMuchMetadata(got) : grant;
}

/** The wish, the node timeout when there is none, and never less than the contract's second. */
export function lockTtlMs(ttlSecs: number | null | undefined, { settings }: Context): number {
  return Math.min(Math.max(ttlSecs ?? settings.nodeTimeoutSecs, 1), limits.ttlSecsMax) * 1000;
}

function leaseOf(request: LockRequest, leaseId: string, held: readonly LockHead[], context: Context) {
  const { reads, nowMs } = context;
  const [lock] = held;
  if (lock !== undefined && !isOver(lock, nowMs)) {
    const { owner, provider, endsWithNode } = lock;
    const ttlMs = request.ttlMs ?? lock.ttlMs;
    const time = endsWithNode
      ? { expiresAtMs: lock.expiresAtMs, ttlMs: lock.ttlMs }
      : { expiresAtMs: nowMs + ttlMs, ttlMs };
    const of = endsWithNode
      ? { taskId: lock.taskId, nodeId: lock.nodeId }
      : { taskId: request.taskId ?? lock.taskId, nodeId: request.nodeId ?? lock.nodeId };
    return { leaseId, owner, provider, endsWithNode, ...time, ...of };
  }
  const node = lock === undefined && request.nodeId !== null ? reads.nodes.head(request.nodeId) : null;
  if (node === null || node.lease?.id !== leaseId) return lostLease(leaseId, request.nodeId);
  const { expiresAtMs, ttlMs, owner } = node.lease;
  const named = { owner: owner ?? request.wish.owner, provider: request.wish.provider };
  return { leaseId, ...named, endsWithNode: true, expiresAtMs, ttlMs, taskId: node.taskId, nodeId: node.id };
}

/** A key the lease holds already keeps its first spelling, and loses nothing of its mode. */
function asHeld(key: HeldKey, held: readonly LockHead[]): HeldKey {
  const lock = held.find((one) => isSameKey(one, key));
  return lock === undefined ? key : { ...key, resourceKey: lock.resourceKey, mode: stronger(key.mode, lock.mode) };
}

const isSameKey = (a: HeldKey, b: HeldKey) => a.scope === b.scope && a.normalKey === b.normalKey;

const stronger = (a: LockMode, b: LockMode | undefined): LockMode => (b === "exclusive" ? b : a);

function lostLease(leaseId: string, nodeId: string | null) {
  const ofNode = nodeId === null ? "; to hold locks under a running node's lease, give its node_id, too" : "";
  const message = `locks cannot be added to lease ${leaseId}: it is not current: it was released, has expired or was revoked${ofNode}; acquire again without lease_id`;
  return refuse("LEASE_LOST", message, { lease_id: leaseId, node_id: nodeId });
}

function tooMuchMetadata(got: number) {
  const max = limits.leaseMetadataBytesMax;
  const message = `metadata, owner and provider are stored with each key of a lease and would take ${got} bytes, and the limit is ${max}; keep them short and write the rest to the journal with CommitEvent`;
  return refuse("LIMIT_EXCEEDED", message, { limit: "lease_metadata_bytes_max", max, got });
}

function tooManyLocks(leaseId: string, got: number) {
  const max = limits.leaseLocksMax;
  const message = `lease ${leaseId} would hold ${got} keys and the limit is ${max}; lock a directory instead of its files`;
  return refuse("LIMIT_EXCEEDED", message, { limit: "lease_locks_max", max, got, lease_id: leaseId });
}
