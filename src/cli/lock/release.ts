import { RequestRefused } from "../../client/refusals.ts";
import { Failure } from "../exits.ts";
import type { Session } from "../session.ts";
import { oneLine } from "../text.ts";
import { holdersOf } from "./text.ts";
import type { LockKey } from "./keys.ts";
import { ownerOf } from "../environment.ts";

/**
 * Releases keys of one lease, or where none is named of whichever leases the owner has. A key that is not held does not
 * keep the others from being released.
 * @throws {Failure} NOT_FOUND for keys that were not held, with what was released
 */
export async function releaseKeys(
  session: Session,
  keys: readonly LockKey[],
  leaseId: string | undefined,
  given: string | undefined,
): Promise<0> {
  let seq = 0;
  const [released, notHeld]: [LockKey[], LockKey[]] = [[], []];
  for (const key of keys) {
    const leases = leaseId === undefined ? await leasesOf(session, knownOwner(given), key.scope) : [leaseId];
    const done = await releaseFirst(session, leases, key);
    seq = done?.seq ?? seq;
    (done === undefined ? notHeld : released).push(key);
  }
  if (notHeld.length > 0) throw await notHolding(session, { released, notHeld }, leaseId, given);
  session.show({ ok: true, seq }, () => `released ${names(released)}`);
  return 0;
}

async function notHolding(
  session: Session,
  { released, notHeld }: Record<"released" | "notHeld", readonly LockKey[]>,
  leaseId: string | undefined,
  given: string | undefined,
): Promise<Failure> {
  const who = leaseId === undefined ? (ownerOf(given) ?? "you") : `lease ${leaseId}`;
  const done = released.length === 0 ? "" : `; released ${names(released)}`;
  const look = leaseId === undefined ? `agentd lock list --owner ${who}` : "agentd lock list";
  const holders = await holdersOf(session, notHeld);
  return new Failure("NOT_FOUND", `${who} holds no lock on ${names(notHeld)}${done}; see: ${look}${holders}`);
}

const names = (keys: readonly LockKey[]) => keys.map((key) => oneLine(key.resource_key, 200)).join(", ");

/** Releases everything an owner holds, but what ends with a node. */
export async function releaseMine(session: Session, given: string | undefined): Promise<0> {
  const owner = knownOwner(given);
  const { locks } = await session.call("ListResourceLocks", { owner });
  const own = locks.filter(({ ends_with_node: withNode }) => !withNode);
  const resource_keys = own.map(({ resource_key: key }) => key);
  let seq = 0;
  for (const lease_id of new Set(own.map(({ lease_id: id }) => id))) {
    ({ seq } = await session.call("ReleaseResourceLock", { lease_id }));
  }
  const what = own.length === 0 ? "nothing" : resource_keys.map((key) => oneLine(key, 200)).join(", ");
  session.show({ ok: true, resource_keys, seq }, () => `released ${what}`);
  return 0;
}

/** @throws {Failure} USAGE where nobody is named: anonymous locks are anybody's. */
export function knownOwner(given: string | undefined): string {
  const owner = ownerOf(given);
  if (owner !== undefined) return owner;
  throw new Failure(
    "USAGE",
    "whose locks? name the lease with --lease LEASE, or the owner with --owner or AGENTD_OWNER",
  );
}

async function leasesOf(session: Session, owner: string, scope: string | undefined): Promise<string[]> {
  const { locks } = await session.call("ListResourceLocks", { owner, scope });
  const own = locks.filter((lock) => (scope ?? null) === lock.scope);
  return [...new Set(own.map(({ lease_id: id }) => id))];
}

/** A key may be spelled otherwise than it was taken, so the daemon says which lease has it. */
async function releaseFirst(
  session: Session,
  leases: readonly string[],
  { resource_key, scope }: LockKey,
): Promise<{ seq: number } | undefined> {
  for (const lease_id of leases) {
    try {
      return await session.call("ReleaseResourceLock", { resource_key, scope, lease_id });
    } catch (cause) {
      const isOthers = cause instanceof RequestRefused && (cause.kind === "NOT_FOUND" || cause.kind === "LEASE_LOST");
      if (!isOthers) throw cause;
    }
  }
  return undefined;
}
