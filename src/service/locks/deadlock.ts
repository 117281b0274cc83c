import { refuse, type Refusal } from "../../core/decision.ts";
import { secondsLeft } from "../../core/lease/lease.ts";
import type { Link } from "../../core/locks/deadlock.ts";
import type { LockWish } from "../../core/locks/queue.ts";
import type { LockHead } from "../../core/model.ts";
import type { Json } from "../../protocol/json.ts";

/** Refuses a wait with the circle it would close: each waits for the next, and the last holds what the first wants. */
export function deadlock(circle: readonly Link[], nowMs: number): Refusal<"DEADLOCK"> {
  const steps = circle.map(stepText);
  const message = `waiting would never end: ${steps.join("; ")}; release what you hold, or ask for all of it at once`;
  return refuse("DEADLOCK", message, { circle: circle.map((link) => stepFacts(link, nowMs)) });
}

function stepText({ waiter, wanted, holder, meets }: Link): string {
  const key = wanted.key.written;
  const other = meets === key ? "it" : meets;
  if (isLock(holder)) return `${nameOf(waiter)} wants ${key}, and ${nameOf(holder)} holds ${other}`;
  return `${nameOf(waiter)} wants ${key}, and ${nameOf(holder)} waits for ${other} before`;
}

function stepFacts({ waiter, wanted, holder, meets }: Link, nowMs: number): Json {
  return {
    waiter: partyFacts(waiter),
    wants: wanted.key.written,
    scope: wanted.scope === "" ? null : wanted.scope,
    ...(isLock(holder)
      ? { held_by: partyFacts(holder), holds: meets, secs_left: secondsLeft(holder.expiresAtMs, nowMs) }
      : { behind: partyFacts(holder), which_waits_for: meets }),
  };
}

const partyFacts = ({ owner, provider, leaseId }: LockWish | LockHead): Json => ({
  owner,
  provider,
  lease_id: leaseId,
});

const nameOf = ({ owner, provider }: LockWish | LockHead) =>
  provider === null ? JSON.stringify(owner) : `${JSON.stringify(owner)} (${provider})`;

const isLock = (holder: LockHead | LockWish): holder is LockHead => "resourceKey" in holder;
