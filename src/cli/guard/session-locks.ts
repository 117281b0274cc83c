import type { Client } from "../../client/client.ts";
import { RequestRefused } from "../../client/refusals.ts";
import { chunks, heldByOthers, holdings, type Wanted } from "./check.ts";
import type { Identity } from "./identity.ts";
import type { Held } from "./verdict.ts";

/** How long a session keeps its locks after its last edit. */
const ttl_secs = 900;

/** Whose session takes locks, and what it says of itself. */
export interface SessionOwner {
  owner: string;
  provider: string;
  intent: string;
}

/**
 * Takes the locks of an edit for the session, or gives what others hold of it. What is the session's own already, or its
 * environment's, is not taken twice. All of a session's locks share one lease, found by its owner, and each edit keeps all of
 * them. Nothing is taken while others hold any of it; between two scopes that is no single step.
 */
export async function lockForSession(
  client: Client,
  wanted: readonly Wanted[],
  session: SessionOwner,
  identity: Identity,
): Promise<Held[]> {
  const missing: Wanted[] = [];
  for (const each of wanted) {
    const held = await holdings(client, each, identity);
    const others = heldByOthers(held);
    if (others.length > 0) return others;
    missing.push({ scope: each.scope, paths: held.flatMap(({ path, own }) => (own.length === 0 ? [path] : [])) });
  }
  let lease = await leaseOf(client, session);
  if (lease !== undefined && !(await keep(client, lease))) lease = undefined;
  for (const { scope, paths } of missing) {
    for (const part of chunks(paths)) {
      const taken: string | null = await take(client, { scope, paths: part }, session, lease);
      if (taken === null) return lostRace(client, { scope, paths: part }, identity);
      lease = taken;
    }
  }
  return [];
}

/** Gives back all that a session holds. */
export async function releaseSession(client: Client, session: Pick<SessionOwner, "owner" | "provider">): Promise<void> {
  const { locks } = await client.call("ListResourceLocks", { owner: session.owner });
  const own = locks.filter(({ provider }) => provider === session.provider);
  for (const lease_id of new Set(own.map((lock) => lock.lease_id))) {
    await unlessLost(client.call("ReleaseResourceLock", { lease_id }));
  }
}

async function leaseOf(client: Client, { owner, provider }: SessionOwner): Promise<string | undefined> {
  const { locks } = await client.call("ListResourceLocks", { owner });
  return locks.find((lock) => lock.provider === provider)?.lease_id;
}

async function keep(client: Client, lease_id: string): Promise<boolean> {
  return (await unlessLost(client.call("HeartbeatResourceLock", { lease_id, ttl_secs }))) !== null;
}

/** The lease the locks were taken under; null when somebody came between. */
async function take(
  client: Client,
  { scope, paths }: Wanted,
  { owner, provider, intent }: SessionOwner,
  lease_id: string | undefined,
): Promise<string | null> {
  const locks = paths.map((path) => ({ resource_key: `file:${path}` }));
  const wish = { locks, owner, provider, scope, ttl_secs, metadata: { intent }, lease_id };
  const taken = await client.call("AcquireResourceLocks", wish);
  return taken?.lease_id ?? null;
}

/** Who was quicker, or is in line. Whoever it was may be gone again: then trying again helps. */
async function lostRace(client: Client, wanted: Wanted, identity: Identity): Promise<Held[]> {
  const held = await holdings(client, wanted, identity);
  const others = heldByOthers(held);
  return others.length > 0 ? others : held.map(({ path, waiting }) => ({ path, holders: [], waiting }));
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
