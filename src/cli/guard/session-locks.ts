import { RequestRefused } from "../../client/refusals.ts";
import { limits } from "../../protocol/limits.ts";
import { type Caller, chunks, heldByOthers, holdings, type Wanted } from "./check.ts";
import type { Identity } from "./identity.ts";
import type { Held } from "./verdict.ts";

/** How long a session keeps its locks after its last edit. */
const ttl_secs = 900;
/** How often what is free is tried to be taken. */
const attemptsMax = 3;

/** Whose session takes locks, and what it says of itself. */
export interface SessionOwner {
  owner: string;
  provider: string;
  intent: string;
}

/**
 * Takes the locks of an edit for the session, or gives what others hold of it. What is the session's own already, or its
 * environment's, is not taken twice. A session's locks share a lease, found by its owner, until that is full; each edit keeps
 * all of them. Where the session works on a node of `agentd run`, that lease comes first, and ends with the node. Nothing is taken while others hold any of it; between two scopes that is no single step.
 */
export async function lockForSession(
  client: Caller,
  wanted: readonly Wanted[],
  session: SessionOwner,
  identity: Identity,
): Promise<Held[]> {
  const missing: Wanted[] = [];
  for (const each of wanted) {
    const held = await holdings(client, each, identity);
    const others = heldByOthers(held);
    if (others.length > 0) return others;
    missing.push({ ...each, paths: held.flatMap(({ path, own }) => (own.length === 0 ? [path] : [])) });
  }
  const leases = new Map([...(await nodeLease(client, identity)), ...(await keptLeases(client, session))]);
  for (const { paths, ...of } of missing) {
    for (const part of chunks(paths)) {
      const inTheWay = await takePart(client, { ...of, paths: part }, session, identity, leases);
      if (inTheWay.length > 0) return inTheWay;
    }
  }
  return [];
}

/** Takes locks that were free, or gives who came between. It may have been the same session, which asks many times at once. */
async function takePart(
  client: Caller,
  { paths, ...of }: Wanted,
  session: SessionOwner,
  identity: Identity,
  leases: Map<string, number>,
): Promise<Held[]> {
  let missing = paths;
  for (let attempt = 1; ; attempt++) {
    const roomy = [...leases].find(([, count]) => count + missing.length <= limits.leaseLocksMax)?.[0];
    const taken = await take(client, { ...of, paths: missing }, session, roomy, identity);
    if (taken !== null) {
      leases.set(taken, (leases.get(taken) ?? 0) + missing.length);
      return [];
    }
    const held = await holdings(client, { ...of, paths: missing }, identity);
    const others = heldByOthers(held);
    if (others.length > 0) return others;
    const free = held.filter(({ own }) => own.length === 0);
    if (free.length === 0) return [];
    // Whoever it was is gone again, or others are in line.
    if (attempt === attemptsMax) return free.map(({ path, waiting }) => ({ path, holders: [], waiting }));
    missing = free.map(({ path }) => path);
  }
}

/** Gives back all that a session holds. */
export async function releaseSession(client: Caller, session: Pick<SessionOwner, "owner" | "provider">): Promise<void> {
  for (const lease_id of (await leasesOf(client, session)).keys()) {
    await unlessLost(client.call("ReleaseResourceLock", { lease_id }));
  }
}

/** A session's leases, with how many locks each has. */
async function leasesOf(
  client: Caller,
  { owner, provider }: Pick<SessionOwner, "owner" | "provider">,
): Promise<Map<string, number>> {
  const { locks } = await client.call("ListResourceLocks", { owner });
  const leases = new Map<string, number>();
  for (const lock of locks) {
    if (lock.provider === provider) leases.set(lock.lease_id, (leases.get(lock.lease_id) ?? 0) + 1);
  }
  return leases;
}

/** The lease of the node that is worked on, with how many locks it has. */
async function nodeLease(client: Caller, { node }: Identity): Promise<Map<string, number>> {
  if (node === undefined) return new Map();
  const { locks } = await client.call("ListResourceLocks", { lease_id: node.lease_id });
  return new Map([[node.lease_id, locks.length]]);
}

/** The same, each kept for longer. */
async function keptLeases(client: Caller, session: SessionOwner): Promise<Map<string, number>> {
  const leases = await leasesOf(client, session);
  for (const lease_id of leases.keys()) {
    const kept = await unlessLost(client.call("HeartbeatResourceLock", { lease_id, ttl_secs }));
    if (kept === null) leases.delete(lease_id);
  }
  return leases;
}

/** The lease the locks were taken under; null when somebody came between. */
async function take(
  client: Caller,
  { scope, paths }: Wanted,
  { owner, provider, intent }: SessionOwner,
  lease_id: string | undefined,
  { node }: Identity,
): Promise<string | null> {
  const locks = paths.map((path) => ({ resource_key: `file:${path}` }));
  const about =
    node !== undefined && node.lease_id === lease_id ? { task_id: node.task_id, node_id: node.node_id } : {};
  const wish = { locks, owner, provider, scope, ttl_secs, metadata: { intent }, lease_id, ...about };
  const taken = await client.call("AcquireResourceLocks", wish);
  return taken?.lease_id ?? null;
}

/** A lease that ended meanwhile has nothing left to keep or give back. */
async function unlessLost<Result>(answer: Promise<Result>): Promise<Result | null> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof RequestRefused && ["LEASE_LOST", "NOT_FOUND"].includes(cause.kind)) return null;
    throw cause;
  }
}
